"""Name the step at which the kernel refused, so that a lab that cannot be built says where it stopped."""

from types import TracebackType


class RefusedStep(Exception):
    """The kernel refused at this step. Args: step, in a word or two; error, its refusal as it was."""

    def __init__(self, step: str, error: OSError) -> None:
        super().__init__(step, error)
        self.step, self.error = step, error

    @property
    def message(self) -> tuple[str, str, int, str]:
        """What the notebook is told."""
        return ("refused", self.step, self.error.errno or 0, str(self.error))


class step:
    """Do something under a name, `with step("unshare"):`, so that an OSError leaves as RefusedStep."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, OSError):
            raise RefusedStep(self.name, error) from None

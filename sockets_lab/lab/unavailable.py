"""Why a lab of separate network stacks cannot be had here."""

import os

from sockets_lab.errors import refusal


class LabUnavailable(Exception):
    """Separate network stacks cannot be had here.

    step: what was tried when it ended; name: the errno's name; because: what it means here.
    """

    def __init__(self, step: str, name: str, because: str) -> None:
        super().__init__(step, name, because)
        self.step, self.name, self.because = step, name, because

    def __str__(self) -> str:
        return (
            f"No nodes with network stacks of their own here: {self.step} was refused, {self.name}, {self.because}. "
            "Pass fallback=True for a lab on loopback addresses."
        )

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def unavailable(step: str, number: int, text: str) -> LabUnavailable:
    """Explain the refusal of a step. Args: number, the errno, 0 where there is none; text, what else is known."""
    if not number:
        return LabUnavailable(step, "no errno", text)
    told = refusal(OSError(number, text or os.strerror(number)), "unshare")
    return LabUnavailable(step, told.name, told.because)

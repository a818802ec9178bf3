"""Why a lab of separate network stacks cannot be had here."""

import errno
import os

from sockets_lab.errors import Refused, refusal

REASONS = {
    "EPERM": "this system does not let an ordinary user make network stacks, as in most containers",
    "EACCES": "a security rule of this system forbids it",
    "ENOSPC": "the limit of how many of them there may be is reached, or it is set to none",
    "EUSERS": "they are nested too deep already",
    "ENOSYS": "this system has no such call",
    "EINVAL": "this system's kernel was built without them",
    "EOPNOTSUPP": "this system's kernel was built without a part that they need",
}


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
    told: Refused = refusal(OSError(number, text or os.strerror(number)))
    name = errno.errorcode.get(number, told.name)
    return LabUnavailable(step, name, REASONS.get(name, told.because))

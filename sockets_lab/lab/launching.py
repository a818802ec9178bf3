"""Start the processes of a lab, speak to its switch, and say why a lab cannot be had here."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from threading import Lock
from typing import Any

from sockets_lab.errors import Plain, Refused, refusal
from sockets_lab.kernel import HOME
from sockets_lab.lab.rpc import uninterrupted
from sockets_lab.netns.channel import Channel

BUILDING = 10.0  # seconds in which a lab is built, or never will be
ENDING = 5.0  # seconds in which its processes have ended
ANSWER = 5.0  # seconds for what the kernel does at once; a cable that is plugged in needs some milliseconds
PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from sockets_lab.netns import {0}; {0}.main(int(sys.argv[2]))"


class LabUnavailable(Plain, Exception):
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


def unavailable(step: str, number: int, text: str) -> LabUnavailable:
    """Explain the refusal of a step. Args: number, the errno, 0 where there is none; text, what else is known."""
    if not number:
        return LabUnavailable(step, "no errno", text)
    told = refusal(OSError(number, text or os.strerror(number)), "unshare")
    return LabUnavailable(step, told.name, told.because)


def line(near_ends: ExitStack, far_ends: ExitStack) -> tuple[Channel, int]:
    """Make a line to a process that is about to start. Returns: our end, and the descriptor of the far end."""
    near, far = socket.socketpair()
    near_ends.callback(near.close)
    far_ends.callback(far.close)
    return Channel(near), far.fileno()


def start(module: str, argument: int, inherited: list[int], stdin: int = subprocess.DEVNULL) -> subprocess.Popen:
    """Start a bare interpreter, which loads little, on `main(argument)` of a module of `netns`.

    Args: inherited, descriptors that it gets under the same numbers. Its session is its own: the signals that are sent
        to the notebook's group, such as the stop button's, do not reach it.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", PROGRAM.format(module), HOME, str(argument)],
        stdin=stdin, stdout=subprocess.DEVNULL, pass_fds=inherited, start_new_session=True,
    )  # fmt: skip


def end(process: subprocess.Popen) -> None:
    """Wait for a process that has lost its lifeline, or was told to end; kill it where it does not."""
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also where the stop button ends the wait
        process.kill()
        process.wait()


class Switch:
    """The launcher's process, and the line to the switch that it forks. Owned by the stack that it is given."""

    def __init__(self, plan: list[dict[str, Any]], lab: ExitStack) -> None:
        """Build the nodes of a plan. Raises: LabUnavailable, with the step that was refused."""
        self._one_question = Lock()
        with ExitStack() as far_ends:
            self._channel, far = line(lab, far_ends)
            inherited = [far, *(node[what] for node in plan for what in ("work", "service"))]
            try:
                process = start("launcher", far, inherited)
            except (OSError, ValueError) as error:  # ValueError: on Windows nothing can be inherited in this way
                raise unavailable("the launcher's start", getattr(error, "errno", 0), str(error)) from None
            lab.callback(end, process)
            lab.callback(self._channel.close)  # this happens first, and is what ends the process
        told = {"kind": "namespaces", "notebook": os.getpid(), "path": sys.path, "nodes": plan}
        self.processes: list[int] = self._ask(told, BUILDING)

    def tell(self, function: str, *arguments: Any) -> Refused | None:
        """Let the switch do something with a cable (`netns.cables`). Returns: None, or what the kernel refused."""
        try:
            with uninterrupted():  # or its answer would be taken for the next one's
                self._ask((function, *arguments), ANSWER)
        except LabUnavailable as refused:
            return Refused(refused.name, refused.because)
        return None

    def _ask(self, message: Any, patience: float) -> Any:
        with self._one_question:
            try:
                self._channel.send(message)
                (answer, *content), _ = self._channel.receive(patience)
            except (EOFError, OSError) as error:
                raise unavailable("building", 0, f"its processes ended ({type(error).__name__})") from None
        if answer == "refused":
            raise unavailable(*content)
        return content[0] if content else None

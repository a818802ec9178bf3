"""Debian's knockd in a lab's node. Where it is not installed, or nothing can be captured, the answer is a `Refused`.

Source: knockd(1).
"""

import os
import shutil
import subprocess
from collections.abc import Iterable

from sockets_lab.errors import Refused
from sockets_lab.kernel.connecting import until
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.launching import end
from sockets_lab.lessons.knocking.locks import WINDOW, Knock, sequence_of
from sockets_lab.model import Closing
from sockets_lab.netns.cables import INTERFACE

PATIENCE = 10.0  # seconds for a program to begin, to end, or to be done
CONFIGURATION = """
[options]
    logfile = /dev/fd/{log}
[door]
    sequence = {sequence}
    seq_timeout = {window}
    tcpflags = syn
    command = echo %IP%
"""
MOST = 1 << 20  # bytes that are read of what it wrote


def installed(program: str) -> str | Refused:
    """Return where a program is, also where only administrators look; "ENOENT" where it is not installed."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")
    return found or Refused("ENOENT", f"{program} is not installed here: on Debian, `apt install knockd` brings it")


class Knockd(Closing):
    """Debian's knock daemon at work in a node. What it does when a sequence is right is harmless: it says for whom.

    refused: None, or why there is none here. Use it in a `with`, or close it.
    """

    def __init__(
        self, lab: Lab, node: Node, sequence: str | Iterable[Knock | str | int], window: float = WINDOW
    ) -> None:
        self._node, self._number = node, 0
        self.refused: Refused | None = None
        self.sequence = sequence_of(sequence)
        found = installed("knockd")
        if lab.kind != "namespaces":
            self.refused = Refused("ENOSYS", "knockd reads a cable, and nodes on loopback have none")
        elif isinstance(found, Refused):
            self.refused = found
        else:
            self._begin(found, window)

    def opened_for(self, source: str, patience: float = PATIENCE) -> bool:
        """Wait until it has opened for a source, and tell whether it did within `patience` seconds."""
        return self.refused is None and until(lambda: f"{source}: door: OPEN SESAME" in self.log, patience)

    @property
    def log(self) -> str:
        """What it wrote down."""
        text: str = self._node.run(_written, self._number) if self._number else ""
        return text

    def _begin(self, program: str, window: float) -> None:
        sequence, seconds = ",".join(map(str, self.sequence)), max(round(window), 1)
        try:
            self._number = self._node.run(_start, [program, "-4", "-i", INTERFACE], sequence, seconds)
            if not until(lambda: "listening" in self.log or self._node.run(_ended, self._number), PATIENCE):
                self.refused = Refused("DEADLINE", "knockd did not begin to listen in time")
            elif "listening" not in self.log:
                self.refused = Refused("unknown", f"knockd ended at once: {self.log.strip()}")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the program; harmless when done twice."""
        if self._number:
            self._node.run(_stop, self._number)
            self._number = 0


# These run in the node's process, and end with it at the latest: the lab takes all its processes with it. The program's
# files have no name in any folder, so a notebook that is killed leaves none. Source: memfd_create(2)


_running: dict[int, tuple[subprocess.Popen, int]] = {}  # by process id: the program, and the descriptor of its log


def _start(command: list[str], sequence: str, window: int) -> int:
    log = os.memfd_create("log")
    with open(os.memfd_create("configuration"), "w", encoding="ascii") as configuration:
        configuration.write(CONFIGURATION.format(log=log, sequence=sequence, window=window))
        configuration.flush()
        try:
            process = subprocess.Popen(
                [*command, "-c", f"/dev/fd/{configuration.fileno()}"], pass_fds=[configuration.fileno(), log],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except BaseException:
            os.close(log)
            raise
    _running[process.pid] = process, log
    return process.pid


def _written(number: int) -> str:
    return os.pread(_running[number][1], MOST, 0).decode(errors="replace")


def _ended(number: int) -> bool:
    return _running[number][0].poll() is not None


def _stop(number: int) -> None:
    process, log = _running.pop(number)
    process.terminate()
    end(process)
    os.close(log)

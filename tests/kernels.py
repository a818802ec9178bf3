"""A real kernel, on a machine that may be made a poorer one, and what a lesson says in it: for tests and benchmarks."""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
VERDICT = re.compile(r'^lesson\.verdict\("(.+)"\)', re.MULTILINE)
STARTED, ANSWERED, ENDED = 120.0, 180.0, 10.0  # seconds, for a busy machine
SILENT = 10.0  # seconds after the kernel's reply in which all messages have come
MOMENT = 0.2  # seconds between two counts
SWEPT = 12.0  # seconds: every ten of them ipykernel closes what threads had that printed something and have ended
CLOSED = ("Everything is closed", "Left open: nothing")  # how a lesson ends, and the bench
# Files are Jupyter's history and matplotlib's fonts; a child that ended waits for whoever starts the next one
PROBE = """
import gc, json, os, stat, sys, threading, psutil
from contextlib import suppress
sys.last_type = sys.last_value = sys.last_traceback = None
gc.collect()
kinds = []
for number in map(int, os.listdir("/proc/self/fd")):
    with suppress(OSError):  # the history's thread may close its files meanwhile, and this list's own is closed already
        kinds.append(stat.S_IFMT(os.fstat(number).st_mode))
alive = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
print(json.dumps({"descriptors": sum(kind not in (stat.S_IFREG, stat.S_IFDIR) for kind in kinds),
                  "threads": len(threading.enumerate()), "children": len(alive)}))
"""


class KernelDied(RuntimeError):
    """The kernel's process is gone."""


class MessageLost(TimeoutError):
    """A cell has ended, as the kernel's reply says, and no message of Jupyter's tells it to who looks at the cell."""


class HalfMessage(ValueError):
    """Jupyter sent a part of a message, and behind it the next one, which stands in the error's text."""


class _Session(Session):
    """Jupyter's messages, of which one that cannot be read is shown."""

    def deserialize(self, msg_list: list, content: bool = True, copy: bool = True) -> dict[str, Any]:
        try:
            message: dict[str, Any] = super().deserialize(msg_list, content, copy)
        except ValueError as broken:
            parts = [bytes(getattr(part, "bytes", part)).decode(errors="replace") for part in msg_list]
            raise HalfMessage(f"{broken}: {parts}") from None
        return message


@dataclass
class Said:
    """What one cell put out. announced: the lesson says that it ends in an error; trace: how that was shown."""

    source: str
    announced: bool = False
    text: str = ""
    error: str = ""
    trace: str = ""

    @property
    def is_sentence(self) -> bool:
        """Whether an error was told in one line, as the course tells its own, and not by a traceback."""
        return len(self.trace.strip().splitlines()) <= 1


def cells(path: Path) -> list[tuple[str, bool]]:
    """Return the code cells of a notebook, each with whether it announces an error."""
    code = (cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    return [(cell.source, "raises-exception" in cell.metadata.get("tags", ())) for cell in code]


class Kernel:
    """A kernel that talks over files, and has a folder of its own for temporary ones. Use it in a `with`."""

    def __init__(self, inside: Sequence[str] = (), **environment: str) -> None:
        """Args: inside: a command that runs the kernel's command, given behind it, in surroundings of its own."""
        self.folder = Path(tempfile.mkdtemp(prefix="kernel-"))
        self.folder.chmod(0o755)
        self.scratch = self.folder / "tmp"
        self.scratch.mkdir()
        self.scratch.chmod(0o1777)
        self.mark = uuid.uuid4().hex
        self._environment = os.environ | {"SOCKETS_LAB_MARK": self.mark, "TMPDIR": str(self.scratch)} | environment
        transport = "ipc" if os.name == "posix" else "tcp"
        connection = str(self.folder / "kernel.json")
        self._replies = set[str]()
        self._manager = KernelManager(
            kernel_name="python3", transport=transport, connection_file=connection, session=_Session()
        )
        self._manager.kernel_spec.argv[:1] = [*inside, sys.executable]

    def __enter__(self) -> "Kernel":
        with (self.folder / "log").open("wb") as log:
            self._manager.start_kernel(cwd=str(NOTEBOOKS), env=self._environment, stdout=log, stderr=log)
        self.process: subprocess.Popen = self._manager.provisioner.process
        self._client: BlockingKernelClient = self._manager.client()
        self._client.start_channels()
        try:
            self._client.wait_for_ready(STARTED)
        except BaseException as died:
            log = self.log()
            self.__exit__()
            raise KernelDied(f"{died} {log}") from died
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, source: str) -> str:
        """Begin to run a cell. Returns: what its messages are marked with."""
        asked: str = self._client.execute(source, stop_on_error=False, allow_stdin=False)
        return asked

    def run(self, source: str, announced: bool = False, patience: float = ANSWERED) -> Said:
        """Run a cell to its end. Raises: KernelDied; HalfMessage; MessageLost; TimeoutError."""
        return self.hear_out(self.start(source), Said(source, announced), patience)

    def hear_out(self, asked: str, said: Said, patience: float = ANSWERED) -> Said:
        """Follow a cell, begun by `start`, to its end. Raises: as `run`."""
        until, replied = time.monotonic() + patience, 0.0
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=1)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise KernelDied(f"the kernel ended, {self.process.returncode}: {self.log()[-500:]}") from None
                if not replied and self._replied(asked):
                    replied = time.monotonic()  # the last messages come after it
                if replied and time.monotonic() > replied + SILENT:
                    raise MessageLost(f"nothing says that this cell ended: {said.source}") from None
                if time.monotonic() > until:
                    raise TimeoutError(f"this cell did not end: {said.source}") from None
                continue
            if message["parent_header"].get("msg_id") != asked:
                continue
            content = message["content"]
            if message["msg_type"] == "error":
                said.error, said.trace = content["ename"], "\n".join(content["traceback"])
            elif message["msg_type"] == "stream":
                said.text += content["text"]
            elif "data" in content:
                data = content["data"]
                said.text += data.get("text/markdown") or data.get("text/plain", "")
                said.text += content.get("metadata", {}).get("image/png", {}).get("alt", "")
            elif content.get("execution_state") == "idle":
                return said

    def _replied(self, asked: str) -> bool:
        """Whether the kernel has replied to who asked: that the cell has ended, but not with what output."""
        with suppress(queue.Empty):
            while True:
                self._replies.add(self._client.get_shell_msg(timeout=0)["parent_header"]["msg_id"])
        return asked in self._replies

    def replies(self, patience: float) -> bool:
        """Whether the kernel runs a new cell within so many seconds, and so does not hang in the last one."""
        asked, until = self.start("pass"), time.monotonic() + patience
        while not self._replied(asked) and time.monotonic() < until:
            time.sleep(0.05)
        return self._replied(asked)

    def overheard(self, patience: float) -> str:
        """Return what else comes within so many seconds, whole messages or not, as text."""
        told, until = "", time.monotonic() + patience
        while time.monotonic() < until:
            try:
                told += str(self._client.get_iopub_msg(timeout=patience))
            except queue.Empty:
                break
            except HalfMessage as half:
                told += str(half)
        return told

    def lesson(self, path: Path) -> list[Said]:
        """Run a lesson from its first cell to its last, whatever goes wrong."""
        return [self.run(*cell) for cell in cells(path)]

    def interrupt(self) -> None:
        """Press the stop button."""
        self._manager.interrupt_kernel()

    def kill(self) -> None:
        """End the kernel alone, as kill -9 does: its children must notice by themselves."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(ENDED)

    def log(self) -> str:
        """Return what the kernel's process wrote beside its messages."""
        return (self.folder / "log").read_text(errors="replace")

    def left(self, patience: float = 0.0) -> list[psutil.Process]:
        """Find living processes that this kernel started. Args: patience, seconds in which they may still end."""
        until = time.monotonic() + patience
        while (found := marked(self.mark, self.process.pid)) and time.monotonic() < until:
            time.sleep(0.05)
        return found


def marked(mark: str, kernel: int) -> list[psutil.Process]:
    """Find the living processes that inherited a mark in their environment, but for the kernel's."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.pid != kernel and process.environ().get("SOCKETS_LAB_MARK") == mark
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def probe(kernel: Kernel, before: dict[str, int] | None = None) -> dict[str, int]:
    """Count what the kernel holds: descriptors, threads, children. Raises: RuntimeError, where it cannot be counted.

    Args: before: count until it comes to the same, for as long as Jupyter takes to close its own; None: count when it
        has closed them.
    """
    if before is None:
        time.sleep(SWEPT)
    until = time.monotonic() + SWEPT
    while (counted := _counted(kernel)) != before and before is not None and time.monotonic() < until:
        time.sleep(MOMENT)
    return counted


def _counted(kernel: Kernel) -> dict[str, int]:
    said = kernel.run(PROBE)
    if said.error:
        raise RuntimeError(f"the kernel could not count what it holds: {said.trace[-500:]}")
    counted: dict[str, int] = json.loads(said.text)
    return counted


def verdicts(path: Path, before: int | None = None) -> set[str]:
    """Return the predictions that a lesson measures in its first cells, all of them if nothing is said."""
    return {key for source, _ in cells(path)[:before] for key in VERDICT.findall(source)}


def kept(folder: Path, lesson: str, kind: str = "predictions") -> dict[str, Any]:
    """Return what a learner's progress has of a lesson, of one kind. Raises: ValueError, where it was spoilt."""
    if strays := [one.name for one in folder.iterdir() if one.suffix != ".json"]:
        raise ValueError(f"left of the progress: {strays}")
    file = folder / f"{lesson}.json"
    read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))[kind] if file.exists() else {}
    return read


def troubles(said: list[Said], ends: bool = True) -> list[str]:
    """Name what a learner should not have met in a lesson: errors, tracebacks, and an end that is none.

    Args: ends: whether this is the whole lesson.
    """
    found = []
    for number, one in enumerate(said):
        if "Traceback (most recent call last)" in one.text:
            found.append(f"cell {number} printed a traceback: {one.text[-300:]}")
        if one.error and not one.announced:
            found.append(f"cell {number}: {one.error}: {one.trace.strip().splitlines()[-1:]}")
    if ends and not any(sentence in said[-1].text for sentence in CLOSED):
        found.append(f"the end: {said[-1].text}")
    return found


def unclear(said: list[Said]) -> list[str]:
    """Name the tracebacks where a lesson cannot have what it needs: that has to be told in a sentence.

    Run All stops there. Who runs the next cells all the same may meet what is missing in their own lines.
    """
    found, failed = troubles([one for one in said if not one.error], ends=False), False
    for number, one in enumerate(said):
        if one.error and not one.announced:
            if not one.is_sentence and (not failed or "/sockets_lab/" in one.trace):
                found.append(f"cell {number}: {one.error}: {one.trace[-500:]}")
            failed = True
    return found

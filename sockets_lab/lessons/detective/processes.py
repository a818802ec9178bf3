"""The programs of a broken machine, as the node's own process has them, with which they end. These run in the node."""

import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from sockets_lab.lessons.detective import program

STARTING, STOPPING = 15.0, 5.0  # seconds, on a busy machine
TICK = 0.005  # seconds

_running: dict[str, "_Process"] = {}


class _Process:
    """A program, and the lines that it has said so far; a thread of this process takes them in."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.said: list[str] = []
        self.popen = subprocess.Popen(
            [sys.executable, "-I", "-S", program.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        assert self.popen.stdin
        assert self.popen.stdout
        self.lifeline, self.log = self.popen.stdin, self.popen.stdout
        self.lifeline.write(json.dumps(settings) + "\n")
        self.lifeline.flush()
        self.ears = threading.Thread(target=self._listen, daemon=True)
        self.ears.start()

    def _listen(self) -> None:
        for line in self.log:
            self.said.append(line.rstrip("\n"))

    def end(self) -> None:
        self.popen.terminate()
        if hasattr(signal, "SIGCONT"):
            self.popen.send_signal(signal.SIGCONT)  # one that is suspended hears nothing else
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(STOPPING)
        self.popen.kill()
        self.popen.wait()
        self.ears.join(STOPPING)
        self.lifeline.close()
        self.log.close()


def start(settings: dict[str, Any]) -> None:
    """Start the program of these settings, in the place of the one of that name before; wait until it is at work."""
    stop(settings["name"])
    process = _running[settings["name"]] = _Process(settings)
    deadline = time.monotonic() + STARTING
    while program.READY not in process.said and process.ears.is_alive() and time.monotonic() < deadline:
        time.sleep(TICK)
    if not process.ears.is_alive():  # its output has ended: it has given up, and is about to be gone
        with suppress(subprocess.TimeoutExpired):
            process.popen.wait(STOPPING)


def look(name: str) -> tuple[bool, list[str]]:
    """Tell whether a program of that name runs, and what it has said."""
    process = _running[name]
    return process.popen.poll() is None, process.said


def stop(name: str) -> None:
    """End a program; harmless where none of that name runs."""
    if name in _running and not _running[name].log.closed:
        _running[name].end()


def suspend(name: str) -> None:
    """Stop a program where it is, as a debugger does, or ^Z in a terminal. Source: signal(7), SIGSTOP."""
    _running[name].popen.send_signal(signal.SIGSTOP)

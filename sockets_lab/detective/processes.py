"""The programs of a broken machine, as the node's own process has them: start, look, stop. These run in the node.

They end with the node at the latest: a program ends with its standard input, which the node's process holds.
"""

import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sockets_lab.detective.program import READY

PROGRAM = str(Path(__file__).with_name("program.py"))
STARTING, STOPPING = 15.0, 5.0  # seconds, on a busy machine

_running: dict[str, "_Process"] = {}


class _Process:
    """A program, and all that it has said so far."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.said = b""
        self.popen = subprocess.Popen(
            [sys.executable, "-I", "-S", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.popen.stdin.write(json.dumps(settings | {"path": sys.path}).encode() + b"\n")
        self.popen.stdin.flush()
        os.set_blocking(self.popen.stdout.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.popen.stdout, selectors.EVENT_READ)

    def listen(self, wait: float = 0) -> bytes:
        """Take in what it has said meanwhile; b"" where there is nothing, or nobody any more."""
        heard = os.read(self.popen.stdout.fileno(), 65536) if self.selector.select(wait) else b""
        self.said += heard
        return heard

    def end(self) -> None:
        self.popen.terminate()
        try:
            self.popen.wait(STOPPING)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(STOPPING)
        while self.listen():
            pass
        self.selector.close()
        self.popen.stdin.close()
        self.popen.stdout.close()


def start(settings: dict[str, Any]) -> None:
    """Start the program of these settings, in the place of the one of that name before; wait until it is at work."""
    stop(settings["name"])
    process = _running[settings["name"]] = _Process(settings)
    deadline = time.monotonic() + STARTING
    while READY.encode() not in process.said.split(b"\n") and time.monotonic() < deadline:
        if not process.listen(0.5) and process.popen.poll() is not None:
            break


def look(name: str) -> tuple[bool, str]:
    """Tell whether a program of that name runs, and what it has said."""
    process = _running[name]
    runs = process.popen.poll() is None
    while process.popen.stdout and not process.popen.stdout.closed and process.listen():
        pass
    return runs, process.said.decode()


def stop(name: str) -> None:
    """End a program; harmless where none of that name runs."""
    if name in _running:
        process = _running[name]
        if not process.popen.stdout.closed:
            process.end()

"""The process of a node at work: it does in its network stack what the notebook asks, and answers.

Two threads serve two sockets. The main thread runs the learner's code, and can be interrupted. The service thread is
always there: it makes sockets, reads tables, and notices when the notebook is gone.
"""

import _thread
import importlib
import json
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from sockets_lab.netns.channel import Channel
from sockets_lab.netns.runner import Runner, portable

FEWEST_DESCRIPTORS = 1024  # the lessons place sockets at numbers up to 922


def main(place: int) -> None:
    """Be the node at this place of the lab that standard input tells of, in the machine's one network stack."""
    lab = json.load(sys.stdin)
    work, service = (Channel(_socket(handed)) for handed in lab["sockets"])
    start(lab["nodes"][place], lab, work, service)


def start(node: dict[str, Any], lab: dict[str, Any], work: Channel, service: Channel) -> None:
    """Work as this node until the notebook is gone. Args: node and lab, as launched; the two lines to the notebook."""
    sys.path[:] = lab["path"]
    _have_descriptors()
    Worker(work, service, Runner(node, lab)).serve()


class Worker:
    """One node's two threads and what they share."""

    def __init__(self, work: Channel, service: Channel, runner: Runner) -> None:
        self.work, self.service, self.runner = work, service, runner
        self.works: dict[str, Callable[..., tuple]] = {"execute": runner.execute, "run": runner.run}
        self.number, self.busy = 0, False  # of the work in hand, and whether the learner's code runs
        self.stopped = 0  # the latest work that somebody wants to end

    def serve(self) -> None:
        """Run code as it is asked for, until the notebook is gone."""
        signal.signal(signal.SIGINT, self.interrupted)
        threading.Thread(target=self.attend, daemon=True).start()
        while True:
            try:
                (what, *arguments), _ = self.work.receive()
                self.number += 1
                self.work.send(self.do(what, arguments))
            except EOFError:
                os._exit(0)

    def do(self, what: str, arguments: list[Any]) -> tuple:
        """Run a cell's code, or a function. An interrupt counts from its beginning on, and not after its end."""
        try:
            self.runner.get_ready()  # not busy yet: Python may swallow an interrupt that meets its own imports
            self.busy = True
            try:
                self.interrupted()  # it may have come before we got here
                return self.works[what](*arguments)
            finally:
                self.busy = False
        except BaseException as error:  # noqa: BLE001  an interrupt at the last moment, or no readiness
            return self.runner.failed(error)

    def interrupted(self, *_: Any) -> None:
        """Answer to SIGINT: only the work that was meant is interrupted, not the next, and not the wait for it."""
        if self.busy and self.stopped >= self.number:
            raise KeyboardInterrupt

    def attend(self) -> None:
        """Serve what must work while code runs."""
        while True:
            try:
                (what, *arguments), _ = self.service.receive()
                if what == "interrupt":
                    (self.stopped,) = arguments
                    _interrupt_main()
                else:
                    self.call(*arguments)
            except EOFError:
                os._exit(0)

    def call(self, module: str, function: str, arguments: tuple, named: dict[str, Any]) -> None:
        """Call a function of a module by name; answer ("value", it), ("socket",) and the socket, or ("error", it)."""
        try:
            answer = getattr(importlib.import_module(module), function)(*arguments, **named)
            packed = b"" if isinstance(answer, socket.socket) else pickle.dumps(answer)
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to the caller, as it was
            self.service.send(("error", portable(error)))
            return
        if isinstance(answer, socket.socket):
            with answer:
                self.service.send(("socket",), (answer.fileno(),))
        else:
            self.service.send(("value", packed))


def _interrupt_main() -> None:
    """Send the main thread SIGINT, which ends also a call that waits."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:  # Windows: it takes notice when its call is over
        _thread.interrupt_main()


def _have_descriptors() -> None:
    """Raise this process's soft limit of descriptors, as far as its hard limit allows."""
    try:
        import resource
    except ImportError:
        return  # Windows
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fewest = FEWEST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(FEWEST_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < fewest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (fewest, hard))


def _socket(handed: int | str) -> socket.socket:
    """Take what was handed over: a descriptor, or on Windows a packed socket."""
    if isinstance(handed, int):
        return socket.socket(fileno=handed)
    made: socket.socket = socket.fromshare(bytes.fromhex(handed))  # type: ignore[attr-defined]
    return made

"""Members of a crowd in processes of their own: `Member` is this process's end, `main` is theirs.

A member says "ready", waits for a line, plays its role, tells what came of it, and holds its sockets until its standard
input ends. So it also ends when whoever started it is killed.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from typing import Self

from sockets_lab.kernel import HOME
from sockets_lab.lessons.fourtuples.load_roles import Guests, Host
from sockets_lab.model import Endpoint

PROGRAM = (sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {HOME!r}); "
           "from sockets_lab.lessons.fourtuples.load_worker import main; main()")  # fmt: skip
ENDING = 10.0  # seconds; closing twenty thousand sockets takes one


class Member:
    """A process that plays a role, for as long as the `with` lasts.

    Args:
        role: "host SHARE UNTIL DESCRIPTOR" or "guests SHARE UNTIL HOST AT_ONCE SOURCE...", as words; the share is a
            number of clients, the time one of the monotonic clock, in seconds; the descriptor is the listener's.
        inherited: the descriptors that it gets under the same numbers.
        until: when it gives up, by the same clock; it is ended if it does not.
        program: what plays the role; another one's lines must be the same.
    """

    def __init__(self, role: list[str], inherited: list[int], until: float, program: tuple[str, ...] = PROGRAM) -> None:
        self._process = subprocess.Popen(
            [*program, *role], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            pass_fds=inherited, start_new_session=True,  # the stop button's signal does not reach it
        )  # fmt: skip
        self._watchdog = threading.Timer(until + ENDING - time.monotonic(), self._process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=ENDING)
        except subprocess.TimeoutExpired:
            pass
        finally:  # also where the stop button ends the wait: its output would stay open
            self._stop_watching()
            self._process.kill()
            self._process.communicate()

    def wait_until_ready(self) -> None:
        """Wait until it is about to play. Raises: ChildProcessError, where it came to its end before."""
        if self._line() != "ready":
            raise ChildProcessError("A process of the crowd ended before it began.")

    def begin(self) -> None:
        """Let it play."""
        assert self._process.stdin
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def outcome(self) -> tuple[int, str]:
        """Wait for what came of it: how many it has served, or been; and why it ended early, "" where it did not."""
        done, _, why = self._line().partition(" ")
        self._stop_watching()
        return int(done or 0), why if done else "DEADLINE"

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().rstrip("\n")

    def _stop_watching(self) -> None:
        self._watchdog.cancel()
        self._watchdog.join()


def main() -> None:
    """Be a member, as the arguments say."""
    role, share, until, *more = sys.argv[1:]
    with _player(role, *more) as player:
        print("ready", flush=True)
        if not sys.stdin.readline():
            return
        threading.Thread(target=_end_with_input, daemon=True).start()
        player.play(int(share), float(until))
        print(player.done, player.ended_early, flush=True)
        threading.Event().wait()


def _player(role: str, where: str, at_once: str = "", *sources: str) -> Host | Guests:
    if role == "host":
        return Host(_inherited(int(where)))
    return Guests(Endpoint.parse(where), list(sources), int(at_once))


def _inherited(descriptor: int) -> socket.socket:
    listener = socket.socket(fileno=descriptor)
    listener.setblocking(False)
    return listener


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)

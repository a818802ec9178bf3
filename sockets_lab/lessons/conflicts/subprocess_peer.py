"""A second program: another Python process that makes a claim when this one asks it to.

`SecondProgram` takes the same calls as `Requester` and gives the same answers, so that an experiment reads alike with
one process and with two. It is a real process, and ends with its `with` block.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from sockets_lab.errors import Refused
from sockets_lab.kernel import HOME
from sockets_lab.lessons.conflicts.bind_requests import BindRequest, Requester

START = "from sockets_lab.lessons.conflicts.subprocess_peer import serve; serve()"
DEADLINE = 20.0  # seconds that it has for one answer, and for its start on a busy machine
LOOKS = 1.0  # seconds between two looks at the clock


class SecondProgram:
    """Another Python process that holds one `Requester` and does with it what this one asks, a line for a call.

    Args: pass_descriptors: our descriptors that it shall inherit under the same numbers (POSIX).
    Raises: ChildProcessError where it does not answer before the deadline, and is ended.
    """

    def __init__(self, pass_descriptors: tuple[int, ...] = ()) -> None:
        paths = os.pathsep.join(filter(None, (HOME, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
            pass_fds=pass_descriptors,
            start_new_session=True,  # the stop button's signal does not reach it
        )
        self.pid = self._process.pid
        self._asked: float | None = None  # since when it owes an answer
        self._over = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="second program's deadline", daemon=True)
        self._watchdog.start()

    def perform(self, calls: Sequence[str], claim: BindRequest, port: int) -> list[int | Refused | None]:
        answers: list[int | Refused | None] = self._ask("perform", list(calls), asdict(claim), port)
        return answers

    def open(self, claim: BindRequest) -> Refused | None:
        return self._ask("open", asdict(claim))

    def bind(self, port: int) -> int | Refused:
        return self._ask("bind", port)

    def listen(self) -> Refused | None:
        return self._ask("listen")

    def adopt(self, shared: int | str) -> None:
        self._ask("adopt", shared)

    def accept(self) -> list | Refused:
        return self._ask("accept")

    def close(self) -> None:
        self._ask("close")

    def _ask(self, call: str, *args: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._asked = time.monotonic()
        try:
            self._process.stdin.write(json.dumps([call, *args]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        except BaseException:  # interrupted: the answer, still to come, would be taken for the next one's
            self._process.kill()
            raise
        finally:
            self._asked = None
        if not line:
            raise ChildProcessError("The second program ended, or did not answer before the deadline.")
        return json.loads(line, object_hook=lambda parts: Refused(**parts))

    def _watch(self) -> None:
        """End it where it owes an answer too long, which ends our wait for its line.

        One thread for all answers: to start one for each would take longer than the answer.
        """
        while not self._over.wait(LOOKS):
            asked = self._asked
            if asked is not None and time.monotonic() - asked > DEADLINE:
                self._process.kill()

    def end(self) -> None:
        """Let it end, as it does when its input ends, and wait for that; whoever is interrupted ends it."""
        self._over.set()
        try:
            self._process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            pass
        finally:  # also where the stop button ends the wait: its output would stay open
            self._process.kill()
            self._process.communicate()
            self._watchdog.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()


Party = Requester | SecondProgram


def serve() -> None:
    """Be the second program: read calls from standard input until it ends, answer each with one line."""
    with Requester() as claimant:
        for line in sys.stdin:
            call, *args = json.loads(line)
            args = [BindRequest(**arg) if isinstance(arg, dict) else arg for arg in args]
            print(json.dumps(getattr(claimant, call)(*args), default=asdict), flush=True)  # only a refusal needs asdict

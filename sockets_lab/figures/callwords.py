"""A recorded conversation in words: with its true numbers, or with names that are the same on every run.

The kernel chooses descriptors, ports and the turns of threads, so they differ from run to run. The steady telling calls
a socket "socket 1" by its first appearance, says "port of socket 1" for a chosen port, and tells thread by thread.
What the recorded code itself spells out, such as port 9, stays as it stands.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from sockets_lab.errors import Refused
from sockets_lab.model import Endpoint
from sockets_lab.watch.calls import Call, Descriptor, Part, Raised

HEAD, TAIL = 12, 6  # of a long conversation, so many calls at its beginning and at its end are shown
ORDINALS = ("second", "third", "fourth", "fifth")
NOTHING = "No socket call was made."


def fold(calls: Sequence[Call]) -> tuple[Sequence[Call], Sequence[Call], int]:
    """Return the calls to show before and after the fold, and how many lie in it."""
    if len(calls) <= HEAD + TAIL + 1:
        return calls, (), 0
    return calls[:HEAD], calls[-TAIL:], len(calls) - HEAD - TAIL


def left_out(count: int) -> str:
    """Say how many calls are not shown."""
    return f"... {count:,} more call{'' if count == 1 else 's'} in between, left out here ..."


def thread_labels(calls: Iterable[Call]) -> dict[str | None, str]:
    """Name threads by what they run, without the number that Python counts up: {"Thread-7 (serve)": "serve"}."""
    labels: dict[str | None, str] = {}
    met: Counter[str] = Counter()
    for thread in {call.thread: None for call in calls}:
        if thread is not None:
            plain = re.sub(r"^Thread-\d+( \((.+)\))?$", lambda found: found[2] or "a thread", thread)
            met[plain] += 1
            labels[thread] = plain if met[plain] == 1 else f"{plain} {met[plain]}"
    return labels


class News:
    """Notice when a call gave its socket another local endpoint than it had."""

    def __init__(self) -> None:
        self._last: dict[int, Endpoint] = {}

    def of(self, call: Call) -> Endpoint | None:
        """Return the new local endpoint, or None where a call changed nothing or merely got what it asked for."""
        under_way = isinstance(call.answer, Refused) and call.answer.name == "EINPROGRESS"
        if call.local is None or call.descriptor is None or not (isinstance(call.answer, tuple) or under_way):
            return None
        before = self._last.get(call.descriptor.socket)
        self._last[call.descriptor.socket] = call.local
        return None if call.local == before or (call.name == "bind" and call.local in call.arguments) else call.local


class Names:
    """Names for what the kernel chose, given out as the calls are told."""

    def __init__(self, calls: Sequence[Call], source: str) -> None:
        self._source = source
        self._sockets: dict[int, int] = {}
        self._numbers: dict[int, list[int]] = {}
        self._ports: dict[int, str] = {}
        for call in calls:
            self._meet(call)
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        for endpoint in _endpoints(calls):
            if endpoint.port not in self._ports:
                written = re.search(rf"\b{endpoint.port}\b", source)
                name = str(endpoint.port) if written or not endpoint.port else f"port {next(letters, 'z')}"
                self._ports[endpoint.port] = name

    def _meet(self, call: Call) -> None:
        answer = call.answer if isinstance(call.answer, tuple) else ()
        for part in ((call.descriptor,) if call.descriptor else ()) + answer:
            if isinstance(part, Descriptor) and part.socket:
                number = self._sockets.setdefault(part.socket, len(self._sockets) + 1)
                if part.number not in self._numbers.setdefault(number, []):
                    self._numbers[number].append(part.number)
        named = call.local or (answer[0] if call.name == "getsockname" and answer else None)
        if call.descriptor and isinstance(named, Endpoint) and named.port:
            written = re.search(rf"\b{named.port}\b", self._source)
            name = str(named.port) if written else f"port of {self.spell(call.descriptor)}"
            self._ports.setdefault(named.port, name)

    def spell(self, part: Part) -> str:
        """Spell a part of a call so that it is the same on every run."""
        if isinstance(part, Descriptor):
            if part.socket not in self._sockets:
                return "a closed socket" if part.number < 0 else "no socket"
            number = self._sockets[part.socket]
            copy = self._numbers[number].index(part.number) - 1
            which = "" if copy < 0 else f" ({ORDINALS[min(copy, 3)]} descriptor)"
            return f"socket {number}{which}"
        if isinstance(part, Endpoint):
            port = self._ports.get(part.port, str(part.port))
            host = f"[{part.address}]" if ":" in part.address else part.address
            return f"{host}:{port}" if port.isdecimal() else f"{host}:<{port}>"
        return str(part)


def _endpoints(calls: Iterable[Call]) -> Iterable[Endpoint]:
    for call in calls:
        answer = call.answer if isinstance(call.answer, tuple) else ()
        yield from (part for part in (*call.arguments, *answer, call.local) if isinstance(part, Endpoint))


def steady(calls: Sequence[Call], left: int = 0, source: str = "") -> str:
    """Tell the conversation so that two runs of the same code tell the same. Source: the code that was recorded."""
    labels = thread_labels(calls)
    threads = [[call for call in calls if call.thread == thread] for thread in (None, *labels)]
    names = Names([call for own in threads for call in own], source)
    lines = []
    for label, own in zip(("the cell", *(f"thread {label}" for label in labels.values())), threads, strict=True):
        if own and labels:
            lines.append(f"In {label}:")
        lines += tell(own, names.spell, left)
    return "\n".join(lines) or NOTHING


def true(calls: Sequence[Call], left: int = 0) -> str:
    """Tell the conversation with the numbers that it had."""
    labels = thread_labels(calls)
    return " ".join(line if line.endswith("...") else f"{line}." for line in tell(calls, str, left, labels)) or NOTHING


def tell(
    calls: Sequence[Call], spell: Callable[[Part], str], left: int = 0, labels: dict[str | None, str] | None = None
) -> list[str]:
    """Tell each call and its answer in a line; what a refusal means is told once."""
    hidden = fold(calls)[2]
    news, explained, lines = News(), set(), []
    for number, call in enumerate(calls, 1):
        local = news.of(call)
        if hidden and number == HEAD + 1:
            lines.append(left_out(hidden + left))
        if HEAD < number <= HEAD + hidden:
            continue
        who = f" (thread {(labels or {})[call.thread]})" if labels and call.thread else ""
        line = f"{number}. {call.request(spell)} -> {call.reply(spell)}{who}"
        if local:
            line += f", local endpoint now {spell(local)}"
        if isinstance(call.answer, Refused) and str(call.answer) not in explained:
            explained.add(str(call.answer))
            line += f" ({call.answer.because})"
        if isinstance(call.answer, Raised) and not call.answer.asked:
            line += " (raised by Python: the protocol stack was not asked)"
        lines.append(line)
    return lines

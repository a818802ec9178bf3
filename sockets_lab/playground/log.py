"""What was done on a playground, what was answered and what changed, line by line; and all of it as a script."""

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sockets_lab.errors import Refused
from sockets_lab.playground import opening
from sockets_lab.playground.places import LAB_CODE
from sockets_lab.playground.views import View

OPENING = inspect.getsource(opening).replace("  # type: ignore[no-untyped-def]", "")  # a script begins with it
ASSIGNED = re.compile(r"[a-z_]\w*(, \w+)* = ")


@dataclass(frozen=True)
class Line:
    """One call. code: the Python that makes it, "" = nobody did anything, something changed by itself.

    answer: what it returned, or what refused it. said: the answer in words. changes: what was different in the kernel's
    table afterwards. after: Python that belongs to it and needs no line of its own in the log. prints: what a script
    prints for it, "" = nothing: what is another on every run, such as a port, is not printed.
    """

    code: str
    answer: Any = None
    said: str = ""
    changes: tuple[str, ...] = ()
    after: str = ""
    prints: str = ""

    @property
    def is_refused(self) -> bool:
        return isinstance(self.answer, Refused)


def answer_text(answer: Any) -> str:
    """Put an answer into words."""
    if answer is None:
        return "done"
    return str(answer) if isinstance(answer, Refused) else str(opening.short(answer))


def spelled(data: bytes, times: int = 1) -> str:
    """Write bytes as Python does, a long row of the same one as a product."""
    if len(data) > 40 and data == data[:1] * len(data):
        return f"{data[:1]!r} * {len(data) * times}"
    return repr(data) + f" * {times}" * (times != 1)


def printed(answer: Any) -> str:
    """Return what a script prints for an answer: a refusal's name, or the value; for None nothing."""
    if answer is None:
        return ""
    return answer.name if isinstance(answer, Refused) else str(opening.short(answer))


def script(lines: Iterable[Line], names: Iterable[str], with_lab: bool) -> str:
    """Write the log as a program that makes the same calls and prints the same answers.

    Args: names: the variables of the sockets that are open at the end; with_lab: whether some live in nodes.
    """
    body = [part for line in lines for part in _written(line)]
    imports = "import struct\n\n" if any("struct.pack" in part for part in body) else ""
    if with_lab:
        imports += f"from sockets_lab.lab import Lab\n\nlab = {LAB_CODE}\n"
    ends = [f"{name}.close()" for name in names] + ["lab.close()"] * with_lab
    end = "\n".join(["# The end: all that is still open.", *ends]) if ends else ""
    return f"{OPENING}\n\n{imports}" + "\n".join([*body, "", end, ""]).lstrip("\n")


def _written(line: Line) -> list[str]:
    """Write one line of the log as lines of a script."""
    comments = [f"# {change}" for change in line.changes]
    if not line.code:
        return comments
    pause = ["pause()"] * any(word in line.code for word in (".accept(", ".recv", ".send", "outcome(", "fill("))
    if line.is_refused and not line.code.startswith("outcome("):
        call = ASSIGNED.sub("", line.code, count=1) if ASSIGNED.match(line.code) else line.code
        return [*pause, f"with refused():  # {line.answer.name}", f"    {call}", *comments]
    if not line.prints or line.after:
        return [*pause, line.code, *line.after.splitlines(), *comments]
    return [*pause, f"print(short({line.code}))  # {line.prints}", *comments]


def changes(facts: dict[str, tuple], view: View) -> tuple[str, ...]:
    """Tell in words what is different from the last time that these ends were seen. Args: facts, kept up to date."""
    told = []
    for unit in view.units:
        for end in unit.ends:
            others = [other.name for other in unit.ends if other is not end]
            who = end.name or f"the other end of {''.join(others) or 'a stranger'}"
            now = (end.state, *((end.row.receive_queue, end.row.send_queue) if end.row else (0, 0)))
            told += _told(who, facts.get(who, ("no row", 0, 0)), now, end.listens)
            facts[who] = now
    for name in view.gone:
        told.append(f"{name}: {facts.pop(name, ('no row',))[0]} -> gone from the table")
    return tuple(told)


def _told(who: str, before: tuple, now: tuple, listens: bool) -> list[str]:
    told = [f"{who}: {before[0]} -> {now[0]}"] if before[0] != now[0] else []
    if listens and before[0] == now[0] and before[1] != now[1]:
        told.append(f"{who}: {now[1]} wait{'s' * (now[1] == 1)} for accept")
    elif not listens and now[0] != "CLOSE":
        queues = zip(("receive queue", "send queue"), before[1:], now[1:], strict=True)
        told += [f"{who}: {what} {old or 0} -> {new}" for what, old, new in queues if (old or 0) != (new or 0)]
    return told

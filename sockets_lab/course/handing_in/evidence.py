"""What is kept of an exercise in the moment when the kernel showed that it is solved.

What a learner builds is gone when the lesson ends. So the check itself leaves a witness: what was seen, when, by whom,
on which machine, with which personal numbers; sealed at once, where the learner has a ticket.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sockets_lab.course.handing_in.schema import TEXT
from sockets_lab.course.handing_in.sealing import sealed
from sockets_lab.course.lessons import LESSONS, lesson
from sockets_lab.course.questions import GIVEN, Found, number_of
from sockets_lab.kernel.machine import Ability, learner, passport, ticket


def evidence(name: str, key: str, found: Found) -> dict[str, Any]:
    """Keep what the kernel has just shown. Args: the lesson's name, the exercise's key, what its check found."""
    table = lesson(name).table(key)
    return sealed(ticket(), kind(table, key), {
        "because": plain(found.because),
        "learner": learner(),
        "moment": now(),
        "numbers": numbers_given(table),
        "passport": mark((one.name, one.present) for one in passport()),
    })  # fmt: skip


def kind(table: str, key: str) -> str:
    """Name what the seal of an evidence is for, so that it fits no other exercise."""
    return f"{table}/{key}"


def now() -> str:
    return written_moment(datetime.now(UTC))


def written_moment(moment: datetime) -> str:
    """Write a moment, UTC, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def mark(abilities: Iterable[tuple[str, bool | None]]) -> str:
    """Return 16 hexadecimal digits that are the same for machines with the same abilities."""
    return sha256(repr(sorted(abilities)).encode()).hexdigest()[:16]


def plain(text: str) -> str:
    """Return a text without line ends and other characters that cannot be seen, not too long to be handed in."""
    return "".join(one for one in " ".join(text.split()) if one.isprintable())[:TEXT]


def numbers_given(table: str) -> dict[str, int]:
    """Return the personal numbers of a table that were given in this process."""
    return {key: number for key, (_, _, number) in _of_table(table)}


def numbers_of(who: str, table: str) -> dict[str, int]:
    """Return the personal numbers that a learner of this name has in a table."""
    return {key: number_of(who, key, low, high) for key, (low, high, _) in _of_table(table)}


def _of_table(table: str) -> list[tuple[str, tuple[int, int, int]]]:
    for one in LESSONS:
        if table in one.tables():
            one.questions()  # who imports a lesson's questions is given its numbers
    return [(key, given) for key, given in GIVEN.items() if key.startswith(f"{table.split('_')[0]}/")]


def passport_lines(abilities: Iterable[Ability]) -> list[list[Any]]:
    """Return the passport as it is handed in: name, value, present (true, false, null = unknown)."""
    return [[one.name, plain(one.value), one.present] for one in abilities]

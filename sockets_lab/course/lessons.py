"""The lessons in their order, and which folder carries each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from sockets_lab.errors import BadInput


@dataclass(frozen=True)
class Lesson:
    """One lesson: its notebook's name, its folder in `lessons`, its title, and the minutes that it takes.

    kept: the table of progress and hand-ins that has its answers: the name that the notebook had at first, or for a
    new lesson its folder's. moved: question to the table of the lesson that asked it first, for those from elsewhere.
    A table never changes its name, so what was saved is found, seals fit, and personal numbers stay.
    """

    name: str
    module: str
    title: str
    minutes: int
    kept: str = ""
    moved: Mapping[str, str] = field(default_factory=dict)

    def table(self, key: str) -> str:
        """Return the name of the table that keeps the answer to one of this lesson's questions."""
        return self.moved.get(key, self.kept or self.name)

    def keeps(self, table: str, key: str) -> bool:
        """Tell whether what a table has under this key answers a question of this lesson, and of no later one."""
        return self.table(key) == table and (key in self.moved or all(one.moved.get(key) != table for one in LESSONS))

    def tables(self) -> tuple[str, ...]:
        """Return the names of all tables that keep answers to this lesson's questions."""
        return tuple(dict.fromkeys((self.kept or self.name, *self.moved.values())))

    def questions(self) -> ModuleType:
        """Return the module with this lesson's PREDICTIONS, EXERCISES and CLAIMS."""
        return import_module(f"sockets_lab.lessons.{self.module}.questions")


LESSONS = (
    Lesson("00_start_here", "start", "Start here: your machine's passport", 25),
    Lesson("01_descriptors", "descriptors", "Sockets and descriptors", 35),
    Lesson("02_binding", "binding", "Socket addresses and binding", 45),
    Lesson("03_ports", "ports", "Ports, ranges and services", 40),
    Lesson("04_conflicts", "conflicts", "Port conflicts", 35, moved={"both-families": "conflicts"}),
    Lesson("05_fourtuples", "fourtuples", "Listening and four-tuples", 50),
    Lesson("06_two_nodes", "two_nodes", "Two nodes: the classic example", 40, kept="07_nodes"),
    Lesson("07_connection", "connection", "The life of a connection", 45, kept="connection",
           moved={"restart-plain": "04_conflicts", "restart-late": "04_conflicts", "restart": "04_conflicts"}),
    Lesson("08_datagrams", "datagrams", "Datagrams: UDP", 40, kept="06_datagrams", moved={"dropped": "datagrams"}),
    Lesson("09_groups", "groups", "Groups: multicast and broadcast", 30, kept="groups",
           moved={"bystander": "06_datagrams", "elsewhere": "06_datagrams", "members": "06_datagrams"}),
    Lesson("10_headers", "packets", "Segments and datagrams: the header", 40, kept="08_headers"),
    Lesson("11_filtering_and_forwarding", "filtering", "Firewalls and port forwarding", 50,
           kept="09_filtering_and_forwarding"),
    Lesson("12_scanning", "scanning", "Scanning, and seeing yourself being scanned", 45, kept="10_scanning"),
    Lesson("13_knocking", "knocking", "Port knocking, its replay, and the cure", 40, kept="11_knocking"),
    Lesson("14_port_detective", "detective", "Port detective: broken machines", 90, kept="12_port_detective"),
)


Entries = dict[str, dict[str, Any]]  # {"predictions": {key: ...}, "exercises": {key: ...}}
TABLES = tuple(dict.fromkeys(table for one in LESSONS for table in one.tables()))


def lesson(name: str) -> Lesson:
    """Find a lesson by its notebook's name, or by the one that it had at first. Raises: BadInput."""
    for one in LESSONS:
        if name in (one.name, one.kept):
            return one
    raise BadInput(f"There is no lesson {name!r}: choose one of {', '.join(one.name for one in LESSONS)}.")


def by_table(lessons: Iterable[tuple[Lesson, Entries]]) -> dict[str, Entries]:
    """Put what belongs to lessons into the tables that keep it, as files and hand-ins have it. Tables: never empty."""
    tables: dict[str, Entries] = {}
    for one, kinds in lessons:
        for kind, entries in kinds.items():
            for key, entry in entries.items():
                table = tables.setdefault(one.table(key), {"predictions": {}, "exercises": {}})
                table[kind][key] = entry
    return tables

"""The lessons in their order, and which folder carries each."""

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from sockets_lab.errors import BadInput


@dataclass(frozen=True)
class Lesson:
    """One lesson: its notebook's name, its folder in `lessons`, its title, and the minutes that it takes."""

    name: str
    module: str
    title: str
    minutes: int

    def questions(self) -> ModuleType:
        """Return the module with this lesson's PREDICTIONS, EXERCISES and CLAIMS."""
        return import_module(f"sockets_lab.lessons.{self.module}.questions")


LESSONS = (
    Lesson("00_start_here", "start", "Start here: your machine's passport", 10),
    Lesson("01_descriptors", "descriptors", "Sockets and descriptors", 30),
    Lesson("02_binding", "binding", "Socket addresses and binding", 30),
    Lesson("03_ports", "ports", "Ports, ranges and services", 30),
    Lesson("04_conflicts", "conflicts", "Port conflicts", 35),
    Lesson("05_fourtuples", "fourtuples", "Listening and four-tuples", 40),
    Lesson("06_datagrams", "datagrams", "Datagrams: UDP, multicast", 45),
    Lesson("07_nodes", "two_nodes", "Two nodes: the classic example", 40),
    Lesson("08_headers", "packets", "Segments and datagrams: the header", 40),
    Lesson("09_filtering_and_forwarding", "filtering", "Firewalls and port forwarding", 50),
    Lesson("10_scanning", "scanning", "Scanning, and seeing yourself being scanned", 45),
    Lesson("11_knocking", "knocking", "Port knocking, its replay, and the cure", 40),
    Lesson("12_port_detective", "detective", "Port detective: broken machines", 90),
)


def lesson(name: str) -> Lesson:
    """Find a lesson by its notebook's name. Raises: BadInput."""
    for one in LESSONS:
        if one.name == name:
            return one
    raise BadInput(f"There is no lesson {name!r}: choose one of {', '.join(one.name for one in LESSONS)}.")

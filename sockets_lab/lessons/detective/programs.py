"""A program of a broken machine, as the learner holds it: its settings, its log, and the way to start it again."""

from dataclasses import dataclass
from typing import Any

import psutil

from sockets_lab.errors import BadInput
from sockets_lab.lab import Node
from sockets_lab.lessons.detective import processes
from sockets_lab.lessons.detective.settings import CHECKS, checked


@dataclass
class Program:
    """A program that runs, or should run, in a node.

    settings: by name, as they stand in its configuration; `restart` takes new ones.
    """

    node: Node
    name: str
    settings: dict[str, Any]

    def start(self) -> None:
        """Start it, and wait until it is at work or has given up: its log tells which."""
        told = dict(self.settings)
        role = told.pop("protocol", None) or told.pop("role")
        self.node.call(processes.start, {"name": self.name, "role": role, **told})

    def restart(self, **changes: Any) -> None:
        """End it, change these settings, and start it again. Raises: BadInput, for a setting that it does not have."""
        for name in changes:
            if name not in self.yours:
                has = f"its settings are {', '.join(self.yours)}" if self.yours else "it has none"
                raise BadInput(f"{self.name} has no setting {name!r}: {has}.")
        self.settings |= checked(self.node, changes)
        self.start()

    @property
    def yours(self) -> dict[str, Any]:
        """The settings that may be changed, as they are."""
        remote = self.settings.get("role") == "visitor"
        return {} if remote else {name: value for name, value in self.settings.items() if name in CHECKS}

    def stop(self) -> None:
        """End it."""
        self.node.call(processes.stop, self.name)

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        runs: bool = self.node.call(processes.look, self.name)[0]
        return runs

    @property
    def log(self) -> tuple[str, ...]:
        """What it has said since it was started last, a line each."""
        return tuple(self.node.call(processes.look, self.name)[1][1:])

    @property
    def pid(self) -> int:
        """The number of its process, as the notebook's machine counts; also of one that has ended. 0: never begun."""
        said = self.node.call(processes.look, self.name)[1]
        return int(said[0].split()[1]) if said else 0

    @property
    def descriptors(self) -> int | None:
        """How many descriptors its process holds; None where it has ended, or the system does not tell."""
        try:
            process = psutil.Process(self.pid)
            return process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
        except psutil.Error:
            return None

"""A recipe on a bench, one step at a time."""

from collections.abc import Iterator

from sockets_lab.bench.live import Bench
from sockets_lab.bench.places import HERE
from sockets_lab.bench.recipes import NAMES, Recipe, Step


class Replay:
    """One recipe on a bench, one step at a time. Its sockets get names that are still free.

    Args: client_at, server_at: where its sockets live, HERE or nodes.
    """

    def __init__(self, bench: Bench, recipe: Recipe, client_at: str = HERE, server_at: str = HERE) -> None:
        self.bench, self.recipe, self.done = bench, recipe, 0
        self._at = {"server": server_at, "again": server_at, "served": server_at}
        self._elsewhere = client_at
        self._called: dict[str, str] = {}

    @property
    def finished(self) -> bool:
        return self.done >= len(self.recipe.steps)

    def step(self) -> Step | None:
        """Do the next step and return it; None after the last. Raises: BadInput, where its socket is gone."""
        if self.finished:
            return None
        step = self.recipe.steps[self.done]
        self._act(step)
        self.done += 1
        return step

    def all(self) -> Iterator[Step]:
        """Do the steps that are left, one after the other."""
        while step := self.step():
            yield step

    def name(self, role: str) -> str:
        """Return the name that a recipe's socket has on this bench."""
        return self._called.get(role, role)

    def _act(self, step: Step) -> None:
        role, *rest = step.arguments
        if step.do == "create":
            protocol = rest[0] if rest else "TCP"
            place = self._at.get(role, self._elsewhere)
            self._called[role] = str(self.bench.create(protocol, place=place, name=role))
        elif step.do == "accept":
            made = self.bench.accept(self.name(role), rest[0])
            self._called[rest[0]] = made if isinstance(made, str) else rest[0]
        else:
            arguments = [self.name(one) if isinstance(one, str) and one in NAMES else one for one in rest]
            getattr(self.bench, step.do)(self.name(role), *arguments)

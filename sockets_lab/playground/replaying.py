"""A recipe on a playground, one step at a time."""

from collections.abc import Iterator

from sockets_lab.playground.live import Playground
from sockets_lab.playground.places import HERE
from sockets_lab.playground.recipes import NAMES, Action, Recipe


class Replay:
    """One recipe on a playground, one step at a time. Its sockets get names that are still free.

    Args: client_at, server_at: where its sockets live, HERE or nodes.
    """

    def __init__(self, playground: Playground, recipe: Recipe, client_at: str = HERE, server_at: str = HERE) -> None:
        self.playground, self.recipe, self.done = playground, recipe, 0
        self._at = {"server": server_at, "again": server_at, "served": server_at}
        self._elsewhere = client_at
        self._called: dict[str, str] = {}

    @property
    def finished(self) -> bool:
        return self.done >= len(self.recipe.steps)

    def step(self) -> Action | None:
        """Do the next step and return it; None after the last. Raises: BadInput, where its socket is gone."""
        if self.finished:
            return None
        step = self.recipe.steps[self.done]
        self._act(step)
        self.done += 1
        return step

    def all(self) -> Iterator[Action]:
        while step := self.step():
            yield step

    def name(self, role: str) -> str:
        """Return the name that a recipe's socket has on this playground."""
        return self._called.get(role, role)

    def _act(self, step: Action) -> None:
        role, *rest = step.arguments
        if step.do == "create":
            protocol = rest[0] if rest else "TCP"
            place = self._at.get(role, self._elsewhere)
            self._called[role] = str(self.playground.create(protocol, place=place, name=role))
        elif step.do == "accept":
            made = self.playground.accept(self.name(role), rest[0])
            self._called[rest[0]] = made if isinstance(made, str) else rest[0]
        else:
            arguments = [self.name(one) if isinstance(one, str) and one in NAMES else one for one in rest]
            getattr(self.playground, step.do)(self.name(role), *arguments)

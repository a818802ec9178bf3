"""How much is tried: a little of it every time, much of it where everything runs, any number by the environment."""

import os
from collections.abc import Callable
from typing import Any

import pytest

EVERYTHING = "SOCKETS_LAB_EVERYTHING" in os.environ


def amount(name: str, few: int, many: int) -> int:
    """Return how many to try. Args: name: of the variable in the environment that says so, without its beginning."""
    return int(os.environ.get(f"SOCKETS_LAB_{name}", many if EVERYTHING else few))


def for_all(check: Callable[..., None], draw: Callable[[Any], dict[str, Any]], many: int = 100) -> None:
    """Call a check with random cases. Args: draw: from hypothesis' strategies, those for the check's arguments."""
    hypothesis = pytest.importorskip("hypothesis",
                                     reason="random cases need hypothesis: pip install -r tests/requirements.txt")
    settings = hypothesis.settings(max_examples=amount("CASES", many // 5, many), database=None, deadline=None)
    settings(hypothesis.given(**draw(hypothesis.strategies))(check))()

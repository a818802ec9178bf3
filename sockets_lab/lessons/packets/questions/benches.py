"""Where lesson 10 measures its questions: in a lab of their own, so that nothing of the learner's is in the way."""

from collections.abc import Iterator
from contextlib import contextmanager

from sockets_lab.lab import Lab
from sockets_lab.lessons.packets import Testbed

A, B = "10.20.30.40", "50.60.70.80"


@contextmanager
def bench() -> Iterator[Testbed]:
    """Open a lab and a bench in it. On loopback it refuses every packet."""
    with Lab(fallback=True, aside=True, A=A, B=B) as lab, Testbed(lab) as made:
        yield made

"""What sockets weigh: the memory that the kernel holds, and what Python keeps of its own in this process.

Source: proc_meminfo(5), Slab: the kernel's own data structures, of the whole machine.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/proc/meminfo")


def kernel_memory() -> int | None:
    """Return how many bytes the kernel's own data structures take now; None where this system does not tell."""
    try:
        lines = MEMORY.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Slab:")), None)


@contextmanager
def python_memory(weigh: bool = True) -> Iterator[Callable[[], int | None]]:
    """Trace the memory that Python takes in this process, which is then slower. Args: weigh: False = do not.

    Yields: a function that tells how many bytes more there are than when it began; None where nobody weighs.
    """
    starts = weigh and not tracemalloc.is_tracing()  # somebody else's tracing goes on
    if starts:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield lambda: tracemalloc.get_traced_memory()[0] - before if weigh else None
    finally:
        if starts:
            tracemalloc.stop()

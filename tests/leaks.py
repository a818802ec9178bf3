"""Count what a test holds: afterwards there are as many descriptors, threads and child processes as before."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


def held() -> tuple[int, int, int]:
    """Count descriptors (on Windows handles), threads, and child processes.

    Matplotlib keeps the file of each font open that it has drawn with once, and that is for the next picture.
    """
    process = psutil.Process()
    descriptors = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    fonts = sum(file.path.lower().endswith((".ttf", ".otf", ".ttc")) for file in process.open_files())
    return descriptors - fonts, threading.active_count(), len(process.children())


@contextmanager
def nothing_left() -> Iterator[None]:
    """Fail where more is held afterwards, or less, and say how much."""
    gc.collect()  # what earlier tests have dropped is not to go meanwhile
    before = held()
    yield
    after = held()
    assert after == before, f"held before, and after (descriptors, threads, children): {before}, {after}"

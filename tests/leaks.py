"""Count what a test holds: afterwards there are as many descriptors, threads and child processes as before."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


def held() -> tuple[int, int, int]:
    """Count descriptors (on Windows handles), threads, and child processes."""
    process = psutil.Process()
    descriptors = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    return descriptors, threading.active_count(), len(process.children())


@contextmanager
def nothing_left() -> Iterator[None]:
    """Fail where more is held afterwards, or less."""
    before = held()
    yield
    assert held() == before

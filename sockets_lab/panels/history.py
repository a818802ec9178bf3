"""Let the kernel write its history of cells between them, not while they run.

IPython keeps what was typed in a small database. A thread of its own writes each cell there as soon as the cell
begins, and opens files for it: it takes descriptors in the middle of a cell that shows which number comes next.
"""

import contextlib
import sqlite3

from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

MANY = 1_000_000  # cells: more than a kernel runs, so that the thread never begins


def write_between_cells(shell: InteractiveShell | None = None) -> None:
    """Write the history after each cell, in this thread, from now on; without a kernel, do nothing."""
    shell = shell or get_ipython()
    manager = getattr(shell, "history_manager", None)
    if manager is None or manager.db_cache_size == MANY:
        return
    manager.db_cache_size = MANY

    def write(_: object) -> None:
        # A full disk, no memory, another kernel that is writing: %history misses a cell
        with contextlib.suppress(sqlite3.Error, MemoryError):
            manager.writeout_cache()

    shell.events.register("post_run_cell", write)

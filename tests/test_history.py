"""What a kernel keeps of the cells that were typed is written between them, and takes no descriptor meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path

from kernels import Kernel

CELLS = 100  # written by IPython's own thread, about one in fifteen met it
CELL = """
import socket
first, second, third = socket.socket(), socket.socket(), socket.socket()
middle = second.fileno()
second.close()
another = socket.socket()
print(another.fileno() == middle)
for one in (first, third, another): one.close()
"""


def test_the_next_descriptor_is_the_cells_own_and_the_history_is_kept(tmp_path: Path) -> None:
    with Kernel(IPYTHONDIR=str(tmp_path)) as kernel:
        kernel.run("from sockets_lab import panels; panels.lesson('01_descriptors')")
        assert [kernel.run(CELL).text for _ in range(CELLS)] == ["True\n"] * CELLS
    with closing(sqlite3.connect(tmp_path / "profile_default" / "history.sqlite")) as history:
        kept = [source for (source,) in history.execute("SELECT source_raw FROM history ORDER BY line")]
    assert kept[1:] == [CELL.rstrip("\n")] * CELLS

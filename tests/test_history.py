"""What a kernel keeps of the cells that were typed is written between them, and takes no descriptor meanwhile."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from jupyter_client.manager import start_new_kernel

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
    manager, client = start_new_kernel(env={**os.environ, "IPYTHONDIR": str(tmp_path)})
    try:

        def ask(source: str) -> str:
            said: list[str] = []
            client.execute_interactive(
                source, timeout=60, output_hook=lambda message: said.append(message["content"].get("text", ""))
            )
            return "".join(said)

        ask("from sockets_lab import panels; panels.lesson('01_descriptors')")
        assert [ask(CELL) for _ in range(CELLS)] == ["True\n"] * CELLS
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
    with closing(sqlite3.connect(tmp_path / "profile_default" / "history.sqlite")) as history:
        kept = [source for (source,) in history.execute("SELECT source_raw FROM history ORDER BY line")]
    assert kept[1:] == [CELL.rstrip("\n")] * CELLS

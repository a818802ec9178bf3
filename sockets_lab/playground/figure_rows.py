"""The table of the playground: the same sockets as in its picture, as rows of the kernel's table."""

from sockets_lab.figures.tables import Table
from sockets_lab.playground import SocketEnd, View


def bench_table(view: View) -> Table:
    """Show the same sockets as rows of the kernel's table, with the queues as it counts them."""
    rows = tuple(
        (end.name or "-", "-" if end.descriptor is None else str(end.descriptor), end.protocol, str(end.local or "-"),
         str(end.remote or "-"), end.state, *_counts(end), _inode(end))
        for end in view.ends
    )  # fmt: skip
    headings = ("socket", "number", "protocol", "local endpoint", "remote endpoint", "state", "receive queue",
                "send queue", "inode")  # fmt: skip
    return Table("The same sockets in the kernel's table.", headings, rows, (12, 6, 8, 22, 22, 12, 13, 10, 9))


def _counts(end: SocketEnd) -> tuple[str, str]:
    if end.row is None:
        return "-", "-"
    told = ["?" if count is None else f"{count}" for count in (end.row.receive_queue, end.row.send_queue)]
    return told[0], told[1]


def _inode(end: SocketEnd) -> str:
    if end.row is None or end.row.inode is None:
        return "-"
    return str(end.row.inode or "none")

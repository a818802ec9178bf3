"""What a socket is, by experiments against your own kernel.

Each lesson is one folder of `sockets_lab.lessons`; what several lessons need is beside it. Five lines of use:

    >>> import socket
    >>> from sockets_lab import descriptors, table
    >>> server = socket.create_server(("127.0.0.1", 8000))
    >>> print(table.row_of(server).state)  # the kernel's socket table has a row for each socket with an address
    LISTEN
    >>> print(descriptors.entry(server.fileno()).kind)  # and this process a descriptor, which refers to the socket
    socket

The names below are loaded when they are first used: importing this package opens nothing and starts nothing.
"""

from importlib import import_module
from typing import Any

_LESSONS = ("descriptors", "binding", "ports", "conflicts", "fourtuples", "two_nodes", "connection",
            "datagrams", "groups", "packets", "filtering", "scanning", "knocking", "detective")  # fmt: skip
_HOMES = {name: f"lessons.{name}" for name in _LESSONS} | {
    "forwarding": "lessons.filtering.forwarding", "table": "kernel.table", "machine": "kernel.machine",
    "firewall": "lab.firewall", "calls": "watch.calls",
    **{name: name for name in ("classroom", "errors", "headers", "lab", "model", "panels", "playground")},
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sockets_lab' has no attribute {name!r}")
    return import_module(f"sockets_lab.{_HOMES[name]}")


def __dir__() -> list[str]:
    return sorted(_HOMES)

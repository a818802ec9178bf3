"""What a socket is, by experiments against your own kernel.

Each lesson is one folder of `sockets_lab.lessons`; what several lessons need stands beside it. For example:

    from sockets_lab import descriptors, fourtuples, table

    table.snapshot("tcp")               # the kernel's socket table, one SocketRow a socket
    descriptors.table()                 # the descriptors of this process, and what each refers to
    with fourtuples.Listener() as listener, listener.connect() as client:
        print(client.four_tuple)        # two sockets, one connection

The names below are loaded when they are first used: importing this package opens nothing and starts nothing.
"""

from importlib import import_module
from typing import Any

_LESSONS = ("descriptors", "binding", "ports", "conflicts", "fourtuples", "datagrams", "two_nodes", "packets",
            "filtering", "scanning", "knocking", "detective")  # fmt: skip
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

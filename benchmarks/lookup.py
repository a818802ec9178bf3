"""Look one connection up by its four-tuple, and the listeners, beside psutil, `ss`, and the bare calls.

Usage: python benchmarks/lookup.py [--quick]

Times are the processor's (`holding.on_processor`). The bare calls are one `send` and one `recv` of the same question.
"""

import shutil
import socket
import statistics
import subprocess
from collections.abc import Callable, Collection
from functools import partial

import psutil
from holding import connections, on_processor
from measuring import Bars, Goal, Lines, Report, growth, in_turns, main, ratios, times_ours

from sockets_lab.kernel import netlink, table
from sockets_lab.kernel.table import sock_diag
from sockets_lab.model import FourTuple, SocketRow

TITLE = "One four-tuple looked up, and the listeners"
FIND, OPENING, BARE = "one, Reader.find", "one, table.find", "one, the bare calls"
LISTENERS, SS, PSUTIL = "the listeners, snapshot", "the listeners, ss -tln", "psutil, for either"
TIMES = 1000  # lookups a turn
CHECKED = "each is its row of the snapshot, of none there is none; the listeners held are those of psutil"


def question(names: FourTuple) -> bytes:
    """Write the question of `find`."""
    ports = (end.port.to_bytes(2, "big") for end in (names.local, names.remote))
    addresses = (socket.inet_aton(end.address) for end in (names.local, names.remote))
    what = socket.AF_INET, socket.IPPROTO_TCP, sock_diag.state_mask("tcp", None)
    asked = sock_diag.REQUEST.pack(*what, sock_diag.NAMES.pack(*ports, *addresses), 0, sock_diag.ANY_COOKIE)
    length, kind = netlink.HEADER.size + len(asked), sock_diag.SOCK_DIAG_BY_FAMILY
    return netlink.HEADER.pack(length, kind, netlink.NLM_F_REQUEST, 1, 0) + asked


def each(way: Callable, asked: Collection) -> float:
    """Return the microseconds that one of these lookups takes."""

    def all_of_them() -> None:
        for one in asked:
            way(one)

    return 1e6 * on_processor(all_of_them) / len(asked)


def ways(reader: table.Reader, kernel: socket.socket, asked: list[FourTuple]) -> dict[str, Callable[[], float]]:
    """Name the ways that there are here; each returns microseconds."""

    def bare(packed: bytes) -> None:
        kernel.send(packed)
        kernel.recv(netlink.BUFFER)

    found = {
        FIND: partial(each, reader.find, asked),
        OPENING: partial(each, table.find, asked),
        BARE: partial(each, bare, [question(names) for names in asked]),
        LISTENERS: partial(each, lambda state: table.snapshot("tcp", state), ["LISTEN"] * 20),
        PSUTIL: partial(each, psutil.net_connections, ["tcp"]),
    }
    if shutil.which("ss"):
        found[SS] = partial(each, partial(subprocess.run, stdout=subprocess.DEVNULL, check=True), [("ss", "-Htln")] * 3)
    return found


def check(reader: table.Reader, rows: list[SocketRow], asked: list[FourTuple], listeners: set) -> None:
    """Hold what is found against the whole table, and the listeners against psutil."""
    whole = {row.four_tuple: row for row in rows}
    for names in asked:
        assert reader.find(names) == table.find(names) == whole[names]
        assert reader.find(FourTuple(names.local, names.local)) is None
    ours = {(row.local.address, row.local.port) for row in table.snapshot("tcp", "LISTEN")}
    theirs = {tuple(entry.laddr) for entry in psutil.net_connections("tcp") if entry.status == "LISTEN"}
    assert ours & listeners == theirs & listeners == listeners


def measure(quick: bool) -> Report:
    """Hold connections, and look some of them up, in turns."""
    if table.source() != "netlink":
        return Report(TITLE, [], skipped=["everything: this kernel tells no sockets over netlink"])
    sizes, rounds = ([1000, 4000], 3) if quick else ([2000, 20_000, 100_000], 7)
    taken = {}
    for count in sizes:
        with connections(count // 2) as listeners, table.Reader() as reader, sock_diag.opened() as kernel:
            rows = table.snapshot("tcp", "ESTABLISHED")
            held = [row.four_tuple for row in rows if (row.local.address, row.local.port) in listeners]
            asked = held[:: max(1, len(held) // TIMES)]
            taken[count] = in_turns(ways(reader, kernel, asked), rounds)
            check(reader, rows, asked, listeners)
    shown = taken[sizes[1]]
    title = f"{sizes[1]:,} rows of TCP"
    single, several = (
        {name: shown[name] for name in names if name in shown}
        for names in ((FIND, OPENING, BARE, PSUTIL), (LISTENERS, SS, PSUTIL))
    )
    faster = ratios(shown[PSUTIL], shown[LISTENERS])
    points = {name: [(count, statistics.median(taken[count][name])) for count in sizes] for name in shown}
    return Report(
        TITLE,
        [
            Goal(f"{title}: {FIND}", shown[FIND], 10, unit="microseconds", exact=CHECKED),
            Goal(f"{title}: {OPENING}, beside {BARE}", ratios(shown[OPENING], shown[BARE]), 4.0, exact=CHECKED),
            Goal(f"{title}: {LISTENERS}, faster than psutil", faster, 1000, at_least=True),
            Goal(f"{FIND}: grows with power", [growth(points[FIND])], 0.1, unit="(0 is not at all)"),
        ],
        [
            Bars(f"{title}: one four-tuple", times_ours(single, FIND)),
            Bars(f"{title}: the listeners", times_ours(several, LISTENERS)),
        ],
        [Lines(TITLE, "rows", "microseconds on the processor", points)],
        skipped=[] if SS in shown else ["ss: not installed"],
    )  # fmt: skip


if __name__ == "__main__":
    main(measure)

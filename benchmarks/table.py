"""Read a large socket table beside psutil, `ss`, /proc/net/tcp and C, without owners and with them.

Usage: python benchmarks/table.py [--quick]

A connection on loopback is two rows. Ours are what the lessons call: the map of ports and the inspector read a few
numbers of each row, `snapshot` makes an object of it. psutil and `ss` leave out sockets that are bound only, for which
the kernel walks one more table; the map and the inspector read them as well.
Times are the processor's (`holding.on_processor`): `ss` is a whole process; of C counts what its program measures.
"""

import re
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil
from holding import connections, on_processor
from measuring import Bars, Goal, Lines, Report, in_turns, limit, linear, main, ratios, times_ours

from sockets_lab.kernel import table
from sockets_lab.model import TCP_STATES
from sockets_lab.watch.sockets import Eye, eye

TITLE = "Socket table"
MAP, INSPECTOR = "table.ports, for the map of ports", "a look of the inspector, with UDP"
SNAPSHOT, OWNED = "snapshot", "snapshot with owners"
PSUTIL, SS, SS_OWNED, PROC = "psutil, always with owners", "ss -tan", "ss -tanp", "/proc/net/tcp, split"
C, C_OWNED = "C: the dump alone", "C: the dump and the walk"
FASTER = (
    (MAP, PSUTIL, 8.0), (MAP, SS, 1.0), (INSPECTOR, PSUTIL, 8.0), (INSPECTOR, SS, 1.0), (OWNED, PSUTIL, 3.5),
    (OWNED, SS_OWNED, 5.0),
)  # fmt: skip
ROWS = MAP, INSPECTOR, SNAPSHOT, PSUTIL, PROC, SS, C
OWNERS = OWNED, PSUTIL, SS_OWNED, C_OWNED
MOST = 100_000  # rows
TOLD = frozenset(TCP_STATES) - {"CLOSE"}
LISTED = ("ss", "-H", "-t", "-a", "-n")
USER = re.compile(r"pid=(\d+),fd=(\d+)")
SAME = {PSUTIL: "names, states and holders are psutil's", SS: "names, states and queues are those of ss",
        SS_OWNED: "names, states, queues and holders are those of ss", C: "C steps over no fewer rows"}  # fmt: skip
Names = tuple[tuple[str, int], tuple[str, int]]


def proc_net_tcp() -> list[tuple[str, ...]]:
    """Read the files that Linux keeps for older programs, without turning their numbers into names."""
    files = [path for path in map(Path, ("/proc/net/tcp", "/proc/net/tcp6")) if path.exists()]
    return [tuple(line.split()[1:4]) for path in files for line in path.read_text().splitlines()[1:]]


def in_c(rows: int, *command: str) -> float:
    """Return the seconds that the C program measured. Raises: RuntimeError, where it did not find that many."""
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = [line.split() for line in said.splitlines()]
    if any(int(count) < rows for count, _ in found):
        raise RuntimeError(f"there are {rows:,} rows, and C found: {said}")
    return sum(float(seconds) for _, seconds in found)


def ways(looks: Eye, program: str | None, rows: int) -> dict[str, Callable[[], float]]:
    """Name the ways that there are here; each returns seconds."""
    found: dict[str, Callable[[], object]] = {
        MAP: table.ports,
        INSPECTOR: looks.look,
        SNAPSHOT: partial(table.snapshot, "tcp", TOLD),
        OWNED: partial(table.snapshot, "tcp", TOLD, owners=True),
        PSUTIL: partial(psutil.net_connections, "tcp"),
        PROC: proc_net_tcp,
    }
    if shutil.which("ss"):
        found[SS] = partial(subprocess.run, LISTED, stdout=subprocess.DEVNULL, check=True)
        found[SS_OWNED] = partial(subprocess.run, (*LISTED, "-p"), stdout=subprocess.DEVNULL, check=True)
    timed: dict[str, Callable[[], float]] = {name: partial(on_processor, way) for name, way in found.items()}
    if program:
        timed |= {C: partial(in_c, rows, program), C_OWNED: partial(in_c, rows, program, "owners")}
    return timed


def check(listeners: set[tuple[str, int]], count: int) -> None:
    """Hold the rows of our connections against those of psutil and ss: names, state, queues, and who has them."""
    ours, theirs, ports = {}, {}, {}
    for row in table.snapshot("tcp", TOLD, owners=True):
        names = (row.local.address, row.local.port), (row.remote.address, row.remote.port)
        if not listeners.isdisjoint(names):
            owners = [(one.pid, one.descriptor) for one in row.owners or ()]
            ours[names] = row.state, owners, row.receive_queue, row.send_queue
            ports.setdefault(row.state, set()).add(row.local.port)
    for entry in psutil.net_connections("tcp"):
        names = tuple(entry.laddr), tuple(entry.raddr or ("0.0.0.0", 0))
        if not listeners.isdisjoint(names):
            theirs[names] = entry.status, [(entry.pid, entry.fd)]
    assert len(ours) == 2 * count + len(listeners)
    found = table.ports()
    assert all(numbers <= found[state] for state, numbers in ports.items())
    assert {names: values[:2] for names, values in ours.items()} == theirs
    if shutil.which("ss"):
        assert {names: values for names, values in told_by_ss() if not listeners.isdisjoint(names)} == ours


def told_by_ss() -> Iterator[tuple[Names, tuple]]:
    """Read what `ss -tanp` prints: names, and state, owners and queues."""
    for line in subprocess.run((*LISTED, "-p"), capture_output=True, text=True, check=True).stdout.splitlines():
        state, receive_queue, send_queue, local, remote, *users = line.split(None, 5)
        (address, _, port), (far_address, _, far_port) = (end.rpartition(":") for end in (local, remote))
        names = (address, int(port)), (far_address, int(far_port.replace("*", "0")))
        owners = [(int(pid), int(descriptor)) for pid, descriptor in USER.findall("".join(users))]
        yield names, (state.replace("ESTAB", "ESTABLISHED"), owners, int(receive_queue), int(send_queue))


def goals(rows: int, taken: Mapping[str, list[float]]) -> list[Goal]:
    """Compare what so many rows took. `ss -tanp` is only asked for at most rows: it falls behind with their number."""
    found = []
    for ours, other, bound in FASTER:
        if other in taken and (other != SS_OWNED or rows == MOST):
            times = ratios(taken[other], taken[ours])
            text = f"{rows:,} rows, {ours}: faster than {other}"
            found.append(Goal(text, times, bound, at_least=True, exact=SAME[other]))
    if C in taken:
        found.append(Goal(f"{rows:,} rows, {MAP}, beside {C}", ratios(taken[MAP], taken[C]), 2.0, exact=SAME[C]))
    return found


def bars(title: str, taken: Mapping[str, list[float]], *names: str) -> Bars:
    """Compare with the first of these ways all others that there are."""
    return Bars(title, times_ours({name: taken[name] for name in names if name in taken}, names[0]))


def measure(quick: bool) -> Report:
    """Hold connections, and let all ways read the table in turns."""
    if table.source() != "netlink":
        return Report(TITLE, [], skipped=["everything: this kernel tells no sockets over netlink"])
    sizes, rounds = ([2000, 10_000], 3) if quick else ([20_000, 50_000, MOST], 7)
    taken = {}
    with limit("table") as program, closing(eye()) as looks:
        for rows in sizes:
            with connections(rows // 2) as listeners:
                taken[rows] = in_turns(ways(looks, program, rows), rounds)
                check(listeners, rows // 2)
    last, title = taken[sizes[-1]], f"{sizes[-1]:,} rows of TCP"
    grown = {name: [(rows, 1000 * statistics.median(taken[rows][name])) for rows in sizes] for name in last}
    lines = [
        Lines(f"{TITLE}{suffix}", "rows", "milliseconds on the processor", {
            name: grown[name] for name in names if name in grown
        })
        for suffix, names in (("", ROWS), (", with owners", OWNERS))
    ]  # fmt: skip
    told = Report(
        TITLE,
        [goal for rows in sizes for goal in goals(rows, taken[rows])],
        [
            bars(title, last, *ROWS),
            bars(f"{title}, with owners", last, *OWNERS),
        ],
        lines,
        skipped=[f"{name}: not installed" for name, there in (("ss", SS in last), ("gcc", program)) if not there],
    )
    told.goals.extend(linear(name, grown[name]) for name in (MAP, INSPECTOR, SNAPSHOT, OWNED))
    if program:
        most = statistics.median(ratios(last[PSUTIL], last[C_OWNED]))
        told.rows.append(f"With owners C, which does nothing with what it finds, is itself {most:.2f} times psutil.")
    return told


if __name__ == "__main__":
    main(measure)

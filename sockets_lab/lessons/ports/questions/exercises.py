"""The exercises of lesson 03, checked in the kernel's tables."""

from sockets_lab.course.questions import Exercise, Found, personal_number
from sockets_lab.kernel import descriptors, machine
from sockets_lab.lessons import ports
from sockets_lab.model import MAX_PORT

COLUMN = personal_number("03/column", 1, 254)


def _check_both_protocols() -> Found:
    mine = [entry for entry in descriptors.table() if entry.local]
    rows = descriptors.rows_behind(mine)
    listening = {row.local.port for row in rows.values() if row.state == "LISTEN"}
    datagrams = {entry.local.port for entry in mine if entry.type == "UDP" and entry.local}
    if (listening & datagrams) - {0}:
        return Found(True, "a TCP socket that listens and a UDP socket of this process use the same port.")
    return Found(False, "no port is used by both a listening TCP socket and a UDP socket of this process.")


def _check_column() -> Found:
    given = machine.ephemeral_range() or (ports.DYNAMIC.low, MAX_PORT)
    udp = [entry.local for entry in descriptors.table() if entry.type == "UDP" and entry.local]
    held = {local.port for local in udp if local.address == "127.0.0.1"} - {0}
    in_column = {port for port in held if port % ports.SIDE == COLUMN}
    if not in_column:
        return Found(False, f"no UDP socket of this process holds a port of 127.0.0.1 in column {COLUMN} of the map.")
    if not any(port in ports.USER and not given[0] <= port <= given[1] for port in in_column):
        return Found(False, "the column is right; the port is not a User port, or this kernel itself assigns it.")
    return Found(True, f"a UDP socket of this process holds a User port in column {COLUMN}, chosen by you.")


EXERCISES = (
    Exercise(
        "both-protocols",
        "Use one port number twice: with a TCP socket that *listens* and with a UDP socket. "
        "Let the kernel choose the number.",
        _check_both_protocols,
        (
            "Ask for port 0 with only one of the two sockets. Ask with the other for the port that the first one got.",
            "Call `tcp.getsockname()`: `udp.bind` takes what it returns. If the port is in use, run the cell again.",
            "Fill the blank, then bind: `udp = socket.socket(socket.AF_INET, ...)`.",
        ),
    ),
    Exercise(
        "column",
        f"Bind a UDP socket on 127.0.0.1 to a port in **column {COLUMN}** of the map (other learners get a different "
        f"one). The low byte of the port is {COLUMN}. Take a User port that this kernel never assigns by itself.",
        _check_column,
        (
            "Choose a row first: a port is row x 256 + column.",
            "Take one of the rows 4 to 191, the User ports, outside the colored line that shows the kernel's range.",
            f'Call `mine.bind(("127.0.0.1", ... * 256 + {COLUMN}))`. If it fails with EADDRINUSE, choose another row.',
        ),
    ),
)

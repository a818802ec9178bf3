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
        return Found(True, "a TCP socket that listens and a UDP socket of this process hold the same number.")
    return Found(False, "no number is held by a listening TCP socket and a UDP socket of this process at once.")


def _check_column() -> Found:
    given = machine.ephemeral_range() or (ports.DYNAMIC.low, MAX_PORT)
    udp = [entry.local for entry in descriptors.table() if entry.type == "UDP" and entry.local]
    held = {local.port for local in udp if local.address == "127.0.0.1"} - {0}
    in_column = {port for port in held if port % ports.SIDE == COLUMN}
    if not in_column:
        return Found(False, f"no UDP socket of this process holds a port of 127.0.0.1 in column {COLUMN} of the map.")
    if not any(port in ports.USER and not given[0] <= port <= given[1] for port in in_column):
        return Found(False, "the column is right; the port is no User port, or one that the kernel itself hands out.")
    return Found(True, f"a UDP socket of this process holds a User port in column {COLUMN}, chosen by you.")


EXERCISES = (
    Exercise(
        "both-protocols",
        "Hold one port number twice: with a TCP socket that *listens* and with a UDP socket. "
        "Let the kernel choose the number.",
        _check_both_protocols,
        (
            "Only the first of the two may ask for port 0. The other asks for what the first one got.",
            "`tcp.getsockname()` is just what `udp.bind(...)` takes.",
            "The UDP socket is `socket.socket(socket.AF_INET, socket.SOCK_DGRAM)`. Should the number be taken, run the "
            "cell again: the kernel will choose another.",
        ),
    ),
    Exercise(
        "column",
        f"Bind a UDP socket on 127.0.0.1 to a port in **column {COLUMN}** of the map (yours; others have another): "
        f"the low byte of the port is {COLUMN}. It must be a User port, and none that this kernel hands out by itself.",
        _check_column,
        (
            f"A port is row x 256 + column. Yours is `row * 256 + {COLUMN}`, for a row that you choose.",
            "The User ports fill the rows 4 to 191. The map's colored line shows the rows that the kernel uses.",
            "Row 20, for one, lies outside this kernel's range almost everywhere. If the port is taken "
            "(EADDRINUSE), choose another row.",
        ),
    ),
)

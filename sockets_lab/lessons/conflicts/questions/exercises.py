"""The exercises of lesson 04, checked by reading the rows of this process's own sockets in the kernel's table."""

from sockets_lab.course.questions import Exercise, Found, personal_number
from sockets_lab.kernel import descriptors, table
from sockets_lab.model import Endpoint, SocketRow

BACKLOG = personal_number("04/backlog", 20, 60)

_left: set[Endpoint] = set()  # where a check has seen an old connection in TIME_WAIT, and no listener


def _mine() -> list[SocketRow]:
    """Rows of the sockets that this process holds, one a socket, however many descriptors it has."""
    return list(descriptors.rows_behind([one for one in descriptors.table() if one.type in ("TCP", "UDP")]).values())


def _my_listeners() -> list[SocketRow]:
    """This process's listeners with the backlog asked for; where the table does not show it, all of them."""
    return [row for row in _mine() if row.state == "LISTEN" and row.send_queue in (None, BACKLOG)]


def _check_two_listeners() -> Found:
    places = [row.local for row in _my_listeners()]
    if any(places.count(place) >= 2 for place in places):
        return Found(True, "two sockets of this process listen on one address and port.")
    return Found(False, f"no two sockets of this process listen on one address and port with a backlog of {BACKLOG}.")


def _check_restart() -> Found:
    rows = table.snapshot(("tcp",), ("TIME_WAIT", "LISTEN"))
    waiting = {row.local for row in rows if row.state == "TIME_WAIT"}
    taken = [row.local for row in rows if row.state == "LISTEN"]
    _left.update(place for place in waiting if not any(listener.covers(place) for listener in taken))
    listeners = [row.local for row in _my_listeners()]
    if not listeners:
        return Found(False, f"no socket of this process listens with a backlog of {BACKLOG}. This check has noted "
                            "where an old connection is in TIME_WAIT and no program listens.")  # fmt: skip
    if not waiting:
        return Found(False, "the kernel's table shows no connection in TIME_WAIT. Serve a client again; if there is "
                            "still none, this kernel keeps none, and the task cannot be done here.")  # fmt: skip
    again = {place for place in waiting if any(listener.covers(place) for listener in listeners)}
    if not again:
        return Found(False, "no listener of this process has the address and port of a connection in TIME_WAIT.")
    if not again & _left:
        return Found(False, "a listener is there, but no check has seen that the first one was closed.")
    return Found(True, "a socket of this process listens again where an old connection is still in TIME_WAIT.")


EXERCISES = (
    Exercise(
        "two-listeners",
        "Let **two** TCP sockets of this process listen on one address and port, each with a backlog of "
        f"**{BACKLOG}** (other learners get a different one).",
        _check_two_listeners,
        (
            "Set the same option on both sockets, before you bind them.",
            "Call `socket.create_server(address, reuse_port=True, backlog=...)`: it sets `SO_REUSEPORT` and listens.",
            "Give the second socket the address of the first: `second = socket.create_server(..., reuse_port=True, "
            f"backlog={BACKLOG})`.",
        ),
    ),
    Exercise(
        "restart",
        "Serve one client, close the server's end of the connection first, and close the listener. Check: no program "
        f"listens there now. Then listen again on the same port, with a backlog of **{BACKLOG}**, while the old "
        "connection is in TIME_WAIT, and check once more.",
        _check_restart,
        (
            "Set `SO_REUSEADDR` on both servers; `socket.create_server` does so on Linux and macOS.",
            "Call in this order: `server.close()`, `client.close()`, `listener.close()`, and the check.",
            f"Give the first listener's address: `again = socket.create_server(..., backlog={BACKLOG})`.",
        ),
    ),
)

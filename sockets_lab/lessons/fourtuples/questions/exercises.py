"""What the learner builds in lesson 05, and what the kernel's tables must then show."""

from sockets_lab.course.questions import Exercise, Found, personal_number
from sockets_lab.kernel import descriptors, table
from sockets_lab.model import Endpoint, FourTuple

ACCEPTED = personal_number("05/accepted", 3, 6)
WAITING = personal_number("05/waiting", 2, 4)


def _check_crowd() -> Found:
    if (ACCEPTED, WAITING) in _crowds():
        return Found(True, f"a listener of this process has {ACCEPTED} accepted clients, and {WAITING} that wait.")
    return Found(
        False,
        f"no listener of this process has exactly {ACCEPTED} accepted clients and {WAITING} that wait for accept. "
        "(Both ends must be open here.)",
    )


def _crowds() -> list[tuple[int, int]]:
    """Count for each TCP listener of this process the accepted connections with both ends here, and those that wait."""
    entries = [entry for entry in descriptors.table() if entry.type == "TCP"]
    names = {FourTuple(entry.local, entry.remote) for entry in entries if entry.local and entry.remote}
    found = []
    for row in descriptors.rows_behind(entry for entry in entries if entry.remote is None).values():
        if row.state == "LISTEN":
            clients = [name for name in names if row.local.covers(name.remote)]
            accepted = sum(client.reversed() in names for client in clients)
            waiting = len(clients) - accepted if row.receive_queue is None else row.receive_queue
            found.append((accepted, waiting))
    return found


def _check_shared_name() -> Found:
    listeners = [row.local for row in table.snapshot(("tcp",), ("LISTEN",))]
    targets: dict[Endpoint, set[Endpoint]] = {}
    for entry in descriptors.table():
        # An accepted socket shares its local address too, but no socket listens on its remote one.
        local, remote = entry.local, entry.remote
        if entry.type == "TCP" and local and remote and any(listener.covers(remote) for listener in listeners):
            targets.setdefault(local, set()).add(remote)
    if any(len(remote) > 1 for remote in targets.values()):
        return Found(True, "two client sockets of this process share a local address and port, and their peers differ.")
    return Found(False, "no two connected clients of this process have the same local address and port.")


EXERCISES = (
    Exercise(
        "crowd",
        f"Let one listener of yours have exactly **{ACCEPTED}** accepted clients, and exactly **{WAITING}** more that "
        "wait for `accept` (other learners get different numbers). Make both ends in this notebook. Keep them open.",
        _check_crowd,
        (
            "Make more clients than you accept: `accept` takes one connection from the accept queue.",
            "Call `socket.create_server((\"127.0.0.1\", 0))` once, `socket.create_connection(...)` for each client. "
            "Keep every socket in a list, because Python closes what no variable holds.",
            f"Accept some of {ACCEPTED + WAITING} clients: `accepted = [server.accept()[0] for _ in range(...)]`.",
        ),
    ),
    Exercise(
        "shared-name",
        "Let two client sockets of yours have the **same** local address and port, and be connected at the same time. "
        "Keep them open, and their listeners too.",
        _check_shared_name,
        (
            "Make two listeners: one part of the four-tuple must differ, so each client needs its own listener.",
            "Set `SO_REUSEPORT` on both clients before you bind them (on Windows `SO_REUSEADDR`).",
            "Bind the first client to port 0 and the second to the same address: `two.bind(...)`.",
        ),
    ),
)

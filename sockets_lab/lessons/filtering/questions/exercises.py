"""What the learner builds in lesson 11: rules and a forwarding, which real clients then try."""

from sockets_lab.course.questions import Exercise, Found, personal_number
from sockets_lab.errors import BadInput, Refused
from sockets_lab.lab import Lab, firewall, opened
from sockets_lab.lab.firewall.reaching import let_go, reach_and_keep
from sockets_lab.lessons.filtering import forwarding
from sockets_lab.model import Endpoint, SocketRow

OPEN = personal_number("09/open", 3000, 3999)
SILENT = personal_number("09/silent", 4000, 4999)
REFUSED = personal_number("09/refused", 6000, 6999)
ENTRANCE = personal_number("09/entrance", 2000, 2999)
TARGET = personal_number("09/target", 7000, 7999)
PATIENCE = 2.0  # seconds, where an answer has to come
SILENCE = 0.5  # seconds, after which silence is believed
NO_LAB = Found(False, "no lab with nodes A, B and C is open.")
BUSY = Found(False, "a node is busy with a cell, so no client can be started in it.")


def _lab() -> Lab | None:
    lab = opened()
    return lab if lab and {"A", "B", "C"} <= {node.name for node in lab.nodes} else None


def _check_rules() -> Found:
    lab = _lab()
    if lab is None:
        return NO_LAB
    a, b = lab["A"], lab["B"]
    wanted = {OPEN: "connected", SILENT: "silence", REFUSED: "refused"}
    listening = {row.local for row in b.table(("tcp",)) if row.state == "LISTEN"}
    for port in wanted:
        if listening.isdisjoint(Endpoint(address, port) for address in (b.address, "0.0.0.0", "::")):
            return Found(False, f"no program listens on port {port} of B's address, in TCP.")
    held = firewall.held(b)
    if not isinstance(held, Refused) and not any(chain.hook == "input" for chain in held.chains):
        return Found(False, "programs listen on all three, but B has no rules.")
    for port, outcome in wanted.items():
        try:
            answer = firewall.ask(a, Endpoint(b.address, port), deadline=SILENCE if port == SILENT else PATIENCE)
        except BadInput:
            return BUSY
        seen = answer.name if isinstance(answer, Refused) else answer.outcome
        if seen != outcome:
            return Found(False, f"programs listen on all three, but a client in A finds at B's port {port}: {seen}.")
    return Found(True, f"programs listen on all three; A finds {OPEN} open, {SILENT} silent, and {REFUSED} refused.")


def _check_forward() -> Found:
    lab = _lab()
    if lab is None:
        return NO_LAB
    a, b = lab["A"], lab["B"]
    before = _connections(lab)
    try:
        answer = a.run(reach_and_keep, a.address, Endpoint(b.address, ENTRANCE), PATIENCE)
    except BadInput:
        return BUSY
    try:
        seen = answer.name if isinstance(answer, Refused) else answer.outcome
        if seen != "connected":
            return Found(False, f"a client in A that connects to B's port {ENTRANCE} finds: {seen}.")
        new = forwarding.soon(lambda: [row for row in _connections(lab) if row not in before] or None) or []
    finally:
        a.run(let_go)
    if not any(row.remote.address == b.address for row in new):
        return Found(False, f"A is connected to B's port {ENTRANCE}, but C's port {TARGET} has no client from B.")
    return Found(True, f"B's port {ENTRANCE} leads to C's port {TARGET}, and C's table lists B as the client.")


def _connections(lab: Lab) -> list[SocketRow]:
    """List the connections to the personal port of C that C's table holds."""
    rows = lab["C"].table(("tcp",))
    return [row for row in rows if row.local.port == TARGET and row.state == "ESTABLISHED"]


EXERCISES = (
    Exercise(
        "rules",
        f"Let programs listen on three TCP ports of B: **{OPEN}**, **{SILENT}** and **{REFUSED}** (other learners get "
        f"different ones). Then give B rules, so that a client in A is connected at {OPEN}, gets no response from "
        f"{SILENT}, and is refused at {REFUSED}.",
        _check_rules,
        (
            "Use one `Rule` for each port with a special outcome: `drop` gives no response, `reject` refuses. Packets "
            "that match no rule are accepted.",
            "Call `socket.create_server((ME, port))` three times in a `%%node B` cell, and keep each in a variable.",
            'Apply the rules: `firewall.apply(lab.B, firewall.incoming(Rule("drop", "tcp", ...), ...))`.',
        ),
    ),
    Exercise(
        "forward",
        f"Let a client that connects to B's port **{ENTRANCE}** reach a program at C's port **{TARGET}**. C's socket "
        "table must list B as the client. Use a program or B's kernel, as you like.",
        _check_forward,
        (
            "Start a listener on that port in a `%%node C` cell.",
            "Use a program: `forwarding.Forwarder(entrance, target, source=ME)` in a `%%node B` cell. Or use the "
            "kernel: `firewall.port_forward(port, target)` makes B's ruleset, with `filtering.be_gateway(lab.B)`.",
            "Fill: `kept = forwarding.Forwarder(Endpoint(ME, ...), Endpoint(ADDRESS['C'], ...), source=ME)`.",
        ),
    ),
)

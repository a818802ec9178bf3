"""The questions of lesson 11."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from sockets_lab.course.questions import (
    IMPOSSIBLE,
    Choice,
    Claim,
    Exercise,
    Found,
    Prediction,
    evidence,
    impossible,
    personal_number,
    require,
)
from sockets_lab.errors import BadInput, Refused
from sockets_lab.lab import Lab, firewall, opened
from sockets_lab.lab.firewall import Answer, Rule, Ruleset, incoming
from sockets_lab.lab.firewall.reaching import let_go, reach_and_keep
from sockets_lab.lessons import filtering
from sockets_lab.lessons.filtering import Behind, Replies, Trial, forwarding
from sockets_lab.lessons.filtering.trials import DEADLINE
from sockets_lab.model import Endpoint, SocketRow

T = TypeVar("T")


def in_lab(measure: Callable[[Lab], T]) -> Callable[[], T]:
    """Measure in a lab of three nodes that is opened for it."""

    def measured() -> T:
        with filtering.three_nodes() as lab:
            return measure(lab)

    return measured


def tried(experiment: Callable[[Lab], T | Refused], judge: Callable[[T], str]) -> Callable[[], str]:
    """Judge what came of an experiment in a lab; IMPOSSIBLE, where there is no filter to be had."""

    def answered(lab: Lab) -> str:
        found = experiment(lab)
        return IMPOSSIBLE if isinstance(found, Refused) else judge(found)

    return in_lab(answered)

def _outcome(found: Answer) -> str:
    require(found.outcome in ("connected", "refused", "silence"), f"the client found: {found.outcome}")
    return found.outcome


def _drop(found: tuple[Trial, ...]) -> str:
    require(found[0].open.outcome == "connected", f"without any rule the client found: {found[0].open.outcome}")
    return _outcome(found[1].open)


def _reject(found: tuple[Trial, ...]) -> str:
    empty, ruled = found[0].closed, found[1].open
    require(found[0].open.outcome == "connected", f"without any rule the client found: {found[0].open.outcome}")
    if [one.refused and one.refused.name for one in (empty, ruled)].count(None) or empty.outcome != ruled.outcome:
        return "error"
    unseen = None in (empty.came, ruled.came)
    return "nothing" if unseen or empty.told == ruled.told else "packet"


def _programs(found: tuple[Ruleset, tuple[Behind, ...]]) -> str:
    through = {one.program for one in found[1] if one.answer.said}
    return {0: "neither", 1: "".join(through), 2: "both"}[len(through)]


def _replies(found: tuple[Replies, ...]) -> str:
    require(found[0].own.outcome == "connected", f"without any filter the client found: {found[0].own.outcome}")
    return _outcome(found[1].own)


def _forwarder(lab: Lab) -> str:
    found = forwarding.between(lab)
    names = {node.address: node.name for node in lab.nodes}
    return "nobody" if isinstance(found, Refused) else names.get(found.seen_by_server, "nobody")


def _masquerade(lab: Lab) -> str:
    found = filtering.forwarded(lab, masquerade=False)
    if isinstance(found, Refused):
        return IMPOSSIBLE
    require(found.tracked, "B's kernel tracked no connection, so nothing was forwarded")
    if found.answer.outcome != "connected":
        return "silence"
    names = {node.address: node.name for node in lab.nodes}
    require(found.seen_by_server in names, "A was connected, and the server's table does not show by whom")
    return names[found.seen_by_server]


def _rule(verdict: str) -> Callable[[Lab], tuple[Trial, ...] | Refused]:
    """Return the experiment with no rule and with this one."""
    return lambda lab: filtering.try_rules(lab, "tcp", [None, Rule(verdict, "tcp")])


SILENCE = partial(Choice, "silence", "it gets no response and times out")
TOLD = Choice("refused", "it is refused", "This filter answered the client.")
NO_FILTER = impossible("no filter is available here", "This system lets a program without privilege set no filter.")

PREDICTIONS = (
    Prediction(
        "drop",
        "A program listens on B's port 8000, and a firewall rule at B drops every TCP packet to that port. A client "
        "connects. What does the client see?",
        (Choice("connected", "it is connected", "The packets passed: this filter did not drop them."),
         TOLD,
         SILENCE("The filter dropped the packet and sent no answer. The client's kernel sends its SYN again and "
                 "again; the program decides how long it waits. On Linux `connect` alone gives up after about two "
                 "minutes.")),
        tried(_rule("drop"), _drop),
        (NO_FILTER,),
    ),
    Prediction(
        "reject",
        "Now B's rule rejects with a reset, at a port where a program listens. How can the client tell this apart from "
        "a port where no program listens?",
        (Choice("error", "it can tell by the error", "Here the errors differ."),
         Choice("packet", "it can tell by the packet that comes back", "The errors are the same, but the packets "
                "differ here."),
         Choice("nothing", "it cannot tell", "Both end with ECONNREFUSED, after a segment with RST, where a cable lets "
                "you capture it. The filter sends what B's kernel sends for a closed port. A rule that rejects with "
                "ICMP sends another packet.")),
        tried(_rule("reject"), _reject),
        (NO_FILTER,),
    ),
    Prediction(
        "programs",
        "Two programs at B have swapped their ports: the web server listens on port 22, and the SSH server on port 80. "
        "The rules accept port 80, for the web, and drop all other TCP. Which server can A reach?",
        (Choice("web", "only the web server", "This filter looked at more than the port."),
         Choice("SSH", "only the SSH server", "The rule reads two bytes in the header, and they say 80. The header "
                "does not say which program uses port 80."),
         Choice("both", "both servers", "Both connections got through."),
         Choice("neither", "neither server", "Neither connection got through.")),
        tried(filtering.behind_ports, _programs),
        (NO_FILTER,),
    ),
    Prediction(
        "replies",
        "A drops all incoming packets, and has no rule for outgoing ones. Now a client in A connects to B's open "
        "port. What does the client see?",
        (Choice("connected", "it is connected", "This filter accepts answers by itself."),
         TOLD,
         SILENCE("The SYN went out, and B answered with SYN ACK. But the answer is an incoming packet, and A's filter "
                 "drops it before TCP sees it. A **stateful** rule would accept it.")),
        tried(filtering.try_replies, _replies),
        (NO_FILTER,),
    ),
    Prediction(
        "forwarder",
        "A client in A connects to the forwarder (a TCP proxy), a program in B, which connects to C for it. Whose "
        "address does C's program see as its client's?",
        (Choice("A", "it sees A's address", "Here the forwarder passes on its client's address."),
         Choice("B", "it sees B's address", "The forwarder's second socket, in B, made the connection to C. These are "
                "two connections, and C's kernel never received a packet with A's address."),
         Choice("C", "it sees C's address", "The kernel gave the forwarder's socket another address than B's."),
         Choice("nobody", "it sees no client", "The connection was not made.")),
        in_lab(_forwarder),
    ),
    Prediction(
        "masquerade",
        "B's kernel writes C's address and port into each packet to its port 8080, and leaves the source unchanged. "
        "A connects to B's port 8080. What happens?",
        (Choice("A", "it is connected, and C sees A's address", "C's answers came back through B, which put its own "
                "address in."),
         Choice("B", "it is connected, and C sees B's address", "B wrote its own address in as well."),
         Choice("silence", "it is not connected", "The packet reaches C with A as its source, so C answers A directly, "
                "from its own address. A waits for an answer from B and has no connection with C. B would have to "
                "replace the source too (source NAT, masquerading).")),
        in_lab(_masquerade),
        (replace(NO_FILTER, because="This system lets no program fill a kernel's filter, or let a kernel forward; the "
                 "simulated firewall changes no addresses. Between real nodes with filters no connection is made: "
                 "C answers A directly, and A waits for B."),),
    ),
)  # fmt: skip


Measured = tuple[str, str]


def _decider(lab: Lab) -> str:
    return "" if firewall.decides(lab.nodes[1]) == "kernel" else "by a simulated firewall: "


def _on_the_way(lab: Lab) -> Measured:
    found = evidence(filtering.forwarded(lab), "forwarding by a rule of B's kernel")
    require(found.answer.outcome == "connected", f"A's connection to the port of B: {found.answer.outcome}")
    tracked = evidence(found.tracked, "the connection, in what B's kernel tracks,")
    if found.gateway:
        return "the node between has a socket of the connection", "false"
    return f"B has no socket of it, and its kernel tracks the four-tuple: {tracked.original}", "true here"


def _by_destination(lab: Lab) -> Measured:
    client, server = lab.nodes[:2]
    with firewall.Service(server) as one, firewall.Service(server) as other:
        places = [evidence(service.endpoint, "a service's port") for service in (one, other)]
        ports = [place.port for place in places]
        refused = firewall.apply(server, incoming(Rule("drop", "tcp", ports[0])))
        answers = [firewall.ask(client, place, deadline=DEADLINE) for place in places]
        firewall.clear(server)
    require(not refused, f"the rule was refused ({refused})")
    ends = [evidence(answer, "the client's socket").outcome for answer in answers]
    text = _decider(lab) + f"a rule drops port {ports[0]}: {ends[0]}; port {ports[1]}, without a rule: {ends[1]}"
    require(ends[1] == "connected", text)
    return text, "true here" if ends[0] == "silence" else "false"


def _by_source(lab: Lab) -> Measured:
    found = evidence(filtering.try_replies(lab), "a packet filter")
    by_port, by_state = found[2:]
    text = f"{_decider(lab)}answers accepted by source port: {by_port.own.outcome}; an unknown host that uses that "
    text += f"port: {by_port.disguised.outcome}. Accepted by the connection's state instead: {by_state.own.outcome}"
    require(found[0].own.outcome == found[0].disguised.outcome == "connected", "not all get through without a filter")
    return f"{text}, and the unknown host: {by_state.disguised.outcome}", "only in part"


def _forwarding(lab: Lab) -> Measured:
    found = evidence(forwarding.between(lab), "the connection through a program")
    client = evidence(found.client, "A's connection")
    evidence(found.server, "the connection of B's program")
    text = f"A is connected to {client.remote}, and the program that answers is at {found.target}"
    by_rules = filtering.forwarded(lab)
    if not isinstance(by_rules, Refused) and by_rules.server:
        return f"{text}; the same by a rule of B's kernel, without any program", "true here"
    return f"{text}; by a program: a rule of the kernel could not be tried here", "true here"


def _program(lab: Lab) -> Measured:
    found = evidence(filtering.behind_ports(lab), "a packet filter")
    heard = (f"port {one.port}: {one.answer.outcome} {one.answer.said[:7]!r}".replace(" b''", "") for one in found[1])
    text = "only the web's port is accepted, and the programs are swapped: " + "; ".join(heard)
    return _decider(lab) + text, "not in the source text"


def _seen(lab: Lab) -> Measured:
    found = evidence(forwarding.between(lab), "the connection through a program")
    client, server = evidence(found.client, "A's connection"), evidence(found.server, "the connection of B's program")
    return f"the client is {client.local}; the server's table says {server.remote}", "not in the source text"


CLAIMS = (
    Claim("Devices between the two ends can read the ports too.", in_lab(_on_the_way),
          "RFC 9293 section 3.1, RFC 3022"),
    Claim("Firewalls distinguish packets by their destination port.", in_lab(_by_destination), "nft(8)"),
    Claim("Firewalls distinguish packets by their source port too.", in_lab(_by_source), "nft(8), conntrack(8)"),
    Claim("Port forwarding is an example: it reads the destination port.", in_lab(_forwarding), "nft(8), RFC 3022"),
    Claim("(Not in the text:) a port number does not prove which service uses it.", in_lab(_program),
          "IANA service name registry"),
    Claim("(Not in the text:) through a forwarder the server sees another client.", in_lab(_seen), "RFC 3022"),
)  # fmt: skip


OPEN = personal_number("09/open", 3000, 3999)
SILENT = personal_number("09/silent", 4000, 4999)
REFUSED = personal_number("09/refused", 6000, 6999)
ENTRANCE = personal_number("09/entrance", 2000, 2999)
TARGET = personal_number("09/target", 7000, 7999)
PATIENCE = 2.0  # seconds, where an answer has to come
QUIET = 0.5  # seconds, after which silence is believed
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
            answer = firewall.ask(a, Endpoint(b.address, port), deadline=QUIET if port == SILENT else PATIENCE)
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

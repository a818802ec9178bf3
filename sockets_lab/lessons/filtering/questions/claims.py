"""What the text claims about port numbers on the way: firewalls and port forwarding, measured."""

from collections.abc import Callable

from sockets_lab.course.questions import Claim, evidence, require
from sockets_lab.errors import Refused
from sockets_lab.lab import Lab, firewall
from sockets_lab.lab.firewall import Rule, incoming
from sockets_lab.lessons import filtering
from sockets_lab.lessons.filtering import forwarding
from sockets_lab.lessons.filtering.trials import DEADLINE

Measured = tuple[str, str]


def in_lab(measure: Callable[[Lab], Measured]) -> Callable[[], Measured]:
    """Measure in a lab of three nodes that is opened for it."""

    def measured() -> Measured:
        with filtering.three_nodes() as lab:
            return measure(lab)

    return measured


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

"""What rules do to clients: one rule after the other, programs at each other's ports, and answers that come in too."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused, attempt, first_refused
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.firewall import WEB, Answer, Rule, Ruleset, Service, ask, control, incoming
from sockets_lab.lab.firewall.rules import ANSWERS, RESET
from sockets_lab.netns.settings import set_icmp_pause

NO_SETTING = Refused("ENOSYS", "nodes on loopback have no settings of their own")
DEADLINE = 0.25  # seconds; between nodes a kernel answers in less than a millisecond
DEADLINES = {"tcp": DEADLINE, "udp": 0.9}  # a datagram is answered by a program, which may have to wait for a processor
WEB_PORT, SSH_PORT = 80, 22  # where these programs usually are. Source: IANA service name registry
FREE_FOR_ALL = 8000  # is added to them on loopback, where ports below 1024 are not every user's
HEAR = 2.0  # seconds for a program's first bytes
REQUEST = b"GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"  # RFC 9112 section 3


@dataclass(frozen=True)
class Trial:
    """One rule (None: no rule at all), and how a client's questions at an open and at a closed port ended."""

    rule: Rule | None
    open: Answer
    closed: Answer


def verdicts(protocol: str = "tcp") -> tuple[Rule | None, ...]:
    """Return the rules that `try_rules` tries: none, then one of each verdict for what is incoming."""
    answers = (*((RESET,) if protocol == "tcp" else ()), *ANSWERS)
    rejects = tuple(Rule("reject", protocol, answer=answer) for answer in answers)
    return (None, Rule("count", protocol), Rule("accept", protocol), Rule("drop", protocol), *rejects)


def try_rules(
    lab: Lab, protocol: str = "tcp", rules: Sequence[Rule | None] | None = None
) -> tuple[Trial, ...] | Refused:
    """Try each rule in the filter of a lab's second node, while its first node asks at an open and at a closed port.

    Args: rules: None = `verdicts`. The ruleset of that node is gone afterwards.
    Returns: Refused, where there is no filter to be had. Raises: BadInput.
    """
    client, server = two_of(lab)
    found = []
    with Service(server, protocol=protocol) as there, cleared(server), every_error_told(server):
        with Service(server, protocol=protocol) as gone:
            pass  # its port is closed now, and nobody else is given it so soon
        ports: list = [there.endpoint, gone.endpoint]
        if refused := first_refused(ports):
            return refused
        for rule in verdicts(protocol) if rules is None else rules:
            results: list = [control.apply(server, incoming(*([rule] if rule else [])))]
            results += [ask(client, port, protocol, DEADLINES.get(protocol, DEADLINE)) for port in ports]
            if refused := first_refused(results):
                return refused
            found.append(Trial(rule, *results[1:]))
    return tuple(found)


@dataclass(frozen=True)
class Behind:
    """A port, which program was really behind it, and how a client's question there ended."""

    port: int
    program: str
    answer: Answer


def behind_ports(lab: Lab) -> tuple[Ruleset, tuple[Behind, ...]] | Refused:
    """Let only the web's port in, while a web server sits at the port of SSH, and SSH at the port of the web.

    Returns: the rules with what they counted, and both ports; Refused, where a port or a filter cannot be had.
    """
    client, server = two_of(lab)
    added = 0 if lab.kind == "namespaces" else FREE_FOR_ALL
    web, ssh = WEB_PORT + added, SSH_PORT + added
    with Service(server, ssh, greeting=WEB, waits=True) as at_ssh, Service(server, web) as at_web, cleared(server):
        rules = incoming(Rule("accept", "tcp", web), Rule("drop", "tcp"))
        results: list = [at_ssh.endpoint, at_web.endpoint, control.apply(server, rules)]
        for service, say in ((at_web, b""), (at_ssh, REQUEST)):
            if not isinstance(service.endpoint, Refused):
                results.append(ask(client, service.endpoint, deadline=DEADLINE, say=say, hear=HEAR))
        results.append(control.held(server))
    if refused := first_refused(results):
        return refused
    at_web_port, at_ssh_port, held = results[3:]
    return held, (Behind(web, "SSH", at_web_port), Behind(ssh, "web", at_ssh_port))


@dataclass(frozen=True)
class Replies:
    """One ruleset of the guarded node, and three questions under it.

    own: the guarded node asks the other one; stranger: the other one asks at the guarded node's port; disguised: the
    same, and the stranger's own port is the one from which the answers come to the guarded node.
    """

    rules: Ruleset
    own: Answer
    stranger: Answer
    disguised: Answer


def rulesets(port: int) -> tuple[Ruleset, ...]:
    """Return the rulesets that `try_replies` tries: no filter; nothing in; in from that source port; in by state."""
    return (
        incoming(),
        incoming(policy="drop"),
        incoming(Rule("accept", "tcp", source_port=port), policy="drop"),
        incoming(Rule("accept", state=("established", "related")), policy="drop"),
    )


def try_replies(lab: Lab) -> tuple[Replies, ...] | Refused:
    """Guard a lab's first node with one ruleset after the other, and let it and the second node ask each other.

    Returns: Refused, where no filter can be had.
    """
    guarded, other = two_of(lab)
    found = []
    with Service(guarded) as inside, cleared(guarded):
        if isinstance(inside.endpoint, Refused):
            return inside.endpoint
        port = 0
        for number in range(len(rulesets(port))):
            with Service(other, port) as outside:
                if isinstance(outside.endpoint, Refused):
                    return outside.endpoint
                port = outside.endpoint.port
                results: list = [control.apply(guarded, rulesets(port)[number])]
                results += [ask(guarded, outside.endpoint, deadline=DEADLINE)]
            results += [ask(other, inside.endpoint, deadline=DEADLINE, source_port=own) for own in (0, port)]
            results += [control.held(guarded)]
            if refused := first_refused(results):
                return refused
            _, own, stranger, disguised, held = results
            found.append(Replies(held, own, stranger, disguised))
    return tuple(found)


@contextmanager
def cleared(node: Node) -> Iterator[None]:
    """Take away a node's ruleset at the end, whatever happened."""
    try:
        yield
    finally:
        control.clear(node)


@contextmanager
def every_error_told(node: Node) -> Iterator[None]:
    """Let a node tell of every error by ICMP, not only of some a second, so that a silence is the rule's doing.

    Where that setting may only be read, as in some containers, the first six are told of, and then one a second.
    """
    before = attempt(node.call, set_icmp_pause, 0) if node.own_stack else NO_SETTING
    try:
        yield
    finally:
        if not isinstance(before, Refused):
            node.call(set_icmp_pause, before)


def two_of(lab: Lab) -> tuple[Node, Node]:
    """Return a lab's first two nodes: the client, and the server. Raises: BadInput."""
    if len(lab.nodes) < 2:
        raise BadInput("one node is too few: pass a lab of two, a client and a server.")
    return lab.nodes[0], lab.nodes[1]

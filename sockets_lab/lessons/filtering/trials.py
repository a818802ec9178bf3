"""What rules do to a client: each rule against a port where a program listens, and one where none does."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.firewall import control
from sockets_lab.lab.firewall.answers import Answer
from sockets_lab.lab.firewall.probe import ask
from sockets_lab.lab.firewall.rules import ANSWERS, RESET, Rule
from sockets_lab.lab.firewall.rulesets import Ruleset, incoming
from sockets_lab.lab.firewall.services import Service
from sockets_lab.model import Endpoint
from sockets_lab.netns.settings import set_icmp_pause

NO_SETTING = Refused("ENOSYS", "nodes on loopback have no settings of their own")
DEADLINE = 0.25  # seconds; between nodes a kernel answers in less than a millisecond
DEADLINES = {"tcp": DEADLINE, "udp": 0.9}  # a datagram is answered by a program, which may have to wait for a processor


@dataclass(frozen=True)
class Trial:
    """One rule (None: no rule at all), and how a client's questions at an open and at a closed port ended.

    rules: the server's, with what they have counted. packets: how many met the rule, of the open port's question.
    """

    rule: Rule | None
    open: Answer
    closed: Answer
    rules: Ruleset
    packets: int


def verdicts(protocol: str = "tcp") -> tuple[Rule | None, ...]:
    """Return the rules that `try_rules` tries: none, then one of each verdict for what is incoming."""
    answers = (*((RESET,) if protocol == "tcp" else ()), *ANSWERS)
    rejects = tuple(Rule("reject", protocol, answer=answer) for answer in answers)
    return (None, Rule("count", protocol), Rule("accept", protocol), Rule("drop", protocol), *rejects)


def try_rules(lab: Lab, protocol: str = "tcp", rules: Sequence[Rule | None] | None = None,
              deadline: float | None = None) -> tuple[Trial, ...] | Refused:  # fmt: skip
    """Try each rule in the filter of a lab's second node, while its first node asks at an open and at a closed port.

    Args: rules: None = `verdicts`; deadline: seconds, as for `ask`; None = 0.25 for TCP, 0.9 for UDP. The ruleset of
        that node is gone afterwards.
    Returns: Refused, where there is no filter to be had. Raises: BadInput.
    """
    client, server = two_of(lab)
    wait = DEADLINES.get(protocol, DEADLINE) if deadline is None else deadline
    found = []
    with Service(server, protocol=protocol) as there, cleared(server), every_error_told(server):
        with Service(server, protocol=protocol) as gone:
            pass  # its port is closed now, and nobody else is given it so soon
        for rule in verdicts(protocol) if rules is None else rules:
            if isinstance(there.endpoint, Refused) or isinstance(gone.endpoint, Refused):
                return next(one for one in (there.endpoint, gone.endpoint) if isinstance(one, Refused))
            trial = _trial(client, server, rule, there.endpoint, gone.endpoint, protocol, wait)
            if isinstance(trial, Refused):
                return trial
            found.append(trial)
    return tuple(found)


def _trial(client: Node, server: Node, rule: Rule | None, there: Endpoint, gone: Endpoint, protocol: str,
           deadline: float) -> Trial | Refused:  # fmt: skip
    results: list = [control.apply(server, incoming(*([rule] if rule else [])))]
    results += [ask(client, there, protocol, deadline), control.held(server), ask(client, gone, protocol, deadline)]
    results += [control.held(server)]
    for result in results:
        if isinstance(result, Refused):
            return result
    _, opened, after_one, closed, after_both = results
    first = after_one.chain("input").rules[:1]
    return Trial(rule, opened, closed, after_both, first[0].packets if first else 0)


@contextmanager
def cleared(*nodes: Node) -> Iterator[None]:
    """Take away the rulesets of these nodes at the end, whatever happened."""
    with ExitStack() as stack:
        for node in nodes:
            stack.callback(control.clear, node)
        yield


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

"""Rules of a packet filter as values: what a packet must have, and what becomes of it then.

A rule's text is the one that Debian's `nft` reads and lists. Nothing here asks the kernel. Source: nft(8).
"""

from dataclasses import dataclass, field

from sockets_lab.errors import BadInput
from sockets_lab.model import PROTOCOLS, TRANSPORTS, Endpoint, checked_port

NUMBERS = {name: PROTOCOLS[name].number for name in ("icmp", *TRANSPORTS)}
STATES = {"invalid": 1, "established": 2, "related": 4, "new": 8}  # bits, as the kernel has them
ANSWERS = {"port": (3, "port-unreachable"), "host": (1, "host-unreachable"), "filter": (13, "admin-prohibited")}
UNREACHABLE = 3  # the type of ICMP's messages that have these codes
RESET = "reset"  # the answer that TCP itself has; the others are ICMP's. Source: RFC 792; RFC 1812 section 5.2.7.1
REJECTS = {"port": "reject", RESET: "reject with tcp reset"} | {  # nft leaves out the usual answer
    answer: f"reject with icmp {ANSWERS[answer][1]}" for answer in ("host", "filter")
}
LOG_GROUP = 4  # of the netlink groups 0-65535 that the kernel may log to
LONGEST_LABEL = 64  # characters

HOOKS = {  # where a chain is hooked into the packet's way -> the verdicts that make sense there
    "prerouting": ("accept", "drop", "count", "dnat"),
    "input": ("accept", "drop", "count", "reject"),
    "forward": ("accept", "drop", "count", "reject"),
    "output": ("accept", "drop", "count", "reject"),
    "postrouting": ("accept", "drop", "count", "masquerade"),
}
VERDICTS = tuple(dict.fromkeys(verdict for hook in HOOKS.values() for verdict in hook))
NAT = {"prerouting": "dstnat", "postrouting": "srcnat"}  # hooks at which addresses are changed, and their place there

Ports = int | tuple[int, int] | None


@dataclass(frozen=True)
class Rule:
    """One rule: it meets a packet if all that is given here is so. Every rule counts the packets that it meets.

    Args:
        verdict: "accept", "drop" (in silence), "reject" (and tell the sender), "count" (only: the next rule goes on),
            "dnat" (change the destination to `to`), "masquerade" (change the source to the node's own address).
        protocol: "tcp", "udp", "icmp", None = whatever; port, source_port: of the destination and the source, a number
            or (first, last); source, destination: IPv4 addresses; None = any.
        state: of the connection to which the packet belongs: "new", "established", "related", "invalid"; () = any.
        answer: with which a reject tells: "reset" (TCP only), or by ICMP that the "port", the "host" cannot be reached
            or that a "filter" forbids it. log: a label; the kernel then logs the packet too.
        packets, octets: what the rule has counted; None where it was not read from a filter. They do not compare.
    Raises: BadInput.
    """

    verdict: str
    protocol: str | None = None
    port: Ports = None
    source_port: Ports = None
    source: str | None = None
    destination: str | None = None
    state: tuple[str, ...] = ()
    answer: str | None = None
    to: Endpoint | None = None
    log: str | None = None
    packets: int | None = field(default=None, compare=False)
    octets: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _one_of(self.verdict, VERDICTS, "verdict")
        _one_of(self.protocol, (*NUMBERS, None), "protocol")
        for name in ("port", "source_port"):
            object.__setattr__(self, name, _checked_ports(getattr(self, name)))
        if (self.port, self.source_port) != (None, None) and self.protocol not in TRANSPORTS:
            raise BadInput("only TCP and UDP have ports: pass protocol='tcp' or 'udp' beside the port.")
        for name in ("source", "destination"):
            object.__setattr__(self, name, _checked_address(getattr(self, name)))
        states = (self.state,) if isinstance(self.state, str) else tuple(self.state)
        for state in states:
            _one_of(state, tuple(STATES), "state of a connection")
        object.__setattr__(self, "state", tuple(sorted(set(states), key=STATES.__getitem__)))
        self._check_what_follows()

    def _check_what_follows(self) -> None:
        if self.verdict == "reject":
            answer = self.answer or (RESET if self.protocol == "tcp" else "port")
            object.__setattr__(self, "answer", _one_of(answer, (RESET, *ANSWERS), "answer"))
            if answer == RESET and self.protocol != "tcp":
                raise BadInput("only TCP has a reset: pass protocol='tcp' beside it, or one of port, host, filter.")
        elif self.answer is not None:
            raise BadInput(f"a rule that says {self.verdict} gives no answer: pass answer= with 'reject' only.")
        if (self.verdict == "dnat") != (self.to is not None):
            raise BadInput("'dnat', and nothing else, needs a new destination: pass to=Endpoint(...) with it.")
        if self.to and (":" in self.to.address or not self.to.port or self.protocol not in TRANSPORTS):
            raise BadInput("pass protocol='tcp' or 'udp', and an IPv4 endpoint with a port to forward to.")
        if self.log is not None and not (isinstance(self.log, str) and _is_label(self.log)):
            raise BadInput(f"{self.log!r} is no label: pass 1 to {LONGEST_LABEL} plain characters without quotes.")

    def __str__(self) -> str:
        """Spell the rule as `nft` does."""
        words = [f"ct state {','.join(self.state)}"] if self.state else []
        words += [f"ip saddr {self.source}"] if self.source else []
        words += [f"ip daddr {self.destination}"] if self.destination else []
        ports = [f"{self.protocol} sport {_span(self.source_port)}"] if self.source_port is not None else []
        ports += [f"{self.protocol} dport {_span(self.port)}"] if self.port is not None else []
        words += ports or ([f"meta l4proto {self.protocol}"] if self.protocol else [])
        words += ["counter"] if self.packets is None else [f"counter packets {self.packets} bytes {self.octets}"]
        words += [f'log prefix "{self.log}" group {LOG_GROUP}'] if self.log else []
        if self.verdict == "reject":
            words += [REJECTS[self.answer or "port"]]
        elif self.verdict == "dnat":
            words += [f"dnat to {self.to}"]
        elif self.verdict != "count":
            words += [self.verdict]
        return " ".join(words)


def _one_of(value: str | None, known: tuple, what: str) -> str | None:
    if value not in known:
        raise BadInput(f"{value!r} is no {what}: pass one of {', '.join(map(str, known))}.")
    return value


def _checked_ports(ports: Ports) -> Ports:
    if not isinstance(ports, tuple | list):
        return ports if ports is None else checked_port(ports)
    if len(ports) != 2 or checked_port(ports[0]) >= checked_port(ports[1]):
        raise BadInput(f"{ports!r} is no range of ports: pass the first and the last, as (8000, 8080).")
    return (checked_port(ports[0]), checked_port(ports[1]))


def _checked_address(address: str | None) -> str | None:
    if address is not None and ":" in Endpoint(address, 0).address:
        raise BadInput(f"{address} is IPv6, which nodes do not speak: pass an IPv4 address.")
    return address if address is None else Endpoint(address, 0).address


def _is_label(text: str) -> bool:
    return 0 < len(text) <= LONGEST_LABEL and text.isascii() and text.isprintable() and not set('"\\') & set(text)


def _span(ports: Ports) -> str:
    return f"{ports[0]}-{ports[1]}" if isinstance(ports, tuple) else str(ports)

"""The connections that a node's kernel has tracked: what it means by `ct state`, and where it remembers a forwarding.

Each is kept under two names: as its first packet came in, and as the answers will. The two differ by more than their
direction where an address was changed on the way. Linux only. Source: conntrack(8); linux/netfilter/
nfnetlink_conntrack.h.
"""

import socket
from dataclasses import dataclass

from sockets_lab.kernel.netlink import attributes
from sockets_lab.lab.firewall import nfnetlink
from sockets_lab.lab.firewall.nfnetlink import CONNECTIONS, LIST_CONNECTIONS
from sockets_lab.lab.firewall.rules import NUMBERS
from sockets_lab.model import TRANSPORTS, Endpoint, FourTuple

ORIGINAL, REPLY, STATUS, PROTOCOL_INFO = 1, 2, 3, 4  # CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS, CTA_PROTOINFO
ADDRESSES, PROTOCOL, SOURCE, DESTINATION = 1, 2, 1, 2  # CTA_TUPLE_IP, CTA_TUPLE_PROTO, CTA_IP_V4_SRC, CTA_IP_V4_DST
NUMBER, SOURCE_PORT, DESTINATION_PORT = 1, 2, 3  # CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT
TCP_INFO, TCP_STATE = 1, 1  # CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE
SEEN_REPLY = 2  # IPS_SEEN_REPLY
TCP_STATES = (
    "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",
    "SYN_SENT2",
)  # fmt: skip  # the tracker's own names: it stands between both ends, and has no state of either


@dataclass(frozen=True)
class Tracked:
    """A TCP or UDP connection as the kernel tracks it.

    original: from who began it to where that meant to go; reply: from who answers to where the answers go.
    answered: whether an answer was seen. state: of TCP, as the tracker sees it from between; "" for UDP.
    """

    protocol: str
    original: FourTuple
    reply: FourTuple
    answered: bool
    state: str


def connections() -> tuple[Tracked, ...]:
    """List the TCP and UDP connections that the kernel tracks in the network of this process. Raises: OSError."""
    found = []
    names = {number: name for name, number in NUMBERS.items()}
    for packed in nfnetlink.held(CONNECTIONS, LIST_CONNECTIONS):
        parts = attributes(packed)
        protocol = names.get(attributes(attributes(parts[ORIGINAL])[PROTOCOL])[NUMBER][0])
        if protocol in TRANSPORTS:
            answered = bool(int.from_bytes(parts[STATUS], "big") & SEEN_REPLY)
            original, reply = _name(parts[ORIGINAL]), _name(parts[REPLY])
            found.append(Tracked(protocol, original, reply, answered, _tcp_state(parts)))
    return tuple(found)


def _name(packed: bytes) -> FourTuple:
    parts = attributes(packed)
    addresses, ports = attributes(parts[ADDRESSES]), attributes(parts[PROTOCOL])
    source, destination = (
        Endpoint(socket.inet_ntoa(addresses[address]), int.from_bytes(ports[port], "big"))
        for address, port in ((SOURCE, SOURCE_PORT), (DESTINATION, DESTINATION_PORT))
    )
    return FourTuple(source, destination)


def _tcp_state(parts: dict[int, bytes]) -> str:
    info = attributes(attributes(parts.get(PROTOCOL_INFO, b"")).get(TCP_INFO, b""))
    return TCP_STATES[info[TCP_STATE][0]] if TCP_STATE in info else ""

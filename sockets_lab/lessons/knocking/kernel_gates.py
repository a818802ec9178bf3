"""Gates that the kernel keeps, and the choice among gates: before the node's sockets, or at the listening socket.

The door's program listens all the time, and knows of nothing. Knocks are heard all the same, because packets are copied
off the cable before any filter.
Source: nft(8); socket(7), SO_ATTACH_FILTER; Documentation/networking/filter.rst in the kernel's sources.
"""

import errno
import socket
import struct
import sys
from collections.abc import Iterable
from dataclasses import replace

from sockets_lab.errors import Refused
from sockets_lab.lab import Node, NodeError, firewall
from sockets_lab.lab.firewall import Rule, Ruleset, incoming
from sockets_lab.lessons.knocking.gate import UserspaceGate
from sockets_lab.lessons.packets.bpf_filter import EQUAL, RETURN, attach

WORD = 0x20  # load 32 bits
SOURCE = 0xFFF00000 + 12  # SKF_NET_OFF: counted from the IP header, though the filter stands behind it; RFC 791: source
ALL, NOTHING = 0xFFFFFFFF, 0  # bytes of the segment that pass


def rules(port: int, sources: Iterable[str]) -> Ruleset:
    """Return the rules of a door: who is in stays in, these may come in, and of others nothing passes."""
    stay = Rule("accept", "tcp", port, state=("established",))
    enter = [Rule("accept", "tcp", port, source=source) for source in sorted(sources)]
    return incoming(stay, *enter, Rule("drop", "tcp", port))


def spelled(ruleset: Ruleset | Refused) -> tuple[str, ...]:
    """Spell the rules for what comes in, without what they have counted; what was refused in their place."""
    if isinstance(ruleset, Refused):
        return (str(ruleset),)
    rules = (rule for chain in ruleset.chains if chain.hook == "input" for rule in chain.rules)
    plain = (replace(rule, packets=None, octets=None) for rule in rules)
    return tuple(str(rule).replace("counter ", "") for rule in plain)


def program(sources: Iterable[str]) -> bytes:
    """Return the filter that lets segments from these IPv4 addresses pass, and no others."""
    steps = [(WORD, 0, 0, SOURCE)]
    for source in sorted(sources):
        address = int.from_bytes(socket.inet_aton(source))
        steps += [(EQUAL, 0, 1, address), (RETURN, 0, 0, ALL)]
    return b"".join(struct.pack("HBBI", *step) for step in [*steps, (RETURN, 0, 0, NOTHING)])


class KernelGate(UserspaceGate):
    """A gate whose filter follows whom it admits.

    Args: port: where it is taken, the kernel chooses another. Raises: OSError, where this system refuses the filter.
    """

    def __init__(self, node: Node, port: int = 0) -> None:
        super().__init__(node, port)
        try:
            self._filter()
            self._door.listen()
        except BaseException:
            super().close()
            raise
        self._listening = True

    def open_for(self, source: str) -> None:
        super().open_for(source)
        self._filter()

    def shut(self, source: str) -> None:
        self.admitted.discard(source)
        self._filter()

    def _filter(self) -> None:
        """Let the kernel drop what anybody sends who is not admitted. Raises: OSError."""
        raise NotImplementedError


class FirewallGate(KernelGate):
    """A gate of rules. While it stands, its rules are the node's whole ruleset; afterwards it has none."""

    about = "the kernel's firewall: it drops what strangers send"

    def close(self) -> None:
        if self._listening:
            self._apply(Ruleset())
        super().close()

    def _filter(self) -> None:
        if refused := self._apply(rules(self.port, self.admitted)):
            raise OSError(getattr(errno, refused.name, errno.EPERM), refused.because)

    def _apply(self, ruleset: Ruleset) -> Refused | None:
        """Give the kernel's filter a ruleset in the place of the one before. Returns: what the kernel refused."""
        try:
            if firewall.decides(self._node) == "kernel":  # a simulated one would not meet those who try the door
                return firewall.apply(self._node, ruleset)
        except NodeError as gone:
            return Refused("unknown", str(gone))
        return Refused("ENOSYS", "no packet filter of a kernel is yours to change here")


class SocketFilterGate(KernelGate):
    """A gate without a firewall: a filter on the listening socket looks at each segment for it, before TCP does.

    Linux only. In a node it takes no rights that the node does not have. On loopback it works too, but some kernels
    refuse it there to ordinary users (EPERM; seen on Linux 6.18). A connection keeps the filter that its listener had
    when it was made, so whoever is in stays in.
    """

    about = "a filter on the listening socket: the kernel drops what strangers send"

    def _filter(self) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "the number of this option is Linux's")
        attach(self._door, program(self.admitted))


def gate_at(node: Node, port: int = 0) -> UserspaceGate:
    """Return the best gate that can be had: the kernel's firewall, a filter on the socket, or a program in userspace.

    Raises: OSError, where no port can be had.
    """
    for make in (FirewallGate, SocketFilterGate):
        try:
            return make(node, port)
        except OSError:
            continue
    return UserspaceGate(node, port)

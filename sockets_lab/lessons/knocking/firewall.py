"""A gate that the kernel's own firewall keeps, and the choice among gates.

The rules stand in the node's packet filter, before its sockets: the door's program listens all the time, and knows of
nothing. Knocks are heard all the same, because packets are copied off the cable before the filter. Source: nft(8).
"""

import errno
from collections.abc import Iterable
from dataclasses import replace

from sockets_lab.errors import Refused
from sockets_lab.lab.firewall import Rule, Ruleset, incoming
from sockets_lab.lessons.knocking.gate import UserspaceGate
from sockets_lab.lessons.knocking.place import Place
from sockets_lab.lessons.knocking.socketfilter import SocketFilterGate


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


class FirewallGate(UserspaceGate):
    """A gate of rules. While it stands, its rules are the node's whole ruleset; afterwards it has none.

    Args: port: where it is taken, the kernel chooses another. Raises: OSError, where the rules are refused.
    """

    about = "the kernel's firewall: it drops what strangers send"

    def __init__(self, place: Place, port: int = 0) -> None:
        super().__init__(place, port)
        try:
            self._apply()
            self._door.listen()
        except BaseException:
            super().close()
            raise
        self._listening = True

    def open_for(self, source: str, port: int) -> None:
        super().open_for(source, port)
        self._apply()

    def shut(self, source: str) -> None:
        self.admitted.discard(source)
        self._apply()

    def close(self) -> None:
        if self._listening:
            self._place.filter(Ruleset())
        super().close()

    def _apply(self) -> None:
        refused = self._place.filter(rules(self.port, self.admitted))
        if isinstance(refused, Refused):
            raise OSError(getattr(errno, refused.name, errno.EPERM), refused.because)


def gate_at(place: Place, port: int = 0) -> UserspaceGate:
    """Return the best gate that can be had: the kernel's firewall, a filter on the socket, or a program in userspace.

    Raises: OSError, where no port can be had.
    """
    for make in (FirewallGate, SocketFilterGate):
        try:
            return make(place, port)
        except OSError:
            continue
    return UserspaceGate(place, port)

"""What a node's rules log: each packet that met a rule with a label, as the kernel hands it over.

It comes over netlink ("nflog"). The kernel's own log, which dmesg shows, is the machine's: by default it takes nothing
from the network stacks of others. Source: linux/netfilter/nfnetlink_log.h; nf_log_all_netns in the kernel's
documentation of sysctl.
"""

import errno
import struct
import time

from sockets_lab.headers import IPv4, dissect
from sockets_lab.kernel.connecting import Owner
from sockets_lab.kernel.netlink import BUFFER, attributes, messages
from sockets_lab.lab import Node
from sockets_lab.lab.firewall import control
from sockets_lab.lab.firewall.nfnetlink import HEAD, LOG
from sockets_lab.lab.firewall.simulated import Logged

TIMESTAMP, PAYLOAD, LABEL = 3, 9, 10  # NFULA_TIMESTAMP, NFULA_PAYLOAD, NFULA_PREFIX
TICK = 0.02  # seconds


class Log(Owner):
    """A node's log from now on, until the end of `with`. A node has one log at a time.

    Raises: OSError (EPERM, where another log of this node is open).
    lost: whether the kernel had to leave out packets, because nobody read for too long.
    """

    def __init__(self, node: Node) -> None:
        self.lost = False
        self._heard: list[Logged] = []  # from a simulated firewall
        self._filter = control.of(node)
        self._sock = self._filter.listen(self._heard)

    def packets(self) -> tuple[Logged, ...]:
        """Return all that was logged since the last call, in its order. Never waits."""
        logged, self._heard[:] = list(self._heard), []
        while self._sock:
            try:
                part = self._sock.recv(BUFFER)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost = True
                continue
            logged += [_logged(payload) for kind, _, payload in messages(part, False) if kind >> 8 == LOG]
        return tuple(logged)

    def wait(self, count: int = 1, deadline: float = 2.0) -> tuple[Logged, ...]:
        """Wait until so many packets were logged since the last call; fewer, where the deadline (seconds) passed."""
        until, found = time.monotonic() + deadline, self.packets()
        while len(found) < count and time.monotonic() < until:
            time.sleep(TICK)
            found += self.packets()
        return found

    def close(self) -> None:
        if self._sock:
            self._sock.close()
        self._filter.listen(None)


def _logged(payload: bytes) -> Logged:
    parts = attributes(payload[HEAD.size :])
    seconds, microseconds = struct.unpack(">QQ", parts[TIMESTAMP]) if TIMESTAMP in parts else (0, 0)
    when = (seconds * 10**6 + microseconds) * 1000 or time.time_ns()  # older kernels tell the time only sometimes
    return Logged(when, parts.get(LABEL, b"").rstrip(b"\0").decode(errors="replace"), dissect(parts[PAYLOAD], IPv4))

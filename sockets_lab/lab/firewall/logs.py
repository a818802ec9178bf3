"""What a node's rules log: each packet that met a rule with a label, as the kernel hands it over.

It comes over netlink ("nflog"). The kernel's own log, which dmesg shows, is the machine's: by default it takes nothing
from the network stacks of others. Source: linux/netfilter/nfnetlink_log.h; nf_log_all_netns in the kernel's
documentation of sysctl.
"""

import errno
import socket
import struct
import time

from sockets_lab.headers import IPv4, dissect
from sockets_lab.kernel.connecting import Owner, closed_on_failure
from sockets_lab.kernel.netlink import BUFFER, attribute, attributes, messages
from sockets_lab.lab import Node
from sockets_lab.lab.firewall import control
from sockets_lab.lab.firewall.nfnetlink import CONFIGURE_LOG, HEAD, IPV4, LOG, NETLINK_NETFILTER, tell
from sockets_lab.lab.firewall.rules import LOG_GROUP
from sockets_lab.lab.firewall.simulated import Logged

COMMAND, MODE, TIMEOUT, AT_ONCE = 1, 2, 4, 5  # NFULA_CFG_CMD, _MODE, _TIMEOUT, _QTHRESH
BIND, COPY_PACKET = 1, 2  # NFULNL_CFG_CMD_BIND, NFULNL_COPY_PACKET
KEPT = 128  # bytes of each packet: all headers, with options
TIMESTAMP, PAYLOAD, LABEL = 3, 9, 10  # NFULA_TIMESTAMP, NFULA_PAYLOAD, NFULA_PREFIX
LONGEST, TOGETHER = 1, 16  # the kernel hands over after 10 milliseconds, or so many packets, in one part
ROOM = 8 << 20  # bytes that may wait to be read: 30,000 packets; where net.core.rmem_max is the usual one, 1,500
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


def open_log() -> socket.socket:
    """Make a socket that gets what the rules of this process's network log. Linux only. Raises: OSError."""
    with closed_on_failure(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        bind = attribute(COMMAND, bytes([BIND]))
        how = attribute(MODE, struct.pack(">IBx", KEPT, COPY_PACKET))
        how += attribute(TIMEOUT, struct.pack(">I", LONGEST)) + attribute(AT_ONCE, struct.pack(">I", TOGETHER))
        for what in (bind, how):
            tell(sock, LOG << 8 | CONFIGURE_LOG, HEAD.pack(IPV4, 0, LOG_GROUP) + what)
        sock.setblocking(False)
        return sock


def _logged(payload: bytes) -> Logged:
    parts = attributes(payload[HEAD.size :])
    seconds, microseconds = struct.unpack(">QQ", parts[TIMESTAMP]) if TIMESTAMP in parts else (0, 0)
    when = (seconds * 10**6 + microseconds) * 1000 or time.time_ns()  # older kernels tell the time only sometimes
    return Logged(when, parts.get(LABEL, b"").rstrip(b"\0").decode(errors="replace"), dissect(parts[PAYLOAD], IPv4))

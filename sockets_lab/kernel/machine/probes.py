"""What this machine can do, found out by trying: nothing here is guessed from the name of a system.

Every probe is cheap, binds to loopback only, sends nothing, and leaves nothing behind.
"""

import errno
import shutil
import socket
import struct
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from sockets_lab.errors import Refused, refusal
from sockets_lab.model import Endpoint

LOOPBACK = "127.0.0.1"
PORT_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
SYSTEM_PORTS = range(1, 1024)
IP_LOCAL_PORT_RANGE = 51  # linux/in.h, from Linux 6.3; Python has no name for it yet
TOOLS = ("ss", "lsof", "nmap", "tcpdump")
UNLIMITED = sys.maxsize
NOT_ALLOWED = (errno.EACCES, errno.EPERM)


def ephemeral_range() -> tuple[int, int] | None:
    """Read the lowest and highest port that this kernel chooses for itself; None where it does not tell.

    Source: ip_local_port_range in ip(7).
    """
    try:
        low, high = PORT_RANGE_FILE.read_text(encoding="ascii").split()
        return int(low), int(high)
    except (OSError, ValueError):
        return None


def handed_out(times: int = 200) -> tuple[int, int] | Refused:
    """Bind to port 0 again and again, and return the lowest and highest port that the kernel chose."""
    try:
        ports = [_bound_port(LOOPBACK) for _ in range(times)]
    except OSError as error:
        return refusal(error)
    return min(ports), max(ports)


def lowest_port() -> int:
    """Find the lowest port of 1-1024 that this user may bind on loopback. Source: ip(7), ip_unprivileged_port_start.

    A port that another socket holds counts as allowed: the kernel checks the permission first.
    """
    for port in SYSTEM_PORTS:
        try:
            _bound_port(LOOPBACK, port)
        except OSError as error:
            if error.errno in NOT_ALLOWED:
                continue
        return port
    return SYSTEM_PORTS.stop


def descriptor_limits() -> tuple[int, int]:
    """Return how many descriptors this process may have: now, and at most by its own decision.

    Returns: (soft, hard); UNLIMITED where there is none, or where the system has no such limit (Windows).
    Source: RLIMIT_NOFILE in getrlimit(2).
    """
    try:
        import resource
    except ImportError:
        return UNLIMITED, UNLIMITED
    soft, hard = (
        UNLIMITED if limit == resource.RLIM_INFINITY else limit for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    return soft, hard


def has_ipv6() -> bool:
    """Tell whether ::1 can be bound. `socket.has_ipv6` only tells how Python was built."""
    return _can_bind("::1")


def has_dual_stack() -> bool:
    """Tell whether an IPv6 socket can also carry IPv4, by binding ::ffff:127.0.0.1. Source: RFC 3493 section 3.7."""
    return _can_bind("::ffff:127.0.0.1", (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0))


def loopback_addresses() -> bool:
    """Tell whether more of 127.0.0.0/8 than 127.0.0.1 can be bound, as on Linux and Windows, and not on macOS."""
    return all(_can_bind(address) for address in ("127.0.0.2", "127.127.127.127"))


def has_reuse_port() -> bool:
    """Tell whether two sockets can be bound to one address and port when both set SO_REUSEPORT."""
    reuse_port = getattr(socket, "SO_REUSEPORT", None)
    if reuse_port is None:
        return False
    with ExitStack() as stack:
        port = 0
        try:
            for _ in range(2):
                sock = stack.enter_context(socket.socket())
                sock.setsockopt(socket.SOL_SOCKET, reuse_port, 1)
                sock.bind((LOOPBACK, port))
                port = sock.getsockname()[1]
        except OSError:
            return False
    return True


def has_local_port_range() -> bool:
    """Tell whether one socket can be given an ephemeral range of its own: the port must then come from it.

    Source: IP_LOCAL_PORT_RANGE in ip(7).
    """
    whole = ephemeral_range()
    if whole is None or whole[1] - whole[0] < 1000:
        return False
    own = range(whole[1] - 100, whole[1])
    option = (socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("=I", own.start | own[-1] << 16))
    try:
        return all(_bound_port(LOOPBACK, 0, option) in own for _ in range(3))
    except OSError as error:
        return error.errno == errno.EADDRINUSE  # every port of the small range is taken: so it was obeyed


def has_service_names() -> bool:
    """Tell whether this machine has a list of names for ports. Source: services(5)."""
    for name in ("http", "domain", "ssh"):
        with suppress(OSError):
            socket.getservbyname(name)
            return True
    return False


def tools() -> tuple[str, ...]:
    """Name those of TOOLS that are installed."""
    return tuple(tool for tool in TOOLS if shutil.which(tool))


def _can_bind(address: str, *options: tuple[int, int, int | bytes]) -> bool:
    try:
        return _bound_port(address, 0, *options) > 0
    except OSError:
        return False


def _bound_port(address: str, port: int = 0, *options: tuple[int, int, int | bytes]) -> int:
    """Bind a TCP socket, close it, and return the port that it had. Raises: OSError."""
    endpoint = Endpoint(address, port)
    with socket.socket(endpoint.family, socket.SOCK_STREAM) as sock:
        for option in options:
            sock.setsockopt(*option)
        sock.bind(endpoint.sockaddr)
        return int(sock.getsockname()[1])

"""What an errno means: its standard meaning, and the likely cause in the call that failed. Imports nothing of ours.

Rows are tried from the top: the first that fits the errno, the call and its arguments gives the cause. Where a call has
several causes that the arguments cannot tell apart, its row names the two likely ones. Sources: the ERRORS section of
each call's man page, ip(7), tcp(7), udp(7), unix(7).
"""

import _socket
import socket
from collections.abc import Callable
from typing import Any

STANDARD = {  # the text that POSIX and the man pages have
    "EACCES": "permission denied", "EADDRINUSE": "address already in use",
    "EADDRNOTAVAIL": "address not available", "EAFNOSUPPORT": "address family not supported",
    "EAGAIN": "resource temporarily unavailable", "EALREADY": "operation already in progress",
    "EBADF": "bad file descriptor", "EBUSY": "device or resource busy", "ECONNABORTED": "connection aborted",
    "ECONNREFUSED": "connection refused", "ECONNRESET": "connection reset by peer",
    "EDESTADDRREQ": "destination address required", "EDOM": "argument out of domain", "EEXIST": "already exists",
    "EFAULT": "bad address", "EHOSTDOWN": "host is down", "EHOSTUNREACH": "no route to host",
    "EINPROGRESS": "operation in progress", "EINTR": "interrupted by a signal", "EINVAL": "invalid argument",
    "EISCONN": "already connected", "EMFILE": "too many open files", "EMSGSIZE": "message too long",
    "ENETDOWN": "network is down", "ENETUNREACH": "network is unreachable",
    "ENFILE": "too many open files in system", "ENOBUFS": "no buffer space available", "ENODEV": "no such device",
    "ENOENT": "no such file or directory", "ENOMEM": "not enough memory", "ENOPROTOOPT": "protocol not available",
    "ENOSPC": "no space left", "ENOSYS": "function not implemented", "ENOTCONN": "not connected",
    "ENOTSOCK": "not a socket", "ENOTTY": "inappropriate ioctl", "EOPNOTSUPP": "operation not supported",
    "EPERM": "operation not permitted", "EPIPE": "broken pipe", "EPROTO": "protocol error",
    "EPROTONOSUPPORT": "protocol not supported", "EPROTOTYPE": "wrong protocol type",
    "ESOCKTNOSUPPORT": "socket type not supported", "ETIMEDOUT": "connection timed out",
    "EUSERS": "too many users", "DEADLINE": "timed out",
    "EAI_ADDRFAMILY": "no address of that family for this name",
    "EAI_AGAIN": "the name server did not answer", "EAI_FAIL": "the name server failed",
    "EAI_FAMILY": "address family not supported", "EAI_NODATA": "no address for this name",
    "EAI_NONAME": "name or service not known", "EAI_SERVICE": "service not known for this socket type",
    "EAI_SOCKTYPE": "socket type not supported",
}  # fmt: skip

# Python's functions that make the same system call, or one that fails for the same reasons.
SAME_CALL = {
    "__init__": "socket", "socketpair": "socket", "_accept": "accept", "connect_ex": "connect",
    "create_connection": "connect", "_real_close": "close", "sendall": "send", "sendto": "send", "sendmsg": "send",
    "write": "send", "recv_into": "recv", "recvfrom": "recv", "recvfrom_into": "recv", "recvmsg": "recv",
    "recvmsg_into": "recv", "read": "recv", "gethostbyname": "getaddrinfo", "getsockname": "getpeername",
}  # fmt: skip

# What the kernel's options take where not every whole number will do. Sources: ip(7), ipv6(7), tcp(7), socket(7).
TAKES = {
    ("IPPROTO_IP", "IP_TTL"): "1 to 255", ("IPPROTO_IP", "IP_MULTICAST_TTL"): "0 to 255",
    ("IPPROTO_IP", "IP_ADD_MEMBERSHIP"): "a struct ip_mreq: a packed group (224.0.0.0/4) and a packed local address",
    ("IPPROTO_IP", "IP_DROP_MEMBERSHIP"): "a struct ip_mreq: a packed group (224.0.0.0/4) and a packed local address",
    ("IPPROTO_IPV6", "IPV6_UNICAST_HOPS"): "0 to 255, or -1 for the default",
    ("IPPROTO_IPV6", "IPV6_MULTICAST_HOPS"): "0 to 255, or -1 for the default",
    ("IPPROTO_IPV6", "IPV6_JOIN_GROUP"): "a struct ipv6_mreq: a packed group (ff00::/8) and an interface's index",
    ("IPPROTO_IPV6", "IPV6_LEAVE_GROUP"): "a struct ipv6_mreq: a packed group (ff00::/8) and an interface's index",
    ("IPPROTO_IPV6", "IPV6_V6ONLY"): "its value before bind, and cannot be changed after it",
    ("IPPROTO_TCP", "TCP_KEEPIDLE"): "1 to 32,767 seconds", ("IPPROTO_TCP", "TCP_KEEPINTVL"): "1 to 32,767 seconds",
    ("IPPROTO_TCP", "TCP_KEEPCNT"): "1 to 127 probes", ("IPPROTO_TCP", "TCP_SYNCNT"): "1 to 127 segments",
    ("IPPROTO_TCP", "TCP_MAXSEG"): "88 to 32,767 bytes", ("IPPROTO_TCP", "TCP_USER_TIMEOUT"): "0 or more milliseconds",
    ("SOL_SOCKET", "SO_RCVTIMEO"): "a struct timeval: struct.pack('@ll', seconds, microseconds)",
    ("SOL_SOCKET", "SO_SNDTIMEO"): "a struct timeval: struct.pack('@ll', seconds, microseconds)",
    ("SOL_SOCKET", "SO_LINGER"): "a struct linger: struct.pack('@ii', on, seconds)",
}  # fmt: skip


def _address(args: tuple) -> tuple:
    """Find the address among a call's arguments: (host, port, ...); else ("", -1)."""
    for arg in reversed(args):
        if isinstance(arg, tuple) and len(arg) > 1 and isinstance(arg[0], str) and isinstance(arg[1], int):
            return arg
    return ("", -1)


def _known(sock: Any, args: tuple) -> bool:
    return sock is not None


def _to_port_0(sock: Any, args: tuple) -> bool:
    return _address(args)[1] == 0


def _low_port(sock: Any, args: tuple) -> bool:
    return 0 < _address(args)[1] < 1024


def _no_scope(sock: Any, args: tuple) -> bool:
    """A link-local address (fe80::/10) for which no interface is named."""
    host, *rest = _address(args)
    return host[:3].lower() in ("fe8", "fe9", "fea", "feb") and "%" not in host and not any(rest[2:])


def _unix(sock: Any, args: tuple) -> bool:
    return sock.family == getattr(socket, "AF_UNIX", None)


def _bound(sock: Any, args: tuple) -> bool:
    return not _unix(sock, args) and _socket.socket.getsockname(sock)[1] != 0


def _connected(sock: Any, args: tuple) -> bool:
    return bool(_socket.socket.getpeername(sock))


def _datagrams(sock: Any, args: tuple) -> bool:
    return sock.type == socket.SOCK_DGRAM


def _no_broadcast(sock: Any, args: tuple) -> bool:
    return _datagrams(sock, args) and not _socket.socket.getsockopt(sock, socket.SOL_SOCKET, socket.SO_BROADCAST)


def _local_only(sock: Any, args: tuple) -> bool:
    """A socket that is bound to a loopback address, and a destination that is none."""
    return _socket.socket.getsockname(sock)[0].startswith("127.") and not _address(args)[0].startswith("127.")


def _takes(sock: Any, args: tuple) -> str:
    """Say what an option takes: "IP_TTL takes 1 to 255"."""
    for (level, name), value in TAKES.items():
        if (getattr(socket, level, None), getattr(socket, name, None)) == args[:2]:
            return f"{name} takes {value}"
    return ""


FIREWALL = "a firewall rule on this machine forbids it"
SCOPE = "A link-local address (fe80::) also needs its interface: pass (address, port, 0, socket.if_nametoindex(name))"
UNREACHABLE = "No route leads there, the host does not answer, or a firewall rejected the packet"

Row = tuple[str, str, Callable[[Any, tuple], bool | str] | None, str]  # errno, call ("": any), condition, likely cause
ROWS: tuple[Row, ...] = (
    ("EACCES", "socket", None, "Raw and packet sockets need administrator rights (CAP_NET_RAW), or a rule forbids it"),
    ("EACCES", "bind", _low_port, "Ports below 1024 are privileged for ordinary users on most systems; or the port is "
     "reserved. Choose a port from 1024 on"),
    ("EACCES", "bind", _unix, "You may not write to that directory"),
    ("EACCES", "bind", None, "The port is privileged or reserved, or a security rule of this system forbids it"),
    ("EACCES", "connect", _unix, "You may not write to that socket's file, or not enter its directory"),
    ("EACCES", "connect send", _no_broadcast, "SO_BROADCAST is not set, and a broadcast address needs it; otherwise "
     + FIREWALL),
    ("EACCES", "connect send", _known, "A firewall rule or a prohibiting route forbids it, here or on the way"),
    ("EACCES", "connect send", None, "A broadcast address needs the option SO_BROADCAST; otherwise " + FIREWALL),
    ("EACCES", "setsockopt", None, "This option needs administrator rights"),
    ("EACCES", "unshare", None, "A security rule of this system forbids it"),
    ("EACCES", "", None, "A privileged port or another right is missing, or a rule of this system forbids it"),
    ("EADDRINUSE", "bind", _to_port_0, "Every port of the ephemeral range is in use"),
    ("EADDRINUSE", "bind", _unix, "A file of this name exists: remove it if no program uses it any more"),
    ("EADDRINUSE", "connect", None, "A connection with these two addresses and ports exists already"),
    ("EADDRINUSE", "setsockopt", None, "This socket is a member of that group already"),
    ("EADDRINUSE", "", None, "Another socket, or a connection in TIME_WAIT, holds this address and port"),
    ("EADDRNOTAVAIL", "bind", None, "No interface of this machine has that address: bind an address of this machine"),
    ("EADDRNOTAVAIL", "connect send", _to_port_0, "Port 0 cannot be a destination: pass the port of a program"),
    ("EADDRNOTAVAIL", "connect", None, "All ephemeral ports towards that destination are in use, or this machine has "
     "no address from which it can be reached"),
    ("EADDRNOTAVAIL", "setsockopt", None, "The socket is not a member of that group, or no interface has that address"),
    ("EADDRNOTAVAIL", "", None, "This machine does not have that address, or no ephemeral port is free"),
    ("EAFNOSUPPORT", "bind connect send", None, "The address is of another family than the socket: use an address of "
     "the socket's family"),
    ("EAFNOSUPPORT", "", None, "This machine does not have that address family (IPv6 may be switched off)"),
    ("EAGAIN", "accept", None, "No connection waits in the accept queue, and the call was told not to wait"),
    ("EAGAIN", "connect", None, "The accept queue of the server is full, or no ephemeral port is free"),
    ("EAGAIN", "recv", None, "Nothing has arrived yet, and the call was told not to wait"),
    ("EAGAIN", "send", None, "The send buffer is full, and the call was told not to wait"),
    ("EAGAIN", "", None, "Nothing is there yet, or a buffer is full, and the call was told not to wait"),
    ("EALREADY", "", None, "The connection that you asked for before is still being set up: wait until the socket is "
     "writable"),
    ("EBADF", "", None, "No open socket or file has this descriptor: it is closed, or was never opened"),
    ("EBUSY", "", None, "Something else uses it at the moment"),
    ("ECONNABORTED", "", None, "The connection was given up before it was accepted, or by this machine itself"),
    ("ECONNREFUSED", "connect", _to_port_0, "Port 0 cannot be a destination: pass the port of a program"),
    ("ECONNREFUSED", "connect", _unix, "The file is there, but no program listens on it"),
    ("ECONNREFUSED", "connect", None, "No program listens on that port, or a firewall rejected the connection"),
    ("ECONNREFUSED", "send recv", None, "An earlier datagram was answered with ICMP \"port unreachable\": no "
     "program has that port, or a firewall rejected it"),
    ("ECONNREFUSED", "", None, "No program has that port, or a firewall rejected the packet"),
    ("ECONNRESET", "", None, "The peer reset the connection: it closed with data unread, ended, or knew no such "
     "connection"),
    ("EDESTADDRREQ", "", None, "The socket has no peer: name a destination with sendto, or connect first"),
    ("EDOM", "setsockopt", None, "Microseconds run from 0 to 999,999"),
    ("EEXIST", "", None, "Something of this name is there already"),
    ("EFAULT", "", None, "The call was given memory that is not this program's"),
    ("EHOSTDOWN", "", None, UNREACHABLE), ("EHOSTUNREACH", "", None, UNREACHABLE),
    ("EINPROGRESS", "", None, "The connection is being set up; the call was told not to wait for it"),
    ("EINTR", "", None, "Call it again"),
    ("EINVAL", "socket", None, "This family has no such type or protocol, or the type holds unknown flags"),
    ("EINVAL", "bind connect send", _no_scope, SCOPE),
    ("EINVAL", "bind", _bound, "The socket is bound already, and a socket is bound once: use a new one"),
    ("EINVAL", "bind", None, "The socket is bound already, or the address is not complete (a link-local address "
     "needs its interface)"),
    ("EINVAL", "listen", _unix, "The socket is not bound yet, or it is connected: bind it first"),
    ("EINVAL", "listen", None, "The socket is connected, and a connected socket cannot listen: use a new one"),
    ("EINVAL", "accept", None, "The socket does not listen: call listen first"),
    ("EINVAL", "connect send", _to_port_0, "Port 0 cannot be a destination: pass the port of a program"),
    ("EINVAL", "connect send", _local_only, "The socket is bound to a loopback address, and from there no other "
     "machine can be reached"),
    ("EINVAL", "connect", _datagrams, "The local address cannot reach that destination, or it is not complete"),
    ("EINVAL", "connect", None, "A link-local address (fe80::) needs its interface, or the local address cannot reach "
     "that destination"),
    ("EINVAL", "send", None, "The destination is not valid (port 0, a link-local address without its interface), or "
     "a flag does not fit"),
    ("EINVAL", "recv", None, "There is no urgent byte to read (MSG_OOB), or the socket does not listen or is not "
     "connected"),
    ("EINVAL", "setsockopt", _takes, "{}"),
    ("EINVAL", "setsockopt", None, "The value is out of the option's range, or not of its size (some options take a "
     "struct: see socket(7), ip(7), tcp(7))"),
    ("EINVAL", "getsockopt", None, "The buffer is too small or too large for this option"),
    ("EINVAL", "shutdown", None, "Pass SHUT_RD, SHUT_WR or SHUT_RDWR"),
    ("EINVAL", "getpeername", None, "The socket has been shut down"),
    ("EINVAL", "unshare", None, "This system's kernel was built without network namespaces"),
    ("EINVAL", "nftables", None, "The rule does not fit that hook, or this kernel does not know a part of it"),
    ("EINVAL", "", None, "A value is out of range or not complete, or the socket is in the wrong state for this call"),
    ("EISCONN", "connect", None, "The socket is connected, or it listens: use a new one"),
    ("EISCONN", "", None, "A connected socket sends to its peer only: use send"),
    ("EMFILE", "", None, "This process has as many descriptors as it may: close some, or raise the limit (ulimit -n)"),
    ("EMSGSIZE", "send", None, "The message is larger than one datagram can be (UDP over IPv4: 65,507 bytes), or than "
     "this socket may send: send less"),
    ("EMSGSIZE", "", None, "The message is larger than one datagram, or than the buffer, can be"),
    ("ENETDOWN", "", None, "The interface is switched off"),
    ("ENETUNREACH", "connect send", _no_scope, SCOPE),
    ("ENETUNREACH", "", None, "This machine has no route to that address, or a firewall rejected the packet"),
    ("ENFILE", "", None, "The whole machine has as many open files as it may"),
    ("ENOBUFS", "setsockopt", None, "The socket is a member of as many groups as it may be"),
    ("ENOBUFS", "", None, "The kernel has no memory for this now, or the queue of the interface is full"),
    ("ENODEV", "bind connect send", _no_scope, SCOPE),
    ("ENODEV", "", None, "There is no such network interface: socket.if_nameindex() lists them"),
    ("ENOENT", "nftables", None, "There is no such table, chain or rule"),
    ("ENOENT", "setsockopt", None, "This kernel does not have what was named (a congestion control, for instance)"),
    ("ENOENT", "", None, "There is nothing of that name"),
    ("ENOMEM", "", None, "The kernel has no memory left for this"),
    ("ENOPROTOOPT", "connect send recv", None, "The host answered with ICMP \"protocol unreachable\": it does not have "
     "the protocol, or a firewall rejected the packet"),
    ("ENOPROTOOPT", "", None, "This kernel, or this kind of socket, does not have that option at that level"),
    ("ENOSPC", "unshare", None, "The limit on the number of network namespaces is reached, or it is set to none"),
    ("ENOSPC", "", None, "A limit of the system on how many of these there may be is reached, or a disk is full"),
    ("ENOSYS", "", None, "This system does not have that call"),
    ("ENOTCONN", "", None, "The socket has no peer: it was never connected (a listener never is), or the connection "
     "has ended"),
    ("ENOTSOCK", "", None, "This descriptor is a file, a pipe or something else that is not a socket"),
    ("ENOTTY", "", None, "This descriptor, or the kernel, does not have that request"),
    ("EOPNOTSUPP", "listen accept", None, "Only stream sockets, such as TCP's, listen and accept: a datagram socket "
     "cannot"),
    ("EOPNOTSUPP", "connect", None, "This type of socket cannot connect, or a router answered with the ICMP error "
     "\"source route failed\""),
    ("EOPNOTSUPP", "send recv", None, "This type of socket does not have one of the flags, or cannot send and receive"),
    ("EOPNOTSUPP", "nftables unshare", None, "This system's kernel was built without a part that this needs"),
    ("EOPNOTSUPP", "", None, "This type of socket, or this kernel, does not have that operation"),
    ("EPERM", "socket", None, "Raw and packet sockets need administrator rights (CAP_NET_RAW)"),
    ("EPERM", "connect send", None, "A firewall rule on this machine stopped the packet, or a security rule forbids"
     " it"),
    ("EPERM", "accept", None, "A firewall or security rule forbids the connection"),
    ("EPERM", "setsockopt", None, "This option, or this value of it, needs administrator rights (CAP_NET_ADMIN)"),
    ("EPERM", "unshare", None, "This system does not let an ordinary user make network stacks, as in most containers"),
    ("EPERM", "nftables", None, "Changing firewall rules needs administrator rights (CAP_NET_ADMIN)"),
    ("EPERM", "", None, "This needs administrator rights, or a rule of this system forbids it"),
    ("EPIPE", "", None, "This end has shut down sending, or there is no connection (any more): nothing can be sent"),
    ("EPROTO", "", None, "A packet of the peer, or of a host on the way, did not follow the protocol"),
    ("EPROTONOSUPPORT", "", None, "This family and type have no such protocol, or this kernel does not have it"),
    ("EPROTOTYPE", "connect send", None, "The socket of the peer is of another type, such as SOCK_DGRAM"),
    ("EPROTOTYPE", "", None, "This protocol does not fit this type of socket"),
    ("ESOCKTNOSUPPORT", "", None, "This address family does not have that type of socket"),
    ("ETIMEDOUT", "connect", None, "No answer came: the host is off or elsewhere, or a firewall drops the packets"),
    ("ETIMEDOUT", "", None, "The peer did not answer for so long that the kernel gave up"),
    ("EUSERS", "unshare", None, "Network namespaces are nested too deep already"),
    ("EUSERS", "", None, "A limit on the number of users or levels is reached"),
    ("DEADLINE", "connect", None, "No answer came in time: the host is off or elsewhere, a firewall drops the packets, "
     "or the accept queue of the server is full"),
    ("DEADLINE", "accept", None, "No client connected within the time limit that was set here"),
    ("DEADLINE", "recv", None, "Nothing arrived within the time limit that was set here"),
    ("DEADLINE", "", None, "No answer came within the time limit that was set here"),
    ("EAI_AGAIN", "", None, "Is this machine connected to a network? Try again, or pass an address in numbers"),
    ("EAI_NONAME", "", None, "Check the spelling, or pass an address in numbers"),
)

BY_ERRNO = {name: tuple(row for row in ROWS if row[0] == name) for name in STANDARD}


def meaning(name: str, call: str = "", sock: Any = None, args: tuple = ()) -> str:
    """Say what an errno means in this call: its standard meaning, then the likely cause. No period at the end.

    Args: name: the errno's; call: as Python or the man pages name it, "" where it is not known; sock, args: what the
        call was made with. Returns: "" for an errno that has no row.
    """
    if name not in STANDARD:
        return ""
    call = SAME_CALL.get(call, call)
    for _, calls, condition, cause in BY_ERRNO[name]:
        if (not calls or call in calls.split()) and (fits := _fits(condition, sock, args)):
            return f"{STANDARD[name]}. {cause.format(fits)}"
    return STANDARD[name]


def _fits(condition: Callable[[Any, tuple], bool | str] | None, sock: Any, args: tuple) -> bool | str:
    try:
        return condition is None or condition(sock, args)
    except Exception:  # noqa: BLE001  arguments that are not known, or a socket that cannot be asked any more
        return False

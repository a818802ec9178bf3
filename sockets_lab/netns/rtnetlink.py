"""Make and wire network interfaces: what `ip link`, `ip address` and `ip route` do. Linux only. Source: rtnetlink(7).

Each function is one request to the kernel, and raises its refusal as OSError.
"""

import socket
import struct

from sockets_lab.kernel.netlink import NLM_F_CREATE, NLM_F_EXCL, ask, attribute, attributes, command

NETLINK_ROUTE = 0
RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_NEWROUTE = 16, 18, 20, 24
NEW = NLM_F_CREATE | NLM_F_EXCL  # make it; it must not be there yet

LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, device type, index, flags, which flags to change
ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
ROUTE = struct.Struct("=BBBBBBBBI")  # rtmsg: family, prefix lengths of target and source, TOS, table, protocol, ...

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MASTER, IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_NET_NS_PID = 1, 3, 10, 16, 18, 19
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER, IFLA_BR_MCAST_SNOOPING = 1, 2, 1, 23
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF = 1, 4
RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST = 254, 4, 253, 1
IFF_UP, IF_OPER_UP = 0x1, 6


def make_bridge(name: str) -> None:
    """Make a bridge: a switch of software, whose ports are interfaces.

    It passes multicast to all ports, as a simple switch does, and asks nobody who wants it.
    """
    kind = attribute(IFLA_INFO_KIND, b"bridge") + attribute(IFLA_INFO_DATA, attribute(IFLA_BR_MCAST_SNOOPING, b"\0"))
    _link(0, _name(name) + attribute(IFLA_LINKINFO, kind), NEW)


def make_cable(name: str, far_name: str, far_pid: int, far_mac: bytes) -> None:
    """Make a veth pair: two interfaces that are the two ends of one cable.

    Args:
        name: of the end that stays here; far_name: of the end that goes into the network namespace of process far_pid.
        far_mac: six bytes, the hardware address of the far end.
    Source: veth(4).
    """
    far = LINK.pack(0, 0, 0, 0, 0) + _name(far_name)
    far += attribute(IFLA_NET_NS_PID, struct.pack("=I", far_pid)) + attribute(IFLA_ADDRESS, far_mac)
    kind = attribute(IFLA_INFO_KIND, b"veth") + attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, far))
    _link(0, _name(name) + attribute(IFLA_LINKINFO, kind), NEW)


def plug_in(name: str, bridge: str) -> None:
    """Make an interface a port of a bridge."""
    _link(_index(name), attribute(IFLA_MASTER, struct.pack("=I", _index(bridge))))


def set_up(name: str, up: bool = True) -> None:
    """Switch an interface on or off."""
    command(NETLINK_ROUTE, RTM_NEWLINK, LINK.pack(0, 0, _index(name), IFF_UP if up else 0, IFF_UP))


def is_up(name: str) -> bool:
    """Tell whether packets pass: the operational state is UP. The flag IFF_RUNNING is set too early, still UNKNOWN."""
    request = LINK.pack(0, 0, _index(name), 0, 0)
    (answer,) = ask(NETLINK_ROUTE, RTM_GETLINK, request, dump=False)
    return attributes(answer[LINK.size :]).get(IFLA_OPERSTATE) == bytes([IF_OPER_UP])


def add_address(name: str, address: str) -> None:
    """Give an interface an IPv4 address that stands alone, with no neighbors implied (/32)."""
    packed = socket.inet_aton(address)
    what = ADDRESS.pack(socket.AF_INET, 32, 0, 0, _index(name))
    command(NETLINK_ROUTE, RTM_NEWADDR, what + attribute(IFA_LOCAL, packed) + attribute(IFA_ADDRESS, packed), NEW)


def add_route(target: str, prefix: int, name: str) -> None:
    """Send what goes to an IPv4 network out on an interface, to neighbors that are reached directly."""
    what = ROUTE.pack(socket.AF_INET, prefix, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST, 0)
    route = attribute(RTA_DST, socket.inet_aton(target)) + attribute(RTA_OIF, struct.pack("=I", _index(name)))
    command(NETLINK_ROUTE, RTM_NEWROUTE, what + route, NLM_F_CREATE)


def _link(index: int, what: bytes, flags: int = 0) -> None:
    command(NETLINK_ROUTE, RTM_NEWLINK, LINK.pack(0, 0, index, 0, 0) + what, flags)


def _name(name: str) -> bytes:
    return attribute(IFLA_IFNAME, name.encode() + b"\0")


def _index(name: str) -> int:
    return socket.if_nametoindex(name)

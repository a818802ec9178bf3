"""A node: a process that makes a network stack of its own, gives it an address, and then works in it."""

import array
import fcntl
import os
import socket
import struct
from typing import Any

from sockets_lab.netns import cables, rtnetlink, settings, unsharing, worker
from sockets_lab.netns.cables import INTERFACE
from sockets_lab.netns.channel import Channel, RefusedStep, step

GROUPS = ("224.0.0.0", 4)  # all multicast. Source: RFC 5771 section 3
READY = b"r"
SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO = 0x17, 0x1F, 0x24, 0x2C  # linux/ethtool.h
REQUEST = struct.Struct("16sP16x")  # ifreq: the interface's name, and where the value stands


def main(channel: Channel, line: socket.socket, lab: dict[str, Any], node: dict[str, Any]) -> None:
    """Become a node. Args: channel, on which a refusal is told; line, to the switch; lab and node, as launched."""
    for other in lab["nodes"]:
        if other is not node:
            os.close(other["work"])
            os.close(other["service"])
    try:
        make_stack(node)
        line.sendall(READY)
        if line.recv(1):  # the cable is in
            connect(node, [other["address"] for other in lab["nodes"] if other is not node])
            line.sendall(os.readlink("/proc/self").encode())  # /proc is the outer one's: so is this number
    except RefusedStep as refused:
        channel.send(refused.message)
        return
    line.close()
    channel.close()
    work, service = (Channel(socket.socket(fileno=node[what])) for what in ("work", "service"))
    worker.start(node, lab, work, service)


def make_stack(node: dict[str, Any]) -> None:
    """Enter a new network namespace, with a host name of its own."""
    with step(f"network stack of {node['name']}"):
        unsharing.unshare(unsharing.NETWORK | unsharing.HOSTNAME)
        socket.sethostname(node["name"])
        settings.make_plain()


def connect(node: dict[str, Any], others: list[str]) -> None:
    """Give the stack its address, and routes to the other nodes and to groups. There is no way to anywhere else."""
    with step(f"interface of {node['name']}"):
        rtnetlink.set_up("lo")
        rtnetlink.add_address(INTERFACE, node["address"])
        switch_off_offload(INTERFACE)
        rtnetlink.set_up(INTERFACE)
        cables.wait_until_up(INTERFACE)
        for address in others:
            rtnetlink.add_route(address, 32, INTERFACE)
        rtnetlink.add_route(*GROUPS, INTERFACE)


def switch_off_offload(name: str) -> None:
    """Fill in checksums, cut segments to size before they leave, and join none that come. Raises: OSError.

    A veth cable need not do what hardware would do: by default it passes segments of up to 64 KiB, with checksums that
    nobody has filled in.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for what in (ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO):
            value = array.array("I", [what, 0])
            fcntl.ioctl(sock, SIOCETHTOOL, REQUEST.pack(name.encode(), value.buffer_info()[0]))

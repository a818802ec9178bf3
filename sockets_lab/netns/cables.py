"""What can be done to the cable between a node and the switch: pull it out, slow it down, lose packets on it.

Each function works on one end of the cable, named by its interface, and raises the kernel's refusal. What leaves an end
waits in a queue of that end, so a slow cable is made at both ends; what is lost is lost at the switch, after it has
left the node. Source: rtnetlink(7), tc-tbf(8), tc-bpf(8).
"""

import contextlib
import errno
import fcntl
import os
import socket
import struct
import time

from sockets_lab.kernel.netlink import NLM_F_CREATE, attribute, command
from sockets_lab.netns import rtnetlink
from sockets_lab.netns.rtnetlink import NETLINK_ROUTE

INTERFACE = "eth0"  # of every node, its only one
PATIENCE = 3.0  # seconds until a cable must be up
SIOCSIFMTU = 0x8922
BURST = 3028  # bytes that may leave at once: two full frames
WAITING = 0.5  # seconds: what would have to wait longer at a slow cable is lost

RTM_NEWQDISC, RTM_DELQDISC, RTM_NEWTFILTER = 36, 37, 44
TRAFFIC_CONTROL = struct.Struct("=BxxxiIII")  # tcmsg: family, interface, handle, parent, info
TCA_KIND, TCA_OPTIONS = 1, 2
ROOT, BOTH_WAYS, INWARD, OUTWARD = 0xFFFFFFFF, 0xFFFFFFF1, 0xFFFFFFF2, 0xFFFFFFF3  # TC_H_ROOT, TC_H_CLSACT, ...

RATE = struct.Struct("=BBHhHI")  # tc_ratespec: ..., bytes a second
TCA_TBF_PARMS, TCA_TBF_BURST, LINK_OF_ETHERNET = 1, 6, 1

INSTRUCTION = struct.Struct("=HBBI")  # sock_filter: operation, two jumps, value
LOAD_WORD, JUMP_IF_AT_LEAST, RETURN, RANDOM = 0x20, 0x35, 0x06, 0xFFFFF000 + 56  # linux/filter.h, SKF_AD_RANDOM
PASS, DROP = 0, 2  # TC_ACT_OK, TC_ACT_SHOT
TCA_BPF_OPS_LEN, TCA_BPF_OPS, TCA_BPF_FLAGS, RETURNS_ARE_VERDICTS = 4, 5, 8, 1


def cut(interface: str) -> None:
    """Pull the cable out at this end."""
    rtnetlink.set_up(interface, up=False)


def mend(interface: str) -> None:
    """Plug the cable in, and let it be fast and without loss."""
    for parent in (ROOT, BOTH_WAYS):
        with contextlib.suppress(OSError):  # ENOENT, EINVAL: there is nothing to take away
            _control(RTM_DELQDISC, interface, 0, parent)
    rtnetlink.set_up(interface)
    wait_until_up(interface)


def slow(interface: str, rate: int) -> None:
    """Let no more leave this end than this many bits a second. What would wait over half a second is lost."""
    with contextlib.suppress(OSError):
        _control(RTM_DELQDISC, interface, 0, ROOT)
    octets = max(1, rate // 8)
    limit = max(2 * BURST, int(octets * WAITING))
    bucket = RATE.pack(0, LINK_OF_ETHERNET, 0, 0, 0, octets) + RATE.pack(0, 0, 0, 0, 0, 0)
    options = attribute(TCA_TBF_PARMS, bucket + struct.pack("=III", limit, 0, 0))
    options += attribute(TCA_TBF_BURST, struct.pack("=I", BURST))
    _control(RTM_NEWQDISC, interface, 0, ROOT, b"tbf", options)


def lose(interface: str, share: float) -> None:
    """Lose this share of the IPv4 packets that pass this end, either way, by chance.

    Args: share, 0.0-1.0. The kernel draws a number for each packet; ARP passes, so that nodes still find each other.
    """
    with contextlib.suppress(OSError):
        _control(RTM_DELQDISC, interface, 0, BOTH_WAYS)
    _control(RTM_NEWQDISC, interface, 0xFFFF0000, BOTH_WAYS, b"clsact")
    program = [
        (LOAD_WORD, 0, 0, RANDOM),
        (JUMP_IF_AT_LEAST, 0, 1, min(0xFFFFFFFF, int(share * 2**32))),
        (RETURN, 0, 0, PASS),
        (RETURN, 0, 0, DROP),
    ]
    options = attribute(TCA_BPF_OPS_LEN, struct.pack("=H", len(program)))
    options += attribute(TCA_BPF_OPS, b"".join(INSTRUCTION.pack(*instruction) for instruction in program))
    options += attribute(TCA_BPF_FLAGS, struct.pack("=I", RETURNS_ARE_VERDICTS))
    ipv4 = 1 << 16 | socket.htons(0x0800)  # priority and EtherType
    for way in (INWARD, OUTWARD):
        _control(RTM_NEWTFILTER, interface, 0, way, b"bpf", options, ipv4)


def set_mtu(interface: str, octets: int) -> None:
    """Let no longer packet than this pass this end; a longer one is dropped, and nobody is told. netdevice(7)."""
    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFMTU, struct.pack("16si12x", interface.encode(), octets))


def wait_until_up(interface: str) -> None:
    """Wait until packets pass this end. Raises: OSError (ENETDOWN)."""
    until = time.monotonic() + PATIENCE
    while not rtnetlink.is_up(interface):
        if time.monotonic() > until:
            raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))
        time.sleep(0.0005)
    # One more request waits for the kernel's own work on the new state: without it, one first packet in 40 is lost.
    rtnetlink.set_up(interface)


def _control(kind: int, interface: str, handle: int, parent: int, what: bytes = b"", options: bytes = b"",
             info: int = 0) -> None:  # fmt: skip
    message = TRAFFIC_CONTROL.pack(0, socket.if_nametoindex(interface), handle, parent, info)
    if what:
        message += attribute(TCA_KIND, what + b"\0") + attribute(TCA_OPTIONS, options)
    command(NETLINK_ROUTE, kind, message, 0 if kind == RTM_DELQDISC else NLM_F_CREATE)

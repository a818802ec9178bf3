"""What may be set wrong in the kernel of a machine. These functions run in the node. Linux only."""

import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

with suppress(ImportError):
    import fcntl  # not on Windows

PLAIN = {"ephemeral_ports": "ipv4/ip_local_port_range", "somaxconn": "core/somaxconn"}  # in /proc/sys/net
MTU, ADDRESS = (0x8921, 0x8922), (0x8915, 0x8916)  # to read and to write: SIOCGIFMTU ..., SIOCGIFADDR ...
FORGET = 0x8953  # SIOCDARP
CABLE, SECOND = b"eth0", b"eth0:2"  # the interface, and the label of its second address
NOTHING = "0.0.0.0"


def read() -> dict[str, Any]:
    """Return the settings by name. Source: ip-sysctl; netdevice(7)."""
    found: dict[str, Any] = {name: " ".join(Path("/proc/sys/net", path).read_text().split())
                             for name, path in PLAIN.items()}  # fmt: skip
    with socket.socket() as sock:
        found["mtu"] = struct.unpack("16si12x", fcntl.ioctl(sock, MTU[0], struct.pack("16si12x", CABLE, 0)))[1]
        try:
            told = fcntl.ioctl(sock, ADDRESS[0], struct.pack("16s24x", SECOND))
            found["second_address"] = socket.inet_ntoa(told[20:24])
        except OSError:
            found["second_address"] = None
    return found


def write(name: str, value: Any) -> None:
    """Set one of them. Raises: OSError, ValueError, for what the kernel does not take."""
    if name in PLAIN:
        Path("/proc/sys/net", PLAIN[name]).write_text(str(value))
        return
    with socket.socket() as sock:
        if name == "mtu":
            fcntl.ioctl(sock, MTU[1], struct.pack("16si12x", CABLE, int(value)))
        else:
            packed = struct.pack("16sHH4s16x", SECOND, socket.AF_INET, 0, socket.inet_aton(value or NOTHING))
            fcntl.ioctl(sock, ADDRESS[1], packed)


def neighbors() -> dict[str, str]:
    """Return whose hardware address this kernel uses for which address. Source: proc_pid_net(5), arp."""
    rows = [line.split() for line in Path("/proc/net/arp").read_text().splitlines()[1:]]
    return {row[0]: row[3] for row in rows if row[3] != "00:00:00:00:00:00"}


def forget_neighbors() -> None:
    """Let this kernel ask anew who has which address. Source: arp(7), SIOCDARP."""
    with socket.socket() as sock:
        for address in neighbors():
            packed = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(sock, FORGET, packed + bytes(16) + struct.pack("i", 0) + bytes(16) + CABLE.ljust(16, b"\0"))


def greet(source: str, address: str) -> None:
    """Send a datagram from this address, so that the other machine learns the hardware address of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.sendto(b"hello", (address, 9))


def speak_ipv6() -> None:
    """Give this stack ::1."""
    Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6").write_text("0")

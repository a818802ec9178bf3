"""What a kernel counts when a packet gets nowhere. Source: RFC 4293, RFC 4022, RFC 4113; /proc/net/snmp and netstat."""

from collections.abc import Mapping
from pathlib import Path

from sockets_lab.lab import Node

FILES = ("/proc/net/snmp", "/proc/net/netstat")
MEANINGS = {
    "Ip.InHdrErrors": "the IP header cannot be right",
    "Ip.InAddrErrors": "the IP packet is for another address",
    "Ip.InUnknownProtos": "nobody here speaks this protocol",
    "Ip.InDiscards": "the IP packet was thrown away",
    "Ip.ReasmReqds": "a part of a larger packet, and the others are waited for",
    "Ip.OutNoRoutes": "no way leads to where the answer should go",
    "IpExt.InCsumErrors": "the IP header's checksum is wrong",
    "IpExt.InTruncatedPkts": "the packet is shorter than it says",
    "Icmp.OutDestUnreachs": "an ICMP message was sent: unreachable",
    "Udp.NoPorts": "no socket has this port",
    "Udp.InErrors": "a datagram could not be taken",
    "Udp.InCsumErrors": "the UDP checksum is wrong",
    "Tcp.InErrs": "a segment could not be taken",
    "Tcp.InCsumErrors": "the TCP checksum is wrong",
    "Tcp.OutRsts": "a segment with RST was sent",
    "Tcp.AttemptFails": "a connection that had begun was given up",
    "TcpExt.ListenDrops": "a listener could not take the attempt",
}


def read() -> dict[str, int]:
    """Read this network's counters, those of MEANINGS. Returns: nothing where the system has no such files."""
    found = {}
    for name in FILES:
        try:
            lines = Path(name).read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            group, *keys = names.split()
            counted = zip(keys, values.split()[1:], strict=True)
            found.update({f"{group[:-1]}.{key}": int(value) for key, value in counted})
    return {key: found[key] for key in MEANINGS if key in found}


def of(node: Node) -> dict[str, int]:
    """Read a node's counters, also while the node is busy with a cell."""
    return node.call(read)


def risen(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return which counters rose, and by how much."""
    return tuple((key, value - before.get(key, 0)) for key, value in after.items() if value > before.get(key, 0))

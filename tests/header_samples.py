"""Packets for the tests of headers, made by a random generator of our own: the same seed, the same packets."""

import random
import shutil
import socket
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from sockets_lab.headers import (
    ARP,
    TCP,
    UDP,
    DestinationOptions,
    Ethernet,
    Fragment,
    Header,
    HopByHop,
    ICMPv4,
    ICMPv6,
    IPv4,
    IPv6,
    Option,
    Packet,
    Routing,
    build,
    compose,
    pack_options,
)
from sockets_lab.lab import pcap
from sockets_lab.lab.capture import Captured

PREFERENCES = (
    "ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE", "ip.defragment:FALSE",
    "ipv6.defragment:FALSE", "ipv6.tso_support:TRUE",
)  # fmt: skip


def tshark(frames: Iterable[bytes], folder: Path, names: Sequence[str]) -> list[dict[str, str]]:
    """Return the fields that tshark reads in each frame, each where it stands first."""
    program = shutil.which("tshark")
    if not program:
        pytest.skip("tshark is not installed, so headers are not compared with what it reads: it comes with Wireshark")
    file = folder / "frames"
    pcap.write(file, [Captured(i, data, None, len(data)) for i, data in enumerate(frames)])
    command = [program, "-n", "-r", str(file), "-T", "fields", "-E", "occurrence=f"]
    command += [word for name in names for word in ("-e", name)]
    command += [word for one in PREFERENCES for word in ("-o", one)]
    read = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.splitlines()
    return [dict(zip(names, line.split("\t"), strict=True)) for line in read]


def address(dice: random.Random, family: int = socket.AF_INET) -> str:
    """Return any address of that family."""
    return socket.inet_ntop(family, dice.randbytes(4 if family == socket.AF_INET else 16))


def options(dice: random.Random) -> bytes:
    """Return TCP options, of those that lessons meet and one that nobody knows, as far as 40 bytes go."""
    choice = [
        Option(1), Option(2, dice.randbytes(2)), Option(3, dice.randbytes(1)), Option(4), Option(8, dice.randbytes(8)),
        Option(5, dice.randbytes(8 * dice.randint(1, 2))), Option(77, dice.randbytes(dice.randint(0, 5))),
    ]  # fmt: skip
    found: list[Option] = []
    for one in dice.sample(choice, dice.randint(0, len(choice))):
        if len(b"".join(map(bytes, [*found, one]))) <= 40:
            found.append(one)
    return pack_options(*found)


def transport(dice: random.Random, version: int) -> Header:
    """Return a header that may follow IP of that version, every field by chance; lengths and checksum not yet."""
    number = dice.getrandbits
    kind = dice.choice((TCP, TCP, UDP, ICMPv4 if version == 4 else ICMPv6))
    if kind is TCP:
        flags = {name: number(1) for name in ("cwr", "ece", "urg", "ack", "psh", "rst", "syn", "fin")}
        return TCP(
            number(16), number(16), number(32), number(32), **flags,
            window=number(16), urgent_pointer=number(16), options=options(dice),
        )  # fmt: skip
    # The types are those of messages without a structure of their own, of which a witness would make another reading.
    echo = dice.choice((0, 8) if version == 4 else (128, 129))
    return UDP(number(16), number(16)) if kind is UDP else kind(echo, 0, rest=number(32))


def network(dice: random.Random) -> list[Header]:
    """Return an IPv4 or IPv6 header, every field by chance that does not tell what follows; no parts of packets."""
    number = dice.getrandbits
    if dice.random() < 0.5:
        addresses = {"source": address(dice), "destination": address(dice)}
        kept = addresses | {"identification": number(16), "options": b"\x94\x04\0\0" * dice.randint(0, 1)}
        return [IPv4(dscp=number(6), ecn=number(2), dont_fragment=number(1), ttl=number(8), **kept)]
    addresses = {"source": address(dice, socket.AF_INET6), "destination": address(dice, socket.AF_INET6)}
    ip = IPv6(6, number(8), number(20), hop_limit=number(8), **addresses)
    return [ip, HopByHop()] if dice.random() < 0.1 else [ip]


def random_packet(dice: random.Random) -> Packet:
    """Return an Ethernet frame with IPv4 or IPv6 and TCP, UDP or ICMP, correct in every field."""
    cards = (dice.randbytes(6).hex(":"), dice.randbytes(6).hex(":"))
    ip = network(dice)
    payload = dice.randbytes(dice.choice((0, 1, 2, dice.randint(3, 60), dice.randint(60, 1400))))
    return compose(Ethernet(*cards), *ip, transport(dice, 4 if isinstance(ip[0], IPv4) else 6), payload=payload)


def samples() -> dict[str, bytes]:
    """Return one frame of each kind that lessons meet, and of those that they had better not."""
    tcp = TCP(4444, 8888, 1, 2, syn=1, options=pack_options(Option(2, b"\x05\xb4"), Option(1), Option(3, b"\x07")))
    classic = IPv4(source="10.20.30.40", destination="50.60.70.80")
    whole = {
        "tcp": compose(Ethernet(), classic, tcp, payload=b"hello"),
        "udp": compose(Ethernet(), classic, UDP(4444, 8888), payload=b"hello"),
        "icmp": compose(Ethernet(), classic, ICMPv4(8, 0, rest=0x10002), payload=b"ping"),
        "options": compose(Ethernet(), IPv4(options=b"\x94\x04\0\0"), UDP(1, 2)),
        "arp": compose(Ethernet(), ARP()),
        "part": compose(Ethernet(), IPv4(more_fragments=1, protocol=17), payload=bytes(16)),
        "unknown": compose(Ethernet(ethertype=0x88CC), payload=b"what"),
        "tcp6": compose(Ethernet(), IPv6(), tcp, payload=b"hello"),
        "udp6": compose(Ethernet(), IPv6(), UDP(4444, 8888), payload=b"hello"),
        "icmp6": compose(Ethernet(), IPv6(), HopByHop(), ICMPv6(143), payload=bytes(4)),
        "chain": compose(
            Ethernet(), IPv6(), HopByHop(), Routing(), DestinationOptions(), Fragment(identification=7), UDP(1, 2)
        ),
    }
    frames = {name: build(packet) for name, packet in whole.items()}
    return frames | {"padded": frames["udp"] + bytes(13), "cut": frames["tcp"][:-3]}

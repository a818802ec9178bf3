"""Time the headers against scapy and dpkt, in packets a second. Takes less than a minute.

Usage: python benchmarks/headers.py [payload bytes ...]        (0 1460)

Only ratios count: each is the median over rounds in which every way had a turn. Ethernet, IPv4 and TCP; random
addresses, of a few machines as in a capture. "read": with addresses as text, ports, numbers and flags looked at.
scapy and dpkt do not check checksums when they read; "and check" does it for ours, to tell what that costs.
"""

import logging
import random
import socket
import statistics
import sys
import time

import dpkt

from sockets_lab.headers import TCP, Ethernet, IPv4, build, checks, compose, dissect

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import IP as ScapyIP  # noqa: E402
from scapy.layers.inet import TCP as ScapyTCP  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

ROUNDS = 21
MANY, FEW = 400, 40  # packets a turn; scapy is slow enough to be timed with few
CARDS = ("02:00:00:00:00:0a", "02:00:00:00:00:0b")
Parts = tuple[str, str, int, int, int, int, bytes]


def parts(payload: int) -> list[Parts]:
    """Return what packets are to be made of: two addresses, two ports, two sequence numbers, payload."""
    dice = random.Random(1)
    hosts = [socket.inet_ntoa(dice.randbytes(4)) for _ in range(50)]
    numbers = [[dice.getrandbits(bits) for bits in (16, 16, 32, 32)] for _ in range(MANY)]
    return [(dice.choice(hosts), dice.choice(hosts), *four, dice.randbytes(payload)) for four in numbers]


def our_build(one: Parts) -> bytes:
    source, destination, here, there, sequence, acknowledgment, payload = one
    tcp = TCP(here, there, sequence, acknowledgment, ack=1, psh=1, window=8192)
    return build(compose(Ethernet(*CARDS), IPv4(source=source, destination=destination), tcp, payload=payload))


def dpkt_build(one: Parts) -> bytes:
    source, destination, here, there, sequence, acknowledgment, payload = one
    tcp = dpkt.tcp.TCP(sport=here, dport=there, seq=sequence, ack=acknowledgment, flags=0x18, win=8192, data=payload)
    addresses = {"src": socket.inet_aton(source), "dst": socket.inet_aton(destination)}
    ip = dpkt.ip.IP(**addresses, p=6, data=tcp, len=40 + len(payload), id=0)
    cards = [bytes.fromhex(card.replace(":", "")) for card in CARDS]
    return bytes(dpkt.ethernet.Ethernet(dst=cards[0], src=cards[1], data=ip))


def scapy_build(one: Parts) -> bytes:
    source, destination, here, there, sequence, acknowledgment, payload = one
    tcp = ScapyTCP(sport=here, dport=there, seq=sequence, ack=acknowledgment, flags="PA", window=8192)
    return bytes(Ether(dst=CARDS[0], src=CARDS[1]) / ScapyIP(src=source, dst=destination, id=0) / tcp / payload)


def our_look(data: bytes) -> tuple:
    _, ip, tcp = dissect(data).layers
    assert isinstance(ip, IPv4)
    assert isinstance(tcp, TCP)
    words = (ip.source, ip.destination, ip.header_length, ip.ttl)
    return (*words, tcp.source_port, tcp.destination_port, tcp.sequence, tcp.acknowledgment, tcp.syn, tcp.ack)


def dpkt_look(data: bytes) -> tuple:
    ip = dpkt.ethernet.Ethernet(data).data
    tcp = ip.data
    words = (socket.inet_ntoa(ip.src), socket.inet_ntoa(ip.dst), ip.hl, ip.ttl)
    return (*words, tcp.sport, tcp.dport, tcp.seq, tcp.ack, tcp.flags >> 1 & 1, tcp.flags >> 4 & 1)


def scapy_look(data: bytes) -> tuple:
    ip = Ether(data)[ScapyIP]
    tcp = ip[ScapyTCP]
    words = (ip.src, ip.dst, ip.ihl, ip.ttl)
    return (*words, tcp.sport, tcp.dport, tcp.seq, tcp.ack, int(tcp.flags) >> 1 & 1, int(tcp.flags) >> 4 & 1)


Work = tuple  # what to call, with what, one by one, and with what else each time
KINDS = ("parse a frame", "parse from IPv4 on", "parse and read", "build")


def ways(payload: int) -> dict[tuple[str, str], Work]:
    """Name the ways, each with what it is to work on."""
    pieces = parts(payload)
    frames = [our_build(one) for one in pieces]
    assert all(our_build(one) == dpkt_build(one) == scapy_build(one) for one in pieces[:FEW])
    assert all(our_look(one) == dpkt_look(one) == scapy_look(one) for one in frames[:FEW])
    packets = [frame[14:] for frame in frames]
    few = frames[:FEW]
    return {
        (KINDS[0], "ours"): (dissect, frames),
        (KINDS[0], "dpkt"): (dpkt.ethernet.Ethernet, frames),
        (KINDS[0], "scapy"): (Ether, few),
        (KINDS[0], "ours, and check"): (lambda data: checks(dissect(data)), frames),
        (KINDS[1], "ours"): (dissect, packets, IPv4),
        (KINDS[1], "dpkt"): (dpkt.ip.IP, packets),
        (KINDS[1], "scapy"): (ScapyIP, packets[:FEW]),
        (KINDS[2], "ours"): (our_look, frames),
        (KINDS[2], "dpkt"): (dpkt_look, frames),
        (KINDS[2], "scapy"): (scapy_look, few),
        (KINDS[3], "ours"): (our_build, pieces),
        (KINDS[3], "dpkt"): (dpkt_build, pieces),
        (KINDS[3], "scapy"): (scapy_build, pieces[:FEW]),
    }


def measure(payload: int) -> dict[tuple[str, str], list[float]]:
    """Let every way take its turn, round by round. Returns: packets a second, one a round."""
    works = ways(payload)
    rates: dict[tuple[str, str], list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, (way, items, *more) in works.items():
            begun = time.process_time()
            for item in items:
                way(item, *more)
            rates[name].append(len(items) / (time.process_time() - begun))
    return rates


def main() -> None:
    """Print packets a second, and how many times as fast ours is, for each size of payload."""
    for payload in [int(word) for word in sys.argv[1:]] or [0, 1460]:
        rates = measure(payload)
        print(f"\n{payload} bytes of payload; {ROUNDS} rounds")
        print(f"{'':22}{'way':18}{'packets a second':>18}{'ours is times as fast':>24}")
        for (kind, name), rate in rates.items():
            ratio = statistics.median(one / other for one, other in zip(rates[kind, "ours"], rate, strict=True))
            print(f"{kind:22}{name:18}{statistics.median(rate):18,.0f}{ratio:24.2f}")


if __name__ == "__main__":
    main()

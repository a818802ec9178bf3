"""Read and build headers beside dpkt and scapy, frame after frame.

Usage: python benchmarks/headers.py [--quick]

Frames of Ethernet, IPv4 and TCP between a few random machines, as in a capture. To read one is to look at its
addresses, ports, sequence numbers, flags, window and payload. Ours checks both checksums of each frame that it reads;
dpkt and scapy check none, so what the same costs with dpkt is told apart.
"""

import logging
import random
import socket
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from measuring import Bars, Goal, Lines, Report, in_turns, linear, main, ratios, times_ours

from sockets_lab.headers import TCP, Ethernet, IPv4, build, checks, compose, dissect
from sockets_lab.headers.brief import brief
from sockets_lab.lab import pcap
from sockets_lab.lab.capture import Captured

logging.getLogger("scapy").setLevel(logging.ERROR)
try:
    import dpkt
    from scapy.layers import inet, l2
except ImportError as absent:
    MISSING = absent.name
else:
    MISSING = None

CARDS = ("02:00:00:00:00:0a", "02:00:00:00:00:0b")
FRAMES, FEW = 2_000, 100  # frames in a turn; scapy is slow enough to be timed with few
OURS = "ours, checked"
Parts = tuple[str, str, int, int, int, int, bytes]


def parts(payload: int) -> list[Parts]:
    """Return what frames are to be made of: two addresses, two ports, two sequence numbers, payload."""
    dice = random.Random(1)
    hosts = [socket.inet_ntoa(dice.randbytes(4)) for _ in range(50)]
    numbers = [[dice.getrandbits(bits) for bits in (16, 16, 32, 32)] for _ in range(FRAMES)]
    return [(dice.choice(hosts), dice.choice(hosts), *four, dice.randbytes(payload)) for four in numbers]


# Building


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
    tcp = inet.TCP(sport=here, dport=there, seq=sequence, ack=acknowledgment, flags="PA", window=8192)
    return bytes(l2.Ether(dst=CARDS[0], src=CARDS[1]) / inet.IP(src=source, dst=destination, id=0) / tcp / payload)


# Reading: each returns the same


def our_read(data: bytes) -> tuple:
    return brief(data)[1:10]  # between the protocol and the verdicts


def dissect_read(data: bytes) -> tuple:
    packet = dissect(data)
    _, ip, tcp = packet.layers
    flow = (ip.source, tcp.source_port, ip.destination, tcp.destination_port)
    flags = tcp.syn << 1 | tcp.psh << 3 | tcp.ack << 4
    return (*flow, tcp.sequence, tcp.acknowledgment, flags, tcp.window, packet.payload)


def dpkt_read(data: bytes) -> tuple:
    ip = dpkt.ethernet.Ethernet(data).data
    tcp = ip.data
    flow = (socket.inet_ntoa(ip.src), tcp.sport, socket.inet_ntoa(ip.dst), tcp.dport)
    return (*flow, tcp.seq, tcp.ack, tcp.flags, tcp.win, tcp.data)


def scapy_read(data: bytes) -> tuple:
    ip = l2.Ether(data)[inet.IP]
    tcp = ip[inet.TCP]
    return (ip.src, tcp.sport, ip.dst, tcp.dport, tcp.seq, tcp.ack, int(tcp.flags), tcp.window, bytes(tcp.payload))


def dpkt_right(data: bytes) -> bool:
    """Tell whether the checksum of what IPv4 carries is right, and its own too."""
    pseudo = data[26:34] + struct.pack("!BBH", 0, data[23], len(data) - 34)
    return dpkt.dpkt.in_cksum(data[14:34]) == 0 and dpkt.dpkt.in_cksum(pseudo + data[34:]) == 0


def agreed(frames: list[bytes]) -> str:
    """Fail where two read something else, or judge a checksum otherwise. Returns: what was compared, in words."""
    changed = [data[:-1] + bytes((data[-1] ^ 1,)) for data in frames]
    for number, data in enumerate(frames + changed):
        told = our_read(data)
        assert told == dissect_read(data) == dpkt_read(data)
        assert number >= FEW or told == scapy_read(data)
        verdict = "right" if dpkt_right(data) else "wrong"
        assert verdict == brief(data).checksum == checks(dissect(data))[1].verdict
        assert (verdict == "right") == (number < len(frames))
    return f"fields and verdicts of {len(frames):,} frames, and of as many with one bit wrong, are dpkt's"


# Measuring


def one_by_one(way: Callable[[Any], object], items: Sequence[Any]) -> Callable[[], float]:
    """Return something that tells the seconds that one item takes, of the processor's time."""

    def timed() -> float:
        begun = time.process_time()
        for item in items:
            way(item)
        return (time.process_time() - begun) / len(items)

    return timed


def reading(payload: int, rounds: int) -> tuple[dict[str, list[float]], str]:
    """Let every way of reading take its turns. Returns: seconds a frame, by way; what was checked."""
    frames = list(map(our_build, parts(payload)))
    exact = agreed(frames)
    ways = {
        OURS: one_by_one(our_read, frames),
        "dpkt": one_by_one(dpkt_read, frames),
        "dpkt, checked": one_by_one(lambda data: (dpkt_read(data), dpkt_right(data)), frames),
        "dpkt, nothing looked at": one_by_one(dpkt.ethernet.Ethernet, frames),
        "scapy": one_by_one(scapy_read, frames[:FEW]),
        "dissect": one_by_one(dissect_read, frames),
        "dissect and checks": one_by_one(lambda data: checks(dissect(data)), frames),
    }
    return in_turns(ways, rounds), exact


def building(payload: int, rounds: int) -> Bars:
    pieces = parts(payload)
    assert all(our_build(one) == dpkt_build(one) == scapy_build(one) for one in pieces[:FEW])
    ways = {"ours": one_by_one(our_build, pieces[: 10 * FEW]), "dpkt": one_by_one(dpkt_build, pieces[: 10 * FEW]),
            "scapy": one_by_one(scapy_build, pieces[:FEW])}  # fmt: skip
    return Bars(f"Build a frame with {payload} bytes of payload", times_ours(in_turns(ways, rounds), "ours"))


def by_ours(path: Path) -> None:
    for one in pcap.read(path):
        our_read(one.octets)


def by_dpkt(path: Path) -> None:
    with path.open("rb") as file:
        for _, data in dpkt.pcap.Reader(file):
            dpkt_read(data)


def files(counts: Sequence[int], rounds: int) -> tuple[Bars, Lines]:
    """Read files of so many frames without payload; the largest is told in ratios."""
    frames = list(map(our_build, parts(0)))
    points: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            path = Path(folder, str(count))
            pcap.write(path, (Captured(0, frames[i % FRAMES], None, 54) for i in range(count)))
            ways = {
                "ours": one_by_one(by_ours, [path]),
                "dpkt": one_by_one(by_dpkt, [path]),
            }
            taken = in_turns(ways, rounds)
            for name, seconds in taken.items():
                points.setdefault(name, []).append((count, statistics.median(seconds) * 1000))
    bars = Bars(f"Read a file of {counts[-1]:,} frames", times_ours(taken, "ours"))
    return bars, Lines("Reading a file", "frames in it", "milliseconds", points)


def measure(quick: bool) -> Report:
    """Compare with dpkt and scapy; checksums are checked by ours only, unless it says so."""
    title = "Headers"
    if MISSING:
        return Report(title, [], skipped=[f"{MISSING} is not installed: pip install -r benchmarks/requirements.txt"])
    rounds = 5 if quick else 21
    goals, bars = [], []
    for payload in (0, 1460):
        taken, exact = reading(payload, rounds)
        bars.append(Bars(f"Read a frame with {payload} bytes of payload: {OURS}", times_ours(taken, OURS)))
        if payload == 0:
            times = ratios(taken["dpkt"], taken[OURS])
            text = f"frames without payload, in memory, {OURS}, against dpkt, unchecked"
            goals.append(Goal(text, times, 5, at_least=True, exact=exact))
    bars += [building(payload, rounds) for payload in (0, 1460)]
    of_files, grown = files([1_000, 10_000] if quick else [1_000, 10_000, 100_000], rounds)
    goals.append(linear("reading a file", grown.points["ours"]))
    return Report(title, goals, [*bars, of_files], [grown])


if __name__ == "__main__":
    main(measure)

"""Watch a connection through TCP_INFO while its cable changes and its reader sleeps: measured, nothing computed."""

import socket
import time
from dataclasses import dataclass

from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel.connecting import until
from sockets_lab.lab import Lab
from sockets_lab.lessons.connection.model import CLIENT, ROOM, SERVER, ConnectionModel
from sockets_lab.lessons.connection.tcp_info import TcpInfo, tcp_info

BUFFER = 32768  # bytes of each end's buffer, so that they fill soon
SLOW, LOSSY = 8_000_000, 0.05  # bits a second; share of the packets that a lossy cable loses
TICK = 0.005  # seconds between two samples
CABLE, SLOW_CABLE, LOSSY_CABLE, ASLEEP = "a good cable", "a slow cable", "a lossy cable", "the reader sleeps"


@dataclass(frozen=True)
class Sample:
    """What A's kernel knew, `after` seconds from the beginning."""

    after: float
    info: TcpInfo


@dataclass(frozen=True)
class Phase:
    """One condition: its name, when it began and ended in seconds, bytes that arrived; refused: why it was left out."""

    name: str
    began: float
    ended: float
    arrived: int
    refused: Refused | None = None


@dataclass(frozen=True)
class Watched:
    phases: tuple[Phase, ...]
    samples: tuple[Sample, ...]

    def of(self, name: str) -> tuple[TcpInfo, ...]:
        """Return what was seen in one phase."""
        return tuple(one.info for phase in self.phases for one in self.samples
                     if phase.name == name and phase.began <= one.after <= phase.ended)  # fmt: skip


def watch(lab: Lab | None = None, seconds: float = 0.5) -> Watched | Refused:
    """Let A send without a pause, through one condition after the other, and sample TCP_INFO meanwhile.

    Args: seconds: of each phase. Returns: Refused, where the kernel tells nothing of a connection.
    """
    with ConnectionModel(lab) as bench:
        bench.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # whom it accepts has the same
        bench.connect()
        until(bench.accept)
        sender, reader, node = bench.ends[CLIENT], bench.ends[SERVER], bench.lab[SERVER]
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        told = tcp_info(sender)
        if isinstance(told, Refused):
            return told
        samples: list[Sample] = []
        phases: list[Phase] = []
        began = time.monotonic()

        def phase(name: str, refused: Refused | None = None, asleep: bool = False) -> None:
            start, arrived = time.monotonic(), 0
            while not refused and (now := time.monotonic()) < start + seconds:
                attempt(sender.send, bytes(16384))
                came = b"" if asleep else attempt(reader.recv, ROOM)
                arrived += 0 if isinstance(came, Refused) else len(came)
                info = tcp_info(sender)
                if (not samples or now - began > samples[-1].after + TICK) and isinstance(info, TcpInfo):
                    samples.append(Sample(now - began, info))
            phases.append(Phase(name, start - began, time.monotonic() - began, arrived, refused))
            node.mend()

        phase(CABLE)
        phase(ASLEEP, asleep=True)
        phase(SLOW_CABLE, node.slow(SLOW))
        phase(LOSSY_CABLE, node.lose(LOSSY))
        return Watched(tuple(phases), tuple(samples))

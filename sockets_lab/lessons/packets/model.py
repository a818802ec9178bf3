"""A bench for packets made by hand: programs that wait in node B, a hand in node A, and an eye on B's cable."""

import os
import socket
import time
from contextlib import ExitStack, suppress

from sockets_lab.errors import Refused, attempt
from sockets_lab.headers import IPv4, Packet, build, dissect
from sockets_lab.kernel.connecting import Owner
from sockets_lab.lab import Lab
from sockets_lab.lab.capture import Captured
from sockets_lab.lessons.packets.examples import bound
from sockets_lab.lessons.packets.outcomes import Outcome, Received, read_counters, risen
from sockets_lab.lessons.packets.sending import NO_NODES, framed, inside, on_card
from sockets_lab.model import Endpoint

FIRST, SECOND, LISTENER = "the first program", "the second program", "the listener"
PROGRAMS = {FIRST: (socket.SOCK_DGRAM, 7001), SECOND: (socket.SOCK_DGRAM, 7002), LISTENER: (socket.SOCK_STREAM, 7001)}
ROUND_TRIP = 0.5  # seconds: between two nodes it takes far less than a thousandth
GRACE = 0.15  # seconds to wait where nothing at all was said


class Testbed(Owner):
    """Programs in the lab's second node that wait for packets, and a way to send any packet from the first.

    Use it in a `with`, or close it; the lab stays open. In a lab on loopback every packet is refused.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.here, self.there = lab.nodes[:2]
        with ExitStack() as held:
            real = lab.kind == "namespaces"
            self._capture = held.enter_context(self.there.capture()) if real else None
            self._card = held.enter_context(on_card(self.here)) if real else None
            self.programs = {name: held.enter_context(bound(self.there, *how)) for name, how in PROGRAMS.items()}
            self.programs[LISTENER].listen()
            self._fence = [held.enter_context(bound(node, socket.SOCK_DGRAM)) for node in (self.here, self.there)]
            for sock in self.programs.values():
                sock.setblocking(False)
            for sock in self._fence:
                sock.settimeout(ROUND_TRIP)
            self._held = held.pop_all()

    def endpoint(self, program: str) -> Endpoint:
        """Return where a program can be reached."""
        return Endpoint.of(self.programs[program].getsockname())

    def send(self, packet: Packet) -> Outcome:
        """Send a packet as it stands, and wait until nothing more comes of it; half a second at most, mostly far less.

        Args: packet: a frame; or from its IP header on, then an Ethernet header from A to B is put in front.
        Raises: BadInput, where it is for an address outside of the lab.
        """
        inside(self.lab, packet)
        packet = framed(packet, self.here, self.there)
        if self._capture is None or self._card is None:
            return Outcome(packet, refused=NO_NODES)
        self._read()
        self._capture.packets()
        before, octets = self.there.call(read_counters), build(packet)
        sent = attempt(self._card.send, octets)
        if isinstance(sent, Refused):
            return Outcome(packet, refused=sent)
        crossed: list[Captured] = []
        received: list[Received] = []
        deadline = time.monotonic() + GRACE
        while True:
            token = self._round_trip()
            new = [one for one in self._capture.packets() if self._concerns(one, octets, token)]
            crossed += new
            received += self._read()
            rose = risen(before, self.there.call(read_counters))
            told = received or rose or any(one.outgoing for one in crossed)
            if (told and not new) or time.monotonic() > deadline:
                break
        arrived = any(not one.outgoing and octets in one.octets for one in crossed)
        return Outcome(packet, arrived, tuple(crossed), tuple(received), rose)

    def _concerns(self, one: Captured, octets: bytes, token: bytes) -> bool:
        """Whether a captured packet has to do with the one that was sent: nodes and switch talk of other things too."""
        if octets in one.octets:
            return True
        ip = dissect(one.octets).find(IPv4)
        nodes = (self.here.address, self.there.address)
        return token not in one.octets and ip is not None and ip.destination in nodes

    def _round_trip(self) -> bytes:
        """Send a datagram to B and back: what was sent before has then arrived, and so have answers to it."""
        here, there = self._fence
        token = os.urandom(16)
        with suppress(OSError):  # the cable may be cut; then we have waited long enough
            here.sendto(token, there.getsockname())
            while there.recv(len(token)) != token:
                continue
            there.sendto(token, here.getsockname())
            while here.recv(len(token)) != token:
                continue
        return token

    def _read(self) -> list[Received]:
        """Receive all that waits."""
        found = []
        for name, sock in self.programs.items():
            with suppress(BlockingIOError):
                while True:
                    if name == LISTENER:
                        connection, who = sock.accept()
                        connection.close()
                        found.append(Received(name, b"", Endpoint.of(who)))
                    else:
                        data, who = sock.recvfrom(65536)
                        found.append(Received(name, data, Endpoint.of(who)))
        return found

    def close(self) -> None:
        """Close the programs, the eye and the hand."""
        self._held.close()

"""A UDP scan: send each port a datagram, and listen for an answer, or for ICMP's word that nobody is there.

No answer means little, as a program need not answer. And less still where ICMP is kept slow: a kernel sends one peer
only so many "unreachable" messages (Linux: six at once, then one a second; none held back on loopback), so a closed
port may stay silent too. Therefore silence counts only beside a witness: a port that is known to be closed is asked
right behind, and if it is answered, the ones before it could have been answered as well. What is silent without a
witness is asked again, later and fewer at a time.
Source: udp(7); icmp(7), icmp_ratelimit; RFC 1122 section 4.1.3.1; RFC 1812 section 4.3.2.8 (why ICMP is kept slow).
"""

import errno
import selectors
import socket
from collections import Counter
from collections.abc import Callable
from threading import Event

from sockets_lab.errors import Refused, attempt
from sockets_lab.lessons.scanning.outcome import Progress, Run, Scan
from sockets_lab.lessons.scanning.scan_options import ALL, Ports
from sockets_lab.lessons.scanning.waiting import Waiting

LARGEST = 65507  # bytes that one datagram carries over IPv4
REST = 1.1  # seconds in which a kernel that keeps ICMP slow may send one message more
TRIES = 2  # how often a port must be silent beside a witness
FEWEST = 4  # datagrams in a burst; among so few there is mostly a closed port, whose answer is not to be lost
PATIENCE = 4  # bursts without any answer before silence is believed without a witness
CLOSED = (errno.ECONNREFUSED, errno.ECONNRESET)  # Windows says the latter
NOT_SENT = (errno.EAGAIN, errno.ENOBUFS)  # no room just now


def udp_scan(
    address: str, ports: Ports = ALL, deadline: float = 0.5, order: str = "shuffled", rate: float | None = None,
    progress: Callable[[Progress], object] | None = None, stop: Event | None = None,
) -> Scan | Refused:  # fmt: skip
    """Ask UDP ports of one address, by an empty datagram, whether somebody answers there. Args: as for `scan`.

    Between two nodes this takes a second for every closed port beyond the first six, as ICMP is kept slow there.
    Returns: the scan; Refused, where not even a socket could be had.
    Raises: BadInput.
    """
    run = Run(address, ports, deadline, order, rate, progress, stop)
    with Waiting(selectors.EVENT_READ, run.deadline) as waiting:
        refused: Refused | None = attempt(_Scanner(run, waiting).scan)
    return refused or run.result("udp")


class _Scanner:
    """The sockets of one scan, and what the current burst of datagrams has brought."""

    def __init__(self, run: Run, waiting: Waiting) -> None:
        self.target, self.run, self.waiting = run.target, run, waiting
        self.room = bytearray(LARGEST)
        self.witness: int | None = None  # a port that was refused
        self.silent: list[int] = []  # in this burst
        self.testified = False  # the witness was answered, behind this burst

    def scan(self) -> None:
        """Send bursts until every port is decided. Raises: OSError, where there is no socket to ask with."""
        left = list(self.run.todo)
        size = most = len(left) if self.run.rate is None else max(1, int(self.run.rate * self.run.deadline))
        heard = Counter[int]()  # port -> how often it was silent and could have been answered
        in_vain, rest = 0, 0.0
        while left and self.run.pause(rest, self.attend):
            known, before = self.witness, len(self.run.refused)
            left = self.burst(left, size)
            if self.run.is_over:
                return
            answers = len(self.run.refused) - before
            in_vain = 0 if answers or self.testified else in_vain + 1
            alone = known is None and rest >= REST and not answers  # one message could be sent, and none was
            if could_answer := self.testified or alone or in_vain > PATIENCE:
                heard.update(self.silent)
            if self.witness is None:
                rest = REST
            elif could_answer:
                size, rest = min(2 * size, most), 0.0
            elif self.silent:
                size, rest = max(FEWEST, 2 * answers), min(REST, 2 * rest or REST / 8)
            self.run.silent += [port for port in self.silent if heard[port] >= TRIES]
            left += [port for port in self.silent if heard[port] < TRIES]

    def burst(self, ports: list[int], size: int) -> list[int]:
        """Ask so many of the ports at most, then the witness; and wait. Returns: the ports that are
        to be asked again, whatever the witness says.
        """
        self.silent, self.testified = [], False
        asked = 0
        sock = self.fresh()
        try:
            for port in self.run.paced(ports[:size], self.attend):
                if self.waiting.is_full:
                    break
                sock = self.ask(sock, port)
                asked += 1
            early: list[int] = []
            if self.witness is not None and (self.waiting or self.silent):
                early, self.silent = self.silent, []  # whose time is over already, for them the witness comes too late
                sock = self.ask(sock, self.witness)
        finally:
            sock.close()
        while self.waiting and self.run.goes_on(self.attend):
            continue
        return ports[asked:] + early

    def fresh(self) -> socket.socket:
        """Make a socket. Raises: OSError."""
        return self.waiting.new_socket(self.target.family, socket.SOCK_DGRAM, self.attend)

    def ask(self, sock: socket.socket, port: int) -> socket.socket:
        """Send a port a datagram. Returns: the socket for the next; this one, or another if this one has to wait."""
        there = (self.target.address, port)
        if code := sock.connect_ex(there):
            self.decide(port, code)
            return sock
        name = sock.getsockname()[:2]
        if name == there or self.waiting.asking(name[1], there):  # we should get our own datagram as an answer
            self.run.met_itself.append(port)
            with sock:
                return self.ask(self.fresh(), port)
        code = self.verdict(sock, send=True)
        if code in NOT_SENT:
            self.waiting.add(sock, port)
            return self.fresh()
        self.decide(port, code)
        if code == 0:  # a service may answer with more than one datagram: they are not for the next port
            sock.close()
            return self.fresh()
        return sock

    def verdict(self, sock: socket.socket, send: bool = False) -> int:
        """Look for an answer, and send first if asked to. Returns: an errno number, 0 for an answer."""
        try:
            if send:
                sock.send(b"")
            sock.recv_into(self.room)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def decide(self, port: int, code: int) -> None:
        """Note what came of a port, or of the witness."""
        if port == self.witness:
            self.testified = self.testified or code in CLOSED
        elif code in CLOSED:
            self.run.decided(port, errno.ECONNREFUSED)
            self.witness = self.witness or port
        else:
            self.run.decided(port, code or None)

    def attend(self, seconds: float) -> None:
        """Wait so long at most for sockets that wait, and note what came of them."""
        answered, expired = self.waiting.wait(seconds)
        for sock in answered + expired:
            with sock:
                self.heard(sock, self.waiting.take(sock))

    def heard(self, sock: socket.socket, port: int) -> None:
        code = self.verdict(sock)
        if code in NOT_SENT:
            if port != self.witness:
                self.silent.append(port)
        else:
            self.decide(port, code)

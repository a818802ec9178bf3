"""The client's side: knock, ask with one datagram, and see whether the door is open.

These functions use the network of the process that calls them: let a node call them with `node.run`.
"""

import selectors
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import Refused, attempt, refusal
from sockets_lab.kernel.connecting import UNDER_WAY, WAIT, ready, reset_on_close, start_connect
from sockets_lab.lessons.knocking import locks
from sockets_lab.lessons.knocking.authorization import LONGEST
from sockets_lab.lessons.knocking.gate import ROOM
from sockets_lab.lessons.knocking.locks import Knock, sequence_of
from sockets_lab.lessons.scanning.scan_options import checked_seconds
from sockets_lab.model import PROTOCOLS, Endpoint

PACE = 0.05  # seconds from one knock to the next
GIVE_UP = 0.5  # seconds: after one, the kernel repeats a SYN without answer. Source: RFC 6298 section 2.1
FIRST_WORDS = 3.0  # seconds; the gate's own program speaks at once
LET_IN, CONNECTED, TURNED_AWAY, NO, SILENCE = "let in", "connected", "turned away", "refused", "silence"
ANSWERS = {"ECONNREFUSED": NO, "ECONNRESET": TURNED_AWAY, "ECONNABORTED": TURNED_AWAY}


@dataclass(frozen=True)
class Sent:
    """One knock, and what the kernel knew of it before the next one was due.

    answer: "refused" (nobody listens there, as it should be with a knock), "connected" (a TCP port that is open),
    "silence" (nothing came back, or not yet), or the refusal's errno name, where nothing was sent.
    """

    knock: Knock
    answer: str


@dataclass(frozen=True)
class Visit:
    """What came of trying the door.

    answer: "let in" (it spoke to us), "connected" (open, but nobody spoke), "turned away" (connected, and thrown out),
    "refused" (closed), "silence" (no answer before the deadline). words: what was heard behind the door.
    """

    answer: str
    words: bytes = b""


def knock(
    address: str, sequence: str | Iterable[Knock | str | int], pace: float = PACE, source: str | None = None
) -> tuple[Sent, ...]:
    """Knock at ports of a host, one after the other.

    TCP: a connect that does not wait, given up when the next knock is due, or after half a second: a SYN that a kernel
    repeats would be heard as one knock more. UDP: an empty datagram.
    Args: address: a literal IP address; pace: seconds from one knock to the next, 0-60, so that none overtakes another;
        source: the address to come from, None = the kernel chooses.
    Returns: one answer for each knock, in their order. Raises: BadInput, before anything is sent. Source: connect(2).
    """
    targets = [(one, guard.destination(Endpoint(address, one.port))) for one in sequence_of(sequence)]
    origin = guard.destination(Endpoint(source, 0)) if source else None
    pace = min(checked_seconds(pace, "pace of knocks", 0, LONGEST), 60.0)
    sent = []
    due = time.monotonic()
    for one, target in targets:
        time.sleep(max(due - time.monotonic(), 0.0))
        begun = time.monotonic()
        answer = attempt(_knock_once, one, target, origin, begun + min(pace, GIVE_UP))
        if isinstance(answer, Refused):
            answer = ANSWERS.get(answer.name, answer.name)
        sent.append(Sent(one, answer))
        due = begun + pace
    return tuple(sent)


def _knock_once(one: Knock, target: Endpoint, origin: Endpoint | None, until: float) -> str:
    """Send one knock, and listen for an answer until then. Raises: OSError."""
    is_tcp = one.protocol == locks.TCP
    with socket.socket(target.family, PROTOCOLS[one.protocol].type) as sock:
        sock.setblocking(False)
        if origin:
            sock.bind(origin.sockaddr)
        if is_tcp:
            reset_on_close(sock)
        code = sock.connect_ex(target.sockaddr)
        if code not in UNDER_WAY:
            raise OSError(code, "connect")
        if not is_tcp:
            sock.send(b"")
        told = ready([sock], selectors.EVENT_WRITE if is_tcp else selectors.EVENT_READ, until - time.monotonic())
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, "connect")
        time.sleep(max(until - time.monotonic(), 0.0))  # a connection is given up only after somebody could accept it
        return "connected" if told and is_tcp else SILENCE


def send_request(to: Endpoint, data: bytes, source: str | None = None) -> int | Refused:
    """Send one datagram, such as a request of `authorization.compose`. Returns: bytes sent. Raises: BadInput."""
    guard.destination(to)
    with socket.socket(to.family, socket.SOCK_DGRAM) as sock:
        try:
            if source:
                sock.bind(guard.destination(Endpoint(source, 0)).sockaddr)
            return sock.sendto(data, to.sockaddr)
        except OSError as error:
            return refusal(error)


def visit(door: Endpoint, source: str | None = None, wait: float = WAIT) -> Visit:
    """Try the door: connect, hear what is said first, and leave.

    Args: wait: seconds for the connection; who is connected waits longer for the first words. Raises: BadInput.
    """
    guard.destination(door)
    origin = guard.destination(Endpoint(source, 0)) if source else None
    with socket.socket(door.family, socket.SOCK_STREAM) as sock:
        reset_on_close(sock)
        try:
            if not start_connect(sock, door, wait, origin):
                return Visit(SILENCE)
        except OSError as error:
            name = refusal(error).name
            return Visit(ANSWERS.get(name, name))
        if not ready([sock], selectors.EVENT_READ, FIRST_WORDS):
            return Visit(CONNECTED)
        words = attempt(sock.recv, ROOM)
        if isinstance(words, Refused) or not words:
            return Visit(TURNED_AWAY)
        return Visit(LET_IN, words)

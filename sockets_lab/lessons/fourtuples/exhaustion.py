"""The ephemeral range is a limit for each remote endpoint, not for the machine: reach it, then get round it.

Linux from 6.3 lets a socket have a range of its own, so eight ports are enough to see the end of one.
Source: ip(7), IP_LOCAL_PORT_RANGE(2const), IP_BIND_ADDRESS_NO_PORT(2const).
"""

import random
import socket
import struct
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel import machine, table
from sockets_lab.kernel.connecting import WAIT, listening, start_connect
from sockets_lab.kernel.machine import IP_LOCAL_PORT_RANGE
from sockets_lab.meanings import meaning
from sockets_lab.model import Endpoint, FourTuple, whole_number

IP_BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)  # linux/in.h, from Linux 4.2
HERE, ELSEWHERE = Endpoint("127.0.0.1", 0), Endpoint("127.0.0.2", 0)
LARGEST = 64  # ports in a range of one's own; the lesson needs eight
STRANGERS = 8  # how often to choose another range because another program has one of its ports


@dataclass(frozen=True)
class Exhaustion:
    """A range used up toward one remote endpoint, and two ways round it.

    ports: the range. source: the local address; listener: the remote endpoint. made: the connections, in the order
    made. refused: what the next connect got, None = it succeeded.
    from_other_source: the same remote endpoint, from another address of this machine.
    to_other_listener: another remote endpoint, from the same address and range.
    """

    ports: range
    source: str
    listener: Endpoint
    made: tuple[FourTuple, ...]
    refused: Refused | None
    from_other_source: FourTuple | Refused
    to_other_listener: FourTuple | Refused


def exhaust(size: int = 8) -> Exhaustion | Refused:
    """Connect to one listener until a range of `size` ports is used up; then from elsewhere, and to another listener.

    Args: size: 1-64 ports.
    Returns: Refused where no socket can have a range of its own (ENOPROTOOPT), or none so large (EADDRNOTAVAIL).
    """
    whole_number(size, 1, LARGEST, "a number of ports to try")
    if not machine.has_local_port_range():
        return Refused("ENOPROTOOPT", meaning("ENOPROTOOPT", "setsockopt"))
    low, high = machine.ephemeral_range() or (0, 0)
    if high - low + 1 < size:
        return Refused("EADDRNOTAVAIL", f"this system itself has only the ports {low} to {high} to assign")
    for _ in range(STRANGERS):
        found = _exhaust(size)
        if len(found.made) == size:
            break
    return found


def _exhaust(size: int) -> Exhaustion:
    with ExitStack() as stack:
        one, two = (Endpoint.of(stack.enter_context(listening(HERE, size + 1)).getsockname()) for _ in range(2))
        ports = _untouched(size)

        def connect(remote: Endpoint, source: Endpoint = HERE) -> FourTuple:
            sock = stack.enter_context(socket.socket(remote.family, socket.SOCK_STREAM))
            sock.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("=I", ports[-1] << 16 | ports[0]))
            # Without this, bind would choose the port itself, before it can know the remote endpoint.
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            if not start_connect(sock, remote, WAIT, source):
                raise TimeoutError
            return FourTuple.of(sock)

        made: list[FourTuple] = []
        refused = None
        for _ in range(size + 1):
            outcome = attempt(connect, one)
            if isinstance(outcome, Refused):
                refused = outcome
                break
            made.append(outcome)
        elsewhere = attempt(connect, one, ELSEWHERE), attempt(connect, two)
        return Exhaustion(ports, HERE.address, one, tuple(made), refused, *elsewhere)


def _untouched(size: int) -> range:
    """Choose ports inside the system's range of which the table shows nobody, if there still are such."""
    told = machine.ephemeral_range()
    assert told is not None  # no kernel has the option and not this
    taken = {row.local.port for row in table.snapshot()}
    for _ in range(1000):
        start = random.randint(told[0], told[1] - size + 1)
        ports = range(start, start + size)
        if taken.isdisjoint(ports):
            break
    return ports

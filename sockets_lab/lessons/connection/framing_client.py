"""Run as a program by `framing`: send messages to a server in odd pieces, and hold its answers against the right ones.

A message is four bytes, its length in network order, and then its bytes. The answer is the same message in capitals.
"""

import json
import socket
import struct
import sys
import time

PATIENCE = 1.5  # seconds for each answer
Pieces = list[bytes]


def framed(message: bytes) -> bytes:
    return struct.pack("!I", len(message)) + message


def cases() -> list[tuple[str, Pieces, list[bytes]]]:
    """List the ways: a name, the pieces in which bytes are sent, and the messages that they make."""
    one, two, long = b"hello", b"second", b"long message " * 10_000
    both = framed(one) + framed(two)
    return [
        ("one message in one piece", [framed(one)], [one]),
        ("one byte at a time", [bytes([byte]) for byte in framed(one)], [one]),
        ("two messages in one piece", [both], [one, two]),
        ("a cut inside the length", [both[:2], both[2:]], [one, two]),
        ("a cut between the messages' parts", [both[:11], both[11:]], [one, two]),
        ("an empty message between two", [framed(one) + framed(b"") + framed(two)], [one, b"", two]),
        (f"a message of {len(long):,} bytes", [framed(long)], [long]),
        ("an end in the middle of a message", [framed(one)[:6]], []),
        ("one more client after that", [framed(two)], [two]),
    ]


def answer(sock: socket.socket) -> bytes:
    """Receive one whole message. Raises: OSError, EOFError."""
    length = struct.unpack("!I", exactly(sock, 4))[0]
    if length > 1 << 20:
        raise EOFError(f"an answer of {length} bytes was announced")
    return exactly(sock, length)


def exactly(sock: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        part = sock.recv(count - len(got))
        if not part:
            raise EOFError(f"the server closed after {len(got)} of {count} bytes")
        got += part
    return got


def tried(place: tuple[str, int], pieces: Pieces, messages: list[bytes]) -> str:
    """Send the pieces, and receive the answers. Returns: "" if they are right, else what came."""
    try:
        with socket.create_connection(place, PATIENCE) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                sock.sendall(piece)
                time.sleep(0.01 if len(pieces) > 1 else 0)  # so that the kernel sends each in a segment of its own
            for message in messages:
                came = answer(sock)
                if came != message.upper():
                    return f"the answer was {came[:20]!r}, not {message.upper()[:20]!r}"
    except (OSError, EOFError) as error:
        return "no answer in time" if isinstance(error, TimeoutError) else str(error)
    return ""


def main() -> None:
    place = sys.argv[1], int(sys.argv[2])
    report = []
    for way, pieces, messages in cases():
        said = tried(place, pieces, messages)
        report.append((way, not said, said))
        if said:
            break  # a server that is confused would fail the rest as well
    print(json.dumps(report))


if __name__ == "__main__":
    main()

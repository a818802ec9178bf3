"""The calls of a playground of live sockets, in their order. No call in here waits, as none did on the playground."""

import contextlib
import errno
import select
import socket
import time


def pause():  # type: ignore[no-untyped-def]
    """Leave the other end a moment, as a hand does between two clicks."""
    time.sleep(0.05)


def outcome(sock, seconds=1.0):  # type: ignore[no-untyped-def]
    """Say how a connect that did not wait came out, as soon as that is known."""
    if not select.select([], [sock], [sock], seconds)[1]:
        return "still on its way"
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    try:
        return name(code) if code else sock.getpeername() and "connected"
    except OSError as error:  # it was told before that this was refused, or it never asked
        return name(error.errno)


def name(number):  # type: ignore[no-untyped-def]
    """Return the name of an error, which is the same on every system where its number is not."""
    return errno.errorcode.get(number, str(number)).removeprefix("WSA")


def short(value):  # type: ignore[no-untyped-def]
    """Write an answer, but of many bytes only the first."""
    if isinstance(value, bytes) and len(value) > 40:
        return f"{len(value)} bytes, {value[:20]!r}..."
    return value if isinstance(value, str) else repr(value)


@contextlib.contextmanager
def refused():  # type: ignore[no-untyped-def]
    """Say what the kernel answers instead of doing what stands inside."""
    try:
        yield
    except OSError as error:
        print(name(error.errno))
    else:
        print("done: this time it was not refused")


def fill(sock, data, patience=0.3):  # type: ignore[no-untyped-def]
    """Send the data again and again until the kernel takes no more for a while. Return the bytes taken, and why."""
    taken, refused, why = 0, 0, ""
    while refused < 2:
        try:
            taken += sock.send(data)
            refused = 0
        except OSError as error:
            why = name(error.errno)
            refused += 1 if why == "EAGAIN" else 2
            select.select([], [sock], [], patience if refused == 1 else 0)
    return taken, why

"""The questions of lesson 01."""

import os
import socket

from sockets_lab.course.questions import (
    Choice,
    Claim,
    Exercise,
    Found,
    NotMeasured,
    Prediction,
    evidence,
    personal_number,
)
from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.kernel.machine import descriptor_limits
from sockets_lab.lessons import descriptors

DRAWN = personal_number("01/number", 120, 220)
MOST = descriptor_limits()[0]
CHOSEN = DRAWN if DRAWN < MOST else MOST - 1 - DRAWN % 8  # a process may have few


def _next_number() -> str:
    first, second, third = socket.socket(), socket.socket(), socket.socket()
    with first, third:
        with second:
            freed = second.fileno()
        with socket.socket() as another:
            number = another.fileno()
        return "lowest-free" if number == freed else "next-higher" if number > third.fileno() else "another"


def _close_one_of_two() -> str:
    with descriptors.tcp_pair() as (client, server):
        again = client.dup()
        client.close()
        with again:
            again.sendall(b"still here")
            return "open" if server.recv(64) else "closed"


def _stale_number() -> str:
    result = descriptors.use_stale_number()
    if isinstance(result, Refused):
        if result.name != "ENOSYS":
            raise NotMeasured(str(result))
        return "refused"
    return {
        "the first peer": "old-program",
        "the second peer": "new-program",
        "nobody": "nobody",
    }[result.reached]


PREDICTIONS = (
    Prediction(
        "next-number",
        "You open three sockets and close the middle one. Which descriptor does the next socket get?",
        (Choice("lowest-free", "it gets the number that was just freed", "A new descriptor is always the lowest free "
                "number in this process. POSIX requires this; the shell's redirections rely on it."),
         Choice("next-higher", "it gets the next higher number", "This system has its own rule; POSIX requires the "
                "lowest free number."),
         Choice("another", "it gets another number", "Another thread of this process took the lowest free number "
                "first, or this system numbers its handles by its own rule.")),
        _next_number,
    ),
    Prediction(
        "close-one-of-two",
        "Two descriptors refer to one connected socket. You close one of them. What happens to the connection?",
        (Choice("closed", "it is closed", "On this system closing one descriptor closed the socket."),
         Choice("open", "it stays open", "`close` frees one *descriptor*. The kernel closes the socket when the last "
                "descriptor that refers to it is closed; TCP then still ends the connection in the background.")),
        _close_one_of_two,
    ),
    Prediction(
        "stale-number",
        "Your program remembers a descriptor, closes the socket, and opens another one, which gets the same number. "
        "Then an old piece of code writes to the remembered number. Who receives the data?",
        (Choice("old-program", "the peer of the old socket", "This system kept the old meaning of the number."),
         Choice("new-program", "the peer of the new socket", "The kernel looks up the number alone, and the number "
                "is valid again. Data of one connection ends up in another: forget a descriptor when you close it."),
         Choice("refused", "the kernel refuses the write", "This system does not let a program choose a descriptor, "
                "so the number could not be used again."),
         Choice("nobody", "neither of the two peers", "The data arrived at neither program.")),
        _stale_number,
    ),
)  # fmt: skip


def _check_chosen_number() -> Found:
    entry = descriptors.entry(CHOSEN)
    if isinstance(entry, Refused):
        return Found(False, f"descriptor {CHOSEN} of this process refers to nothing ({entry.name}).")
    if entry.type != "UDP":
        return Found(False, f"descriptor {CHOSEN} refers to a {entry.type or ''} {entry.kind}, not to a UDP socket.")
    return Found(True, f"the kernel has a UDP socket of this process with the descriptor {CHOSEN}.")


def _check_three_numbers() -> Found:
    behind: dict[int, int] = {}
    for entry in descriptors.table():
        if entry.type == "TCP":
            behind[entry.inode] = behind.get(entry.inode, 0) + 1
    if 3 in behind.values():
        return Found(True, "exactly three descriptors of this process refer to one TCP socket.")
    return Found(False, "no TCP socket of this process has exactly three descriptors.")


EXERCISES = (
    Exercise(
        "chosen-number",
        f"Make a UDP socket and give it the descriptor **{CHOSEN}** (other learners get a different one). "
        "Keep it open and check.",
        _check_chosen_number,
        (
            "Make a UDP socket first: `socket.socket(socket.AF_INET, socket.SOCK_DGRAM)`.",
            "Call `descriptors.at_number(sock, number)`: it duplicates the socket's descriptor to a number you choose.",
            "Keep the result in a variable: `mine = descriptors.at_number(..., ...)`.",
        ),
    ),
    Exercise(
        "three-numbers",
        "Let exactly three descriptors of this process refer to one TCP socket.",
        _check_three_numbers,
        (
            "Make one socket; you need two more descriptors, not two more sockets.",
            "Call `sock.dup()`: it returns a new socket object with a new descriptor for the same socket.",
            "Keep all objects, because Python closes what no variable holds: `kept = [sock, sock.dup(), ...]`.",
        ),
    ),
)


def _row_in_a_table() -> tuple[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        row = evidence(table.row_of(listener), "the row of a listener that is open")
    return f"a new listener is in the kernel's socket table: {row.protocol} {row.local} {row.state}", "true here"


def _handle() -> tuple[str, str]:
    with socket.socket() as sock:
        entry = descriptors.entry(sock.fileno())
        if isinstance(entry, Refused):
            return f"fileno() is {sock.fileno()}, a handle and not a file descriptor", "only in part"
        return f"socket() returned descriptor {entry.number}, which refers to a {entry.kind}", "true here"


def _file_call_on_a_socket() -> tuple[str, str]:
    with descriptors.tcp_pair() as (client, server):
        written = attempt(os.write, client.fileno(), b"written as if to a file")
        if isinstance(written, Refused):
            return f"os.write to the socket fails: {written.name}", "false"
        return f"os.write to the descriptor sent {len(server.recv(64))} bytes over the connection", "true here"


def _number_of_choice() -> tuple[str, str]:
    lowest = descriptors.lowest_free()
    with socket.socket() as sock:
        try:
            given = descriptors.at_number(sock, 317)
        except BadInput as mistake:
            raise NotMeasured(str(mistake).rstrip(".")) from None
        if isinstance(given, Refused):
            return f"317 cannot be chosen here: {given.because}", "unknown"
        with given:
            return f"{lowest} would be next; on request the kernel assigned {given.fileno()}", "true here"


def _number_in_another_process() -> tuple[str, str]:
    with socket.socket() as sock:
        answer = descriptors.number_elsewhere(sock.fileno())
        said = f"descriptor {sock.fileno()} is a socket here; in another process: {answer}"
        return f"{said}; by inheritance or SCM_RIGHTS a process can pass a descriptor on", "only in part"


CLAIMS = (
    Claim("A socket is an entry in a table of the protocol stack.", _row_in_a_table, "sock_diag(7)"),
    Claim("A process refers to its socket by a descriptor from the stack.", _handle, "socket(2)"),
    Claim(
        "An internet socket is a kind of file descriptor.",
        _file_call_on_a_socket,
        "POSIX; on Windows a handle (Python, socket.fileno)",
    ),
    Claim(
        "Descriptors may be numbers such as 317 and 922.",
        _number_of_choice,
        "POSIX, open(): lowest free; fcntl(2), F_DUPFD",
    ),
    Claim("The number is internal: no other process can use it.", _number_in_another_process, "fstat(2), unix(7)"),
)

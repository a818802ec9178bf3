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
        "You open three sockets and close the middle one. Which number does the next socket get?",
        (Choice("lowest-free", "the number just given back", "A new descriptor is always the lowest number that is "
                "free in this process. That is a rule of POSIX; a shell's redirections, for one, are built on it."),
         Choice("next-higher", "the next higher number", "This system has a rule of its own; POSIX would give the "
                "lowest."),
         Choice("another", "some other number", "Another thread of this process took the lowest free number first, "
                "or this system hands out handles by a rule of its own.")),
        _next_number,
    ),
    Prediction(
        "close-one-of-two",
        "Two descriptors stand for one connected socket. You close one of them. What becomes of the connection?",
        (Choice("closed", "it is closed", "On this system closing one number closed the socket."),
         Choice("open", "it lives on", "`close` gives a *number* back. The socket goes when its last number is gone.")),
        _close_one_of_two,
    ),
    Prediction(
        "stale-number",
        "Your program remembers a descriptor, closes the socket, and opens another one, which gets the same number. "
        "Now an old piece of code writes to the number. Who receives it?",
        (Choice("old-program", "the program that the number once led to", "This system kept the old meaning of the "
                "number."),
         Choice("new-program", "the program behind the new socket", "The kernel looks at the number alone, and the "
                "number is good. Data of one connection ends up in another: this is why a closed descriptor must be "
                "forgotten."),
         Choice("refused", "the kernel refuses", "On this system a number cannot be chosen, so it could not be made "
                "to come back."),
         Choice("nobody", "nobody", "Nothing arrived at either program.")),
        _stale_number,
    ),
)  # fmt: skip


def _check_chosen_number() -> Found:
    entry = descriptors.entry(CHOSEN)
    if isinstance(entry, Refused):
        return Found(False, f"descriptor {CHOSEN} of this process stands for nothing ({entry.name}).")
    if entry.type != "UDP":
        return Found(False, f"descriptor {CHOSEN} stands for a {entry.type or ''} {entry.kind}, not for a UDP socket.")
    return Found(True, f"the kernel has a UDP socket of this process under the number {CHOSEN}.")


def _check_three_numbers() -> Found:
    behind: dict[int, int] = {}
    for entry in descriptors.table():
        if entry.type == "TCP":
            behind[entry.inode] = behind.get(entry.inode, 0) + 1
    if 3 in behind.values():
        return Found(True, "one TCP socket of this process stands behind exactly three descriptors.")
    return Found(False, "no TCP socket of this process stands behind exactly three descriptors.")


EXERCISES = (
    Exercise(
        "chosen-number",
        f"Make a UDP socket and give it the descriptor **{CHOSEN}** (your number; others get another). "
        "Keep it open and check.",
        _check_chosen_number,
        (
            "A UDP socket is `socket.socket(socket.AF_INET, socket.SOCK_DGRAM)`.",
            "The lesson's helper that chooses a number is `descriptors.at_number(sock, number)`.",
            f"Keep what it returns in a variable: `mine = descriptors.at_number(sock, {CHOSEN})`.",
        ),
    ),
    Exercise(
        "three-numbers",
        "Let exactly three descriptors of this process stand for one TCP socket.",
        _check_three_numbers,
        (
            "One socket is enough; what you need two more of are numbers.",
            "`sock.dup()` answers with a new socket object that holds a new number for the same socket.",
            "Keep all three objects in variables: an object that nobody holds is closed by Python.",
        ),
    ),
)


def _row_in_a_table() -> tuple[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        row = evidence(table.row_of(listener), "the row of a listener that is open")
    return f"a listener opened just now stands in the kernel's table: {row.protocol} {row.local} {row.state}", "so"


def _handle() -> tuple[str, str]:
    with socket.socket() as sock:
        entry = descriptors.entry(sock.fileno())
        if isinstance(entry, Refused):
            return f"fileno() is {sock.fileno()}, a handle that is no file descriptor here", "so, by a handle"
        return f"socket() answered with descriptor {entry.number}, which stands for a {entry.kind}", "so"


def _file_call_on_a_socket() -> tuple[str, str]:
    with descriptors.tcp_pair() as (client, server):
        written = attempt(os.write, client.fileno(), b"written as if to a file")
        if isinstance(written, Refused):
            return f"os.write to its number is refused: {written.name}", "not so here"
        return f"os.write to its number sent {len(server.recv(64))} bytes through the connection", "so here (POSIX)"


def _number_of_choice() -> tuple[str, str]:
    lowest = descriptors.lowest_free()
    with socket.socket() as sock:
        try:
            given = descriptors.at_number(sock, 317)
        except BadInput as mistake:
            raise NotMeasured(str(mistake).rstrip(".")) from None
        if isinstance(given, Refused):
            return f"317 cannot be chosen here: {given.because}", "not here"
        with given:
            return f"the next number would be {lowest}; asked for, descriptor {given.fileno()} was given", "possible"


def _number_in_another_process() -> tuple[str, str]:
    with socket.socket() as sock:
        answer = descriptors.number_elsewhere(sock.fileno())
        return f"descriptor {sock.fileno()} is a socket here; in another process: {answer}", "so"


CLAIMS = (
    Claim("A socket is an entry in a table of the protocol stack.", _row_in_a_table, "sock_diag(7)"),
    Claim("A process refers to its socket by a descriptor that the stack gave it.", _handle, "socket(2)"),
    Claim(
        "An internet socket is a kind of file descriptor.",
        _file_call_on_a_socket,
        "POSIX; on Windows a handle (Python, socket.fileno)",
    ),
    Claim(
        "Descriptors may be numbers such as 317 and 922.",
        _number_of_choice,
        "POSIX: lowest free; fcntl(2) F_DUPFD",
    ),
    Claim("The number is internal: nobody else can use it.", _number_in_another_process, "fstat(2), EBADF"),
)

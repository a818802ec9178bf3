"""What lesson 03 asks before the experiment."""

import socket

from sockets_lab.course.questions import Choice, Prediction, answer, require
from sockets_lab.errors import Refused, attempt
from sockets_lab.lessons import ports
from sockets_lab.model import MAX_PORT

HERE = "127.0.0.1"
REGISTERED = (1433, 1883, 3306, 3389, 5060, 5432, 5900, 8080)  # for other services, in IANA's registry


def _too_large() -> str:
    trial = ports.try_number(MAX_PORT + 1)
    if trial.python:
        return "python-refuses"
    return "refused" if isinstance(trial.kernel, Refused) else "another"


def _connect_to_zero() -> str:
    found = ports.probe(0)
    if isinstance(found.reached, Refused) and found.reached.name == "EADDRNOTAVAIL":
        return "refused"  # BSD and Windows say so; `probe` has bound its socket, so it is not for want of a port
    return answer({"open": "answered", "silent": "silence", "refused": "refused"}, found.outcome)


def _remote_number() -> str:
    return "granted" if listen_on_a_named_port() else "refused"


def listen_on_a_named_port() -> int | None:
    """Listen for a moment on a registered port that belongs to another service; return it, or None where all refuse."""
    named = sorted(port for port in ports.named_ports("tcp") or () if port in ports.USER) or REGISTERED
    for port in named:
        with socket.socket() as sock:
            if not isinstance(attempt(sock.bind, (HERE, port)), Refused):
                sock.listen()
                return port
    return None


def _where_from() -> str:
    measured = ports.measure_ephemeral(200)
    for handout in measured.handouts:
        require(handout.ports, f"{handout.protocol} {handout.way} gave no port: {handout.refused}")
    inside = {each.name: measured.inside(each.low, each.high) for each in ports.RANGES}
    if inside["Dynamic"] == "all":
        return "dynamic"
    return "system" if inside["System"] != "none" else "user"


PREDICTIONS = (
    Prediction(
        "too-large",
        "Your program binds to port 65536, one more than the largest port number. What happens?",
        (Choice("another", "the kernel binds another port", "This Python cut the number down to 16 bits."),
         Choice("refused", "the kernel returns an error", "This Python passed the number on to the kernel."),
         Choice("python-refuses", "Python raises an error and never asks the kernel", "The structure that carries an "
                "address to the kernel has 16 bits for the port, and Python checks the number first. A C program that "
                "does not check asks for port 0 without noticing.")),
        _too_large,
    ),
    Prediction(
        "port-zero",
        'For `bind`, port 0 means "choose a free port for me". What does `connect` to TCP port 0 do?',
        (Choice("answered", "it connects", "Something on this machine, such as a proxy, answers for port 0."),
         Choice("refused", "it fails at once", "No socket can be bound to port 0, so no program can listen there: "
                "only `bind` gives port 0 a meaning. Linux sends the connection request and a reset comes back; BSD "
                "and Windows return an error without sending."),
         Choice("silence", "it waits for a response that never comes", "Something on this machine drops what is sent "
                "to port 0.")),
        _connect_to_zero,
    ),
    Prediction(
        "foreign-number",
        "A port from 1024 to 49151 is registered for another service than your program's. "
        "What stops your program from listening there?",
        (Choice("refused", "the kernel returns an error", "Every such port that was tried is in use, or a rule of "
                "this machine forbids it."),
         Choice("granted", "nothing stops it", "A registration at IANA, the Internet Assigned Numbers Authority, is "
                "an agreement between people; no kernel reads that list. So a port number does not prove which "
                "service uses it.")),
        _remote_number,
    ),
    Prediction(
        "where-from",
        "You let this kernel choose 200 ports in each of four ways: for TCP and for UDP, by `bind` and by `connect`. "
        "From which range do they come?",
        (Choice("dynamic", "only from 49152 up", "This system keeps to the dynamic range of RFC 6335, as Windows and "
                "macOS do by default."),
         Choice("user", "also from 1024 to 49151", "The kernel has its own **ephemeral range**, and here it begins "
                "among the registered ports. On Linux it is 32768 to 60999 unless `net.ipv4.ip_local_port_range` "
                "says otherwise."),
         Choice("system", "also from below 1024", "An administrator has set this system's range so.")),
        _where_from,
    ),
)  # fmt: skip

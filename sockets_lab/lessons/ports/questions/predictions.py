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
        "Your program binds to port 65536, one more than the largest. Who says no?",
        (Choice("another", "nobody: the kernel gives another port", "This Python cut the number down to 16 bits."),
         Choice("refused", "the kernel refuses", "This Python passed the number on."),
         Choice("python-refuses", "Python refuses, and the kernel is never asked", "The structure that carries an "
                "address to the kernel has 16 bits for the port. Python checks before it fills them in; a C program "
                "that does not check asks for port 0 without knowing it.")),
        _too_large,
    ),
    Prediction(
        "port-zero",
        "For `bind`, port 0 means: kernel, choose one. What does `connect` to port 0 do?",
        (Choice("answered", "somebody answers", "Something on this machine, such as a proxy, answers for port 0."),
         Choice("refused", "it is refused at once", "No socket can be bound to port 0, so nobody can listen there: "
                "zero is a wish that only `bind` understands."),
         Choice("silence", "nobody answers, and it waits", "Something on this machine swallows what goes to port 0.")),
        _connect_to_zero,
    ),
    Prediction(
        "foreign-number",
        "A port from 1024 to 49151 is registered for somebody's service. Your program is another one. "
        "What stops it from listening there?",
        (Choice("refused", "the kernel, which refuses", "Every such port that was tried is held by somebody, or a "
                "rule of this machine forbids it."),
         Choice("granted", "nothing: it may listen there", "A registration is an agreement between people, and no "
                "kernel reads that list. So the number of a port is no proof of the service behind it.")),
        _remote_number,
    ),
    Prediction(
        "where-from",
        "You let this kernel choose 800 ports. Where will they come from?",
        (Choice("dynamic", "only from 49152 up", "This system keeps to the range that RFC 6335 sets aside, as "
                "Windows and macOS do."),
         Choice("user", "also from 1024 to 49151", "The kernel has a range of its own, and it begins among the "
                "registered ports. Linux starts at 32768 unless somebody has set it otherwise."),
         Choice("system", "from below 1024, too", "Somebody has set this system's range so.")),
        _where_from,
    ),
)  # fmt: skip

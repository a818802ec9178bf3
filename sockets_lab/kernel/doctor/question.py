"""Read what the doctor was asked: a port, `address:port`, `53/udp`, or an error message that names a port."""

import re
from dataclasses import dataclass

from sockets_lab.errors import BadInput
from sockets_lab.meanings import STANDARD, meaning
from sockets_lab.model import TRANSPORTS, Endpoint, checked_port

# What error messages say before a port, the surest first. The first group, where there is one, is the address.
PLACES = (
    r"->\[?([\d.]+|[\da-f:]+[\d.]*)\]?:(\d+)",  # Go names both ends of a connection: the port is the peer's
    r"\[([\da-f:]*:[\da-f:.]*)(?:%\w+)?\]:(\d+)",  # [::1]:8000
    r"\(['\"]([\da-f:.]*)['\"], ?(\d+)",  # ('127.0.0.1', 8000), as Python writes it
    r"(?<![\d.:])((?:\d+\.){3}\d+):(\d+)",  # 127.0.0.1:8000
    r"(?<![\w:])(::1?):(\d+)",  # :::8000, as Node.js writes it
    r"\bport\b\W{0,3}(?:number )?(\d+)",  # port 8000
    r"(?<=[a-z*:]):(\d+)(?![\d:])",  # localhost:8000, *:8000
    r"(?<!\S):(\d+)\b",  # :8000
)
WINDOWS = {"10013": "EACCES", "10048": "EADDRINUSE", "10049": "EADDRNOTAVAIL", "10054": "ECONNRESET",
           "10060": "ETIMEDOUT", "10061": "ECONNREFUSED"}  # fmt: skip
CALLS = {"EADDRINUSE": "bind", "EACCES": "bind", "EADDRNOTAVAIL": "bind", "ECONNREFUSED": "connect",
         "ETIMEDOUT": "connect"}  # the likely call, where a message does not name it  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What to look at. address: None = every address; message: what the error in a pasted message means, or ""."""

    port: int
    address: str | None = None
    protocol: str = "tcp"
    message: str = ""

    def __str__(self) -> str:
        where = f"{Endpoint(self.address, self.port)}" if self.address else f"Port {self.port}"
        return f"{where} ({self.protocol.upper()})"


def read(text: object) -> Question:
    """Read a question. Raises: BadInput, for one that names no port of 1-65535."""
    plain, _, protocol = str(text).strip().rpartition("/")
    if protocol.lower() not in TRANSPORTS:
        plain, protocol = str(text).strip(), "tcp"
    protocol = protocol.lower()
    if plain.lstrip("-").isdecimal():
        return _question(plain, "", protocol)
    if re.fullmatch(r"\[[^\[\]\s]*\]:\d+|[\d.]+:\d+", plain):
        endpoint = Endpoint.parse(plain)
        return _question(endpoint.port, endpoint.address, protocol)
    error = _error(plain)
    message = f"{error}: {meaning(error, CALLS.get(error, ''))}." if error else ""
    found = next((match for place in PLACES if (match := re.search(place, plain, re.IGNORECASE))), None)
    if found is None:
        takes = "The doctor takes a port, address:port, or an error message with a port, such as 8000 or [::1]:8000."
        raise BadInput(f"{message or repr(plain)} This names no port. {takes}")
    *address, port = found.groups()
    protocol = "udp" if re.search(r"\budp\b", plain, re.IGNORECASE) else protocol
    return _question(port, address[0] if address else "", protocol, message)


def _question(port: str | int, address: str, protocol: str, message: str = "") -> Question:
    number = checked_port(port)
    if not number:
        raise BadInput("Port 0 asks the kernel to choose a port, and no socket has it: pass a port from 1 to 65535.")
    return Question(number, Endpoint(address, 0).address if address else None, protocol, message)


def _error(text: str) -> str:
    """Name the errno that a message speaks of: by its name, its usual text, or the number that Windows has for it."""
    names = (name for name, usual in STANDARD.items() if re.search(rf"\b{name}\b|{usual}", text, re.IGNORECASE))
    return next(names, "") or next((name for number, name in WINDOWS.items() if number in text), "")

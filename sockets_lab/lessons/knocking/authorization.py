"""One authenticated datagram in place of a sequence: single packet authorization, the cure for the replay.

Whoever looks on may read all of it: nothing is encrypted. But nobody without the key can make one or change one, and
the very same one is taken once only. No socket and no clock here. Source: RFC 2104 (HMAC); RFC 6234 (SHA-256);
fwknop(8), whose idea it is.
"""

import hashlib
import hmac
import secrets
import socket
import struct
from dataclasses import dataclass

from sockets_lab.errors import BadInput
from sockets_lab.lessons.scanning.scan_options import checked_seconds
from sockets_lab.model import Endpoint, checked_port

VERSION = 1
FIELDS = struct.Struct("!BQ16s4sH")  # version, milliseconds since 1970, nonce, source address, port asked for
NONCE, TAG = 16, 32  # bytes; the tag is HMAC-SHA256 over all fields
SIZE = FIELDS.size + TAG
LEAST_KEY = 32  # bytes: a shorter key than the hash's own length weakens it. Source: RFC 2104 section 3
LAST = 10.0**12  # seconds since 1970, far from now and within the field
LONGEST = 1e9  # seconds
SKEW = 10.0  # seconds by which clocks may differ, and for which a datagram may be under way

ACCEPTED = "accepted"
WRONG_LENGTH, UNKNOWN_VERSION, NOT_AUTHENTIC = "wrong length", "unknown version", "not authentic"
TOO_OLD, FROM_THE_FUTURE, OTHER_SOURCE, REPLAYED = "too old", "from the future", "another source", "replayed"
MEANINGS = {
    ACCEPTED: "made with the key, in time, by whom it names, and never seen before",
    WRONG_LENGTH: f"a request has {SIZE} bytes, no more and no fewer: this one was cut, or is something else",
    UNKNOWN_VERSION: f"this verifier reads version {VERSION} only",
    NOT_AUTHENTIC: "made with another key, or changed afterwards: which of these, nobody can tell",
    TOO_OLD: "made longer ago than the clocks may differ",
    FROM_THE_FUTURE: "made later than now, by more than the clocks may differ",
    OTHER_SOURCE: "came from another address than the one that it asks for",
    REPLAYED: "this very request was accepted before",
}


@dataclass(frozen=True)
class Request:
    """What one datagram asks: that a port be open for a source. time: seconds since 1970, to a thousandth."""

    time: float
    nonce: bytes
    source: str
    port: int


@dataclass(frozen=True)
class Verdict:
    """What a verifier says, one of MEANINGS. request: only where it was made with the key."""

    name: str
    request: Request | None = None


def new_key() -> bytes:
    """Return a new random key."""
    return secrets.token_bytes(LEAST_KEY)


def compose(key: bytes, source: str, port: int, now: float, nonce: bytes | None = None) -> bytes:
    """Make a request that a port be open for a source.

    Args: key: 32 bytes or more; source: an IPv4 address; port: 1-65535; now: seconds since 1970; nonce: 16 bytes that
        were never used before, None: random ones. Returns: 63 bytes. Raises: BadInput.
    """
    nonce = secrets.token_bytes(NONCE) if nonce is None else nonce
    if not isinstance(nonce, bytes) or len(nonce) != NONCE:
        raise BadInput(f"a nonce has {NONCE} bytes: pass None for random ones.")
    if checked_port(port) == 0:
        raise BadInput("nobody can be let in at port 0: pass a port from 1 to 65535.")
    address = Endpoint(source, 0).address
    if ":" in address:
        raise BadInput(f"a request names an IPv4 address, not {address}: pass such as 127.0.0.1.")
    milliseconds = round(checked_seconds(now, "time since 1970", 0, LAST) * 1000)
    fields = FIELDS.pack(VERSION, milliseconds, nonce, socket.inet_aton(address), checked_port(port))
    return fields + _tag(_checked_key(key), fields)


def read(data: bytes) -> Request:
    """Read a request as anybody can who sees it, without the key. Raises: BadInput, where it is none."""
    if not isinstance(data, bytes) or len(data) != SIZE or data[0] != VERSION:
        raise BadInput(f"this is no request of version {VERSION}: pass the {SIZE} bytes that `compose` returned.")
    _, milliseconds, nonce, source, port = FIELDS.unpack_from(data)
    return Request(milliseconds / 1000, nonce, socket.inet_ntoa(source), port)


class Verifier:
    """Who tells good requests from others. Args: key: 32 bytes or more; skew: seconds that clocks may differ.

    It remembers the nonces of what it accepted for as long as their time would let them pass again: so its memory holds
    no more than was accepted within twice the skew. A new verifier remembers nothing: give it a new key.
    """

    def __init__(self, key: bytes, skew: float = SKEW) -> None:
        self._key = _checked_key(key)
        self.skew = checked_seconds(skew, "difference of clocks", 0, LONGEST)
        self._seen: dict[bytes, float] = {}  # nonce -> its request's time
        self._oldest = 0.0  # what is older is refused, also after this machine's clock was set back

    def verify(self, data: bytes, source: str, now: float) -> Verdict:
        """Judge the bytes that came from an address; accept each good request once.

        What the bytes say counts only after the tag has proved who wrote them.
        Args: source: an IP address; now: seconds since 1970. Raises: BadInput, for a source or a time that is none.
        """
        now, source = checked_seconds(now, "time since 1970", 0, LAST), Endpoint(source, 0).address
        self._forget(now - self.skew)
        if not isinstance(data, bytes) or len(data) != SIZE:
            return Verdict(WRONG_LENGTH)
        if data[0] != VERSION:
            return Verdict(UNKNOWN_VERSION)
        fields, tag = data[: FIELDS.size], data[FIELDS.size :]
        if not hmac.compare_digest(_tag(self._key, fields), tag):  # takes as long whichever byte differs
            return Verdict(NOT_AUTHENTIC)
        request = read(data)
        if request.nonce in self._seen:
            return Verdict(REPLAYED, request)
        if request.time < self._oldest:
            return Verdict(TOO_OLD, request)
        if request.time - now > self.skew:
            return Verdict(FROM_THE_FUTURE, request)
        if request.source != source:
            return Verdict(OTHER_SOURCE, request)
        self._seen[request.nonce] = request.time
        return Verdict(ACCEPTED, request)

    def _forget(self, oldest: float) -> None:
        """Forget the nonces of requests that are too old anyway, now and for ever."""
        self._oldest = max(self._oldest, oldest)
        for nonce in [nonce for nonce, time in self._seen.items() if time < self._oldest]:
            del self._seen[nonce]


def _tag(key: bytes, fields: bytes) -> bytes:
    return hmac.new(key, fields, hashlib.sha256).digest()


def _checked_key(key: bytes) -> bytes:
    if not isinstance(key, bytes) or len(key) < LEAST_KEY:
        raise BadInput(f"a key has {LEAST_KEY} bytes or more: pass what new_key() returns.")
    return key

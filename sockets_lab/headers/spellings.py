"""How addresses are written for people, and how they travel."""

import re
import socket
from functools import lru_cache, partial
from operator import methodcaller

from sockets_lab.headers.fields import Spelling

SIX_PAIRS = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


def _mac_to_bytes(text: str) -> bytes:
    if not SIX_PAIRS.fullmatch(text):
        raise ValueError(text)
    return bytes.fromhex(text.replace(":", ""))


quick = lru_cache(maxsize=4096)  # a capture shows the same few addresses again and again

MAC = Spelling(quick(methodcaller("hex", ":")), quick(_mac_to_bytes), "02:00:00:00:00:0a, six bytes in hexadecimal")
IPV4 = Spelling(quick(socket.inet_ntoa), quick(partial(socket.inet_pton, socket.AF_INET)), "10.20.30.40")
IPV6 = Spelling(
    quick(partial(socket.inet_ntop, socket.AF_INET6)), quick(partial(socket.inet_pton, socket.AF_INET6)), "::1"
)

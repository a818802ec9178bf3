"""A client that tests somebody's server of messages with a length in front, by sending them in odd pieces.

The bytes of TCP have no boundaries: what one `send` took may arrive in many pieces, or together with the next. A server
that counts on one `recv` for each message fails here. The client is another process, as real ones are.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CLIENT = str(Path(__file__).with_name("framing_client.py"))
PATIENCE = 20.0  # seconds for all cases


@dataclass(frozen=True)
class Piece:
    """One way to cut messages in pieces: what was sent, whether the right answers came, and what came instead."""

    way: str
    passed: bool
    said: str


def meet(address: str, port: int) -> tuple[Piece, ...]:
    """Let the client, in a process of its own, try a server. Returns: a piece for each way; () = it gave no report."""
    command = [sys.executable, "-I", "-S", CLIENT, address, str(port)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return ()
    return tuple(Piece(*one) for one in json.loads(done.stdout or "[]"))

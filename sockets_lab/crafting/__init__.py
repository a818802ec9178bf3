"""Packets made by hand: sent for real inside a lab of nodes, and what the kernel that receives them does.

`headers` turns values into bytes and back; here the bytes go on their way. Packets made by hand never leave a lab.
"""

from sockets_lab.crafting.bench import Bench
from sockets_lab.crafting.examples import Example, datagram, segments
from sockets_lab.crafting.outcomes import Outcome, Received, names
from sockets_lab.crafting.picking import Picked, picked
from sockets_lab.crafting.sending import send
from sockets_lab.crafting.trials import (
    Trial,
    closed_port,
    handmade_start,
    plain,
    source_zero,
    start,
    survey,
    three_checksums,
)

__all__ = [
    "Bench", "Example", "Outcome", "Picked", "Received", "Trial", "closed_port", "datagram", "handmade_start",
    "names", "picked", "plain", "segments", "send", "source_zero", "start", "survey", "three_checksums",
]  # fmt: skip

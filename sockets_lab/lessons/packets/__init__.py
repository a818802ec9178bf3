"""Packets made by hand: sent for real inside a lab of nodes, and what the kernel that receives them does.

`headers` turns values into bytes and back; here the bytes go on their way. Packets made by hand never leave a lab.
"""

from sockets_lab.lessons.packets.bpf_filter import picked
from sockets_lab.lessons.packets.examples import Example, datagram, segments
from sockets_lab.lessons.packets.model import Testbed
from sockets_lab.lessons.packets.outcomes import Outcome, names
from sockets_lab.lessons.packets.sending import send
from sockets_lab.lessons.packets.trials import (
    Trial,
    closed_port,
    handmade_start,
    plain,
    source_zero,
    survey,
    three_checksums,
)

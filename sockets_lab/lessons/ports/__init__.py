"""Port numbers: 16 bits, three ranges, services' names, the ports that the kernel hands out, a map, and a probe."""

from sockets_lab.lessons.ports.ephemeral import TEXT_EPHEMERAL, Handout, Measured, hand_out, measure_ephemeral
from sockets_lab.lessons.ports.portmap import EPHEMERAL, NAMED, OCCUPIED, RANGE, SIDE, WAITING, PortMap, port_map
from sockets_lab.lessons.ports.probing import Probe, probe
from sockets_lab.lessons.ports.services import (
    DYNAMIC,
    RANGES,
    SYSTEM,
    TEXT_TABLE,
    USER,
    NameCheck,
    PortRange,
    Service,
    TextRow,
    compare_names,
    misplaced,
    named_ports,
    names_known,
    range_of,
    service,
)
from sockets_lab.lessons.ports.sixteen_bits import NumberTrial, try_number

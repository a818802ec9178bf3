"""Port numbers: 16 bits, three ranges, services' names, the ports that the kernel hands out, a map, and a probe."""

from sockets_lab.ports.ephemeral import TEXT_EPHEMERAL, Handout, Measured, hand_out, measure_ephemeral
from sockets_lab.ports.portmap import (
    EPHEMERAL,
    NAMED,
    OCCUPIED,
    RANGE,
    SIDE,
    WAITING,
    PortMap,
    occupied,
    port_map,
)
from sockets_lab.ports.probing import Probe, probe
from sockets_lab.ports.ranges import DYNAMIC, RANGES, SYSTEM, USER, PortRange, range_of
from sockets_lab.ports.services import PROTOCOLS, Service, named_ports, names_known, port_of, service
from sockets_lab.ports.sixteen_bits import NumberTrial, try_number
from sockets_lab.ports.text import TEXT_TABLE, NameCheck, TextRow, compare_names, misplaced

__all__ = [
    "DYNAMIC", "EPHEMERAL", "NAMED", "OCCUPIED", "PROTOCOLS", "RANGE", "RANGES", "SIDE", "SYSTEM", "TEXT_EPHEMERAL",
    "TEXT_TABLE", "USER", "WAITING", "Handout", "Measured", "NameCheck", "NumberTrial", "PortMap", "PortRange", "Probe",
    "Service", "TextRow", "compare_names", "hand_out", "measure_ephemeral", "misplaced", "named_ports", "names_known",
    "occupied", "port_map", "port_of", "probe", "range_of", "service", "try_number",
]  # fmt: skip

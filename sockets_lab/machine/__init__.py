"""This machine's passport: what it can do, how that was found out, and which lesson depends on it. Read only."""

from sockets_lab.machine.learners import OWN_GROUPS, home_address, home_group, learner
from sockets_lab.machine.namespaces import try_namespaces
from sockets_lab.machine.passport import Ability, passport
from sockets_lab.machine.probes import (
    IP_LOCAL_PORT_RANGE,
    UNLIMITED,
    descriptor_limits,
    ephemeral_range,
    handed_out,
    has_dual_stack,
    has_ipv6,
    has_local_port_range,
    has_reuse_port,
    has_service_names,
    loopback_addresses,
    lowest_port,
    tools,
)
from sockets_lab.machine.tickets import Ticket, folder, is_name, read_ticket, ticket

__all__ = [
    "IP_LOCAL_PORT_RANGE", "OWN_GROUPS", "UNLIMITED", "Ability", "Ticket", "descriptor_limits", "ephemeral_range",
    "folder", "handed_out", "has_dual_stack", "has_ipv6", "has_local_port_range", "has_reuse_port",
    "has_service_names", "home_address", "home_group", "is_name", "learner", "loopback_addresses", "lowest_port",
    "passport", "read_ticket", "ticket", "tools", "try_namespaces",
]  # fmt: skip

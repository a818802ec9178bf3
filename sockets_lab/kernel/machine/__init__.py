"""This machine's passport: what it can do, how that was found out, and which lesson depends on it. Read only."""

from sockets_lab.kernel.machine.learners import (
    OWN_GROUPS,
    Ticket,
    folder,
    home_address,
    home_group,
    is_name,
    learner,
    read_ticket,
    ticket,
)
from sockets_lab.kernel.machine.namespaces import try_firewall, try_namespaces
from sockets_lab.kernel.machine.passport import Ability, passport
from sockets_lab.kernel.machine.probes import (
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

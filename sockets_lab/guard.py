"""The one check that every experiment passes before it sends or binds: nothing leaves this machine.

Addresses are literal: no name is looked up, because a look-up would itself send packets to a name server.
"""

from ipaddress import IPv4Address, IPv4Network

from sockets_lab.errors import BadInput
from sockets_lab.model import Endpoint

LOOPBACK = IPv4Network("127.0.0.0/8")  # RFC 1122 section 3.2.1.3 (g): never seen outside a host
NOT_A_HOST = (IPv4Address("127.0.0.0"), IPv4Address("127.255.255.255"))  # the network itself, and its broadcast


def destination(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint if a packet to it stays on this machine's loopback.

    Raises: BadInput, before any socket is touched.
    """
    if endpoint.address == "::1":
        return endpoint
    if ":" not in endpoint.address:
        address = IPv4Address(endpoint.address)
        if address in LOOPBACK and address not in NOT_A_HOST:
            return endpoint
    raise BadInput(f"{endpoint.address} is not on this machine's loopback: pass 127.0.0.1 (or any 127.x.y.z), or ::1.")

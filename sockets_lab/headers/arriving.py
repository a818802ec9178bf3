"""Which addresses a packet has where it arrives: TCP, UDP and ICMPv6 cover those with their checksums.

On the way the IP header may show others. A sender can list routers to visit; then the destination is the next of them,
and the last address of the list is where the packet arrives. A host away from home sends from the address that it has
there, and names its home address in an option. Source: RFC 791 section 3.1 ("Loose Source and Record Route"), RFC 8200
section 8.1, RFC 6275 sections 6.3 and 6.4.
"""

from collections.abc import Sequence

from sockets_lab.headers.extensions import DestinationOptions, Routing
from sockets_lab.headers.fields import IPV4, IPV6
from sockets_lab.headers.header import Header
from sockets_lab.headers.ip import IPv4, IPv6
from sockets_lab.headers.options import read_options

LOOSE, STRICT = 131, 137  # IPv4 options with a source route
HOME_ADDRESS = 201  # IPv6 destination option
SOURCE_ROUTE, MOBILE, LOW_POWER, SEGMENTS = 0, 2, 3, 4  # kinds of routing header: RFC 5095, 6275, 6554, 8754
UNCLEAR = "It covers the last address of the route, and the route cannot be read."


def arriving(ip: IPv4 | IPv6, extensions: Sequence[Header] = ()) -> IPv4 | IPv6 | str:
    """Return the IP header with the addresses that it has where the packet arrives.

    Args: extensions: the headers between `ip` and what it carries. Returns: a sentence where that cannot be told.
    """
    if isinstance(ip, IPv4):
        return _by_source_route(ip)
    if not extensions:
        return ip
    routes = [one for one in extensions if isinstance(one, Routing) and one.segments_left]
    last = _last_address(routes[0], IPV6.write(ip.destination)) if routes else IPV6.write(ip.destination)
    if len(routes) > 1 or len(last) != 16:
        return UNCLEAR
    for one in extensions:
        if isinstance(one, DestinationOptions):
            home = next((data for kind, data in one.options if kind == HOME_ADDRESS and len(data) == 16), None)
            ip = ip.changed(source=IPV6.read(home)) if home else ip
    return ip.changed(destination=IPV6.read(last))


def _by_source_route(ip: IPv4) -> IPv4 | str:
    """A route has a pointer and its addresses. The pointer counts from the option's first byte, which is 1."""
    routes = [one for one in read_options(ip.options) if one.kind in (LOOSE, STRICT)]
    if not routes:
        return ip
    data = routes[0].data
    if len(routes) > 1 or not routes[0].whole or len(data) % 4 != 1:
        return UNCLEAR
    if data[0] > len(data) + 2:  # behind the last address: all were visited
        return ip
    return UNCLEAR if data[0] < 4 or data[0] % 4 else ip.changed(destination=IPV4.read(data[-4:]))


def _last_address(route: Routing, destination: bytes) -> bytes:
    """Return the last address of a routing header; no bytes where it cannot be read."""
    data, left = route.data, route.segments_left
    if route.routing_type in (SOURCE_ROUTE, MOBILE):  # 4 bytes, and addresses in the order of the way
        return data[-16:] if len(data) % 16 == 4 and 16 * left < len(data) else b""
    if route.routing_type == SEGMENTS:  # the last segment's number, 3 bytes, segments against the way
        return data[4:20] if left <= data[0] + 1 and 4 + 16 * (data[0] + 1) <= len(data) else b""
    if route.routing_type == LOW_POWER:  # addresses without the bytes that they share with the destination
        shared, shared_by_last, filling = data[0] >> 4, data[0] & 15, data[1] >> 4
        addresses = data[4 : len(data) - filling]
        others, odd = divmod(len(addresses) - (16 - shared_by_last), 16 - shared)
        if left <= others + 1 and not odd:
            return destination[:shared_by_last] + addresses[shared_by_last - 16 :]
    return b""

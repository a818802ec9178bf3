"""The settings of a program on a broken machine: which there are, and what they may be."""

from collections.abc import Callable
from typing import Any

from sockets_lab import guard
from sockets_lab.errors import BadInput
from sockets_lab.lab import Node
from sockets_lab.model import TRANSPORTS, Endpoint, checked_port, whole_number

SERVICE = {
    "at_once": 16, "backlog": 16, "patience": 1.0, "closes": True, "reuse_address": True, "ipv6_only": False,
}  # fmt: skip
MEANINGS = {
    "protocol": "which protocol it speaks: 'tcp' or 'udp'",
    "address": "the address at which it listens",
    "port": "the port at which it listens",
    "target": "the address and port to which it takes connections on",
    "at_once": "how many clients it attends to at one time",
    "backlog": "how many connections may wait to be accepted",
    "patience": "how many seconds it waits for a client to say something; None: for ever",
    "closes": "whether it closes a client's socket when it has served it",
    "reuse_address": "whether it sets SO_REUSEADDR before it binds",
    "ipv6_only": "whether it sets IPV6_V6ONLY before it binds to an IPv6 address",
}
MOST = 4096  # clients at one time, connections in the queue
LONGEST = 600.0  # seconds of patience


def checked(node: Node, changes: dict[str, Any]) -> dict[str, Any]:
    """Return settings as a program of this node may have them. Raises: BadInput, before anything is changed."""
    return {name: CHECKS[name](node, name, value) for name, value in changes.items()}


def _protocol(_: Node, __: str, value: object) -> object:
    if value not in TRANSPORTS:
        raise BadInput(f"{value!r} is no protocol that has ports: pass 'tcp' or 'udp'.")
    return value


def _address(node: Node, _: str, value: Any) -> str:
    """Let a program listen at its node's own addresses, and everywhere only where everywhere is the lab."""
    endpoint = Endpoint(value, 0)
    if endpoint.is_wildcard:
        if not node.own_stack:
            raise BadInput(f"{value} would be every network of this machine here: pass {node.address}.")
    elif endpoint.address != node.address:
        guard.destination(endpoint)
    return endpoint.address


def _port(_: Node, __: str, value: object) -> int:
    port = checked_port(value)
    if not port:
        raise BadInput("Customers cannot find port 0: pass a port from 1 to 65535.")
    return port


def _target(node: Node, name: str, value: Any) -> list[Any]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise BadInput(f"{value!r} is no target: pass an address and a port, as ({node.address!r}, 8080).")
    endpoint = Endpoint(value[0], _port(node, name, value[1]))
    if endpoint.address != node.address:
        guard.destination(endpoint)
    return list(endpoint.sockaddr)


def _number(_: Node, name: str, value: object) -> object:
    return whole_number(value, int(name == "at_once"), MOST, f"a number for {name}, {MEANINGS[name]}")


def _patience(_: Node, __: str, value: object) -> object:
    seconds = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST
    if value is not None and not seconds:
        raise BadInput(f"{value!r} is no patience: pass seconds, at most {LONGEST:g}, or None for ever.")
    return value


def _switch(_: Node, name: str, value: object) -> object:
    if not isinstance(value, bool):
        raise BadInput(f"{value!r} cannot be {name}, {MEANINGS[name]}: pass True or False.")
    return value


CHECKS: dict[str, Callable[[Node, str, Any], Any]] = {
    "protocol": _protocol, "address": _address, "port": _port, "target": _target, "at_once": _number,
    "backlog": _number, "patience": _patience, "closes": _switch, "reuse_address": _switch, "ipv6_only": _switch,
}  # fmt: skip

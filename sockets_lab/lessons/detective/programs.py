"""A program of a broken machine, as the learner holds it, and a kernel, which has settings too; and a cable."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused
from sockets_lab.lab import Node
from sockets_lab.lessons.detective import kernel_settings, processes
from sockets_lab.model import TRANSPORTS, Endpoint, checked_port, whole_number

SERVICE = {
    "at_once": 16, "backlog": 16, "patience": 1.0, "closes": True, "reuse_address": True, "reuse_port": False,
    "ipv6_only": False,
}  # fmt: skip
MOST = 4096  # clients at one time, connections in the queue
LONGEST = 600.0  # seconds of patience


def checked(node: Node, changes: dict[str, Any]) -> dict[str, Any]:
    """Return settings as a program of this node may have them. Raises: BadInput, before anything is changed."""
    return {name: SETTINGS[name][1](node, name, value) for name, value in changes.items()}


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
    return whole_number(value, int(name == "at_once"), MOST, f"a number for {name}, {SETTINGS[name][0]}")


def _patience(_: Node, __: str, value: object) -> object:
    seconds = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST
    if value is not None and not seconds:
        raise BadInput(f"{value!r} is no patience: pass seconds, at most {LONGEST:g}, or None for ever.")
    return value


def _switch(_: Node, name: str, value: object) -> object:
    if not isinstance(value, bool):
        raise BadInput(f"{value!r} cannot be {name}, {SETTINGS[name][0]}: pass True or False.")
    return value


SETTINGS: dict[str, tuple[str, Callable[[Node, str, Any], Any]]] = {  # what each means, and its check
    "protocol": ("which protocol it speaks: 'tcp' or 'udp'", _protocol),
    "address": ("the address at which it listens", _address),
    "port": ("the port at which it listens", _port),
    "target": ("the address and port to which it takes connections on, or where its backend is", _target),
    "at_once": ("how many clients it attends to at one time", _number),
    "backlog": ("how many connections may wait to be accepted", _number),
    "patience": ("how many seconds it waits for a client to say something; None: for ever", _patience),
    "closes": ("whether it closes a client's socket when it has served it", _switch),
    "reuse_address": ("whether it sets SO_REUSEADDR before it binds", _switch),
    "reuse_port": ("whether it sets SO_REUSEPORT, and shares the port with others that do", _switch),
    "ipv6_only": ("whether it sets IPV6_V6ONLY before it binds to an IPv6 address", _switch),
}
KERNEL = {  # what a kernel's settings mean; it checks them itself
    "ephemeral_ports": "the first and the last port that this kernel chooses for a client",
    "somaxconn": "how many connections may wait to be accepted, whatever a program asks for",
    "mtu": "the longest packet, in bytes, that this kernel sends",
    "second_address": "one more address of this machine; None: it has none",
}


@dataclass
class Program:
    """A program that runs, or should run, in a node. settings: its configuration; `restart` takes new ones."""

    node: Node
    name: str
    settings: dict[str, Any]

    def start(self) -> None:
        """Start it, and wait until it is at work or has given up: its log tells which."""
        told = dict(self.settings)
        role = told.pop("role", None) or told.pop("protocol")
        self.node.call(processes.start, {"name": self.name, "role": role, **told})

    def restart(self, **changes: Any) -> None:
        """End it, change these settings, and start it again. Raises: BadInput, for a setting that it does not have."""
        for name in changes:
            if name not in self.yours:
                has = f"its settings are {', '.join(self.yours)}" if self.yours else "it has none"
                raise BadInput(f"{self.name} has no setting {name!r}: {has}.")
        self.settings |= checked(self.node, changes)
        self.start()

    @property
    def yours(self) -> dict[str, Any]:
        """The settings that may be changed, as they are."""
        visits = self.settings.get("role") == "visitor"
        return {} if visits else {name: value for name, value in self.settings.items() if name in SETTINGS}

    def stop(self) -> None:
        self.node.call(processes.stop, self.name)

    @property
    def suspended(self) -> bool:
        """Whether it is there, and does nothing: a signal has stopped it."""
        return psutil.pid_exists(self.pid) and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    @property
    def running(self) -> bool:
        runs: bool = self.node.call(processes.look, self.name)[0]
        return runs

    @property
    def log(self) -> tuple[str, ...]:
        """What it has said since it was started last, a line each."""
        return tuple(self.node.call(processes.look, self.name)[1][1:])

    @property
    def pid(self) -> int:
        """The number of its process, as the notebook's machine counts; also of one that has ended. 0: never begun."""
        said = self.node.call(processes.look, self.name)[1]
        return int(said[0].split()[1]) if said else 0

    @property
    def descriptors(self) -> int | None:
        """How many descriptors its process holds; None where it has ended, or the system does not tell."""
        try:
            process = psutil.Process(self.pid)
            return process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
        except psutil.Error:
            return None


@dataclass
class Kernel:
    """The kernel of a node, as a program with settings; to restart it is to apply them, and to forget its neighbors."""

    node: Node
    name: str
    running = True

    @property
    def settings(self) -> dict[str, Any]:
        return self.node.call(kernel_settings.read) if self.node.own_stack else {}

    yours = settings

    @property
    def log(self) -> tuple[str, ...]:
        """Its neighbors: which hardware address it uses for which address."""
        known = self.node.call(kernel_settings.neighbors) if self.node.own_stack else {}
        return tuple(f"{address} is at {hardware}" for address, hardware in sorted(known.items()))

    def restart(self, **changes: Any) -> None:
        """Apply settings, and ask anew for all neighbors. Raises: BadInput."""
        if not self.node.own_stack:
            raise BadInput(f"{self.node.name} shares this machine's network stack, which stays as it is.")
        if unknown := changes.keys() - self.settings.keys():
            raise BadInput(f"{self.name} has no setting {min(unknown)!r}: its settings are {', '.join(self.settings)}.")
        self.node.call(kernel_settings.forget_neighbors)
        for name, value in changes.items():
            try:
                self.node.call(kernel_settings.write, name, value)
            except (OSError, ValueError) as error:
                raise BadInput(f"{self.name} refused {name} = {value!r}: {error}.") from None


@dataclass
class Cable:
    """The cable between a node and the switch; to restart it is to put another one in its place, which is sound."""

    node: Node
    name: str
    changed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)  # none, ever
    yours: dict[str, Any] = field(default_factory=dict)
    running, log = True, ()

    def restart(self, **changes: Any) -> None:
        """Put a new cable in. Raises: BadInput."""
        if refused := self.node.mend() or self.set_mtu(1500):
            raise BadInput(f"There is no cable here. {refused}.")
        self.changed += 1

    def set_mtu(self, octets: int) -> Refused | None:
        """Let no longer packet pass at the switch. Returns: None, or what was refused."""
        return self.node.at_switch("set_mtu", octets)

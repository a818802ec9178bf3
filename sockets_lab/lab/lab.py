"""A lab: two or more nodes and the switch between them, built in a moment and gone without a trace."""

import _thread
import atexit
import os
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import IPv4Address
from typing import Any, ParamSpec, TypeVar

from sockets_lab.errors import BadInput
from sockets_lab.kernel.connecting import Owner
from sockets_lab.lab import loopback
from sockets_lab.lab.launching import LabUnavailable, Switch, line
from sockets_lab.lab.node import Node, hardware_address

P = ParamSpec("P")
T = TypeVar("T")

MOST_NODES = 16


class Lab(Owner):
    """Nodes with network stacks of their own, without special rights. Use it in a `with`, or close it.

    Args:
        addresses: a name and an IPv4 address for each node: Lab(A="10.20.30.40", B="50.60.70.80").
        fallback: where stacks of their own are refused, take loopback addresses of this machine instead.
        aside: leave `%%node` to the lab that was opened before; a panel's lab stands aside of the learner's.
    nodes: in their order; each also by its name, lab.A. kind: "namespaces" or "loopback".
    differs: one sentence that says what is different here and why, or "".
    Raises: BadInput; LabUnavailable, without fallback. Source: network_namespaces(7), veth(4), user_namespaces(7).
    """

    def __init__(self, fallback: bool = False, aside: bool = False, **addresses: str) -> None:
        self.nodes: tuple[Node, ...] = ()
        self.kind, self.differs = "namespaces", ""
        plan = _plan(addresses)
        with ExitStack() as held:
            try:
                self.nodes = _build(plan, held)
            except LabUnavailable as missing:
                if not fallback:
                    raise
                held.close()
                self.kind = "loopback"
                self.nodes = loopback.build(plan, held)
                self.differs = loopback.differs(self.nodes, missing)
            self._held = held.pop_all()
            self._dropped = weakref.finalize(self, _close_elsewhere, self._held)
        self._dropped.atexit = False
        _all.add(self)
        if not aside:
            _opened.append(weakref.ref(self))

    def __getitem__(self, name: str) -> Node:
        """Return a node by its name. Raises: BadInput."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise BadInput(f"There is no node {name!r} in this lab: choose one of {', '.join(self._names())}.")

    @property
    def addresses(self) -> dict[str, str]:
        """The nodes' addresses by their names, in their order."""
        return {node.name: node.address for node in self.nodes}

    def __getattr__(self, name: str) -> Any:
        if name in self._names():
            return self[name]
        raise AttributeError(f"This lab has no {name!r}; its nodes are {', '.join(self._names())}.")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._names()]

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> list[T]:
        """Call a short function of a module in all nodes at the same time, as `Node.call` does in one.

        Returns: their values, in the order of the nodes. Raises: what the first raised that did.
        """
        with ExitStack() as asked:
            waits = [asked.enter_context(node.called(function, *arguments, **named)) for node in self.nodes]
            return [wait() for wait in waits]

    @property
    def closed(self) -> bool:
        """Whether the lab is gone."""
        return not self._dropped.alive

    def close(self) -> None:
        """End every process of the lab; with them go its stacks, its cables, and the sockets that it gave out."""
        if self._dropped.detach():
            self._held.close()

    def _names(self) -> list[str]:
        return [node.name for node in self.__dict__.get("nodes", ())]


_opened: list[weakref.ref[Lab]] = []  # the latest last
_all: weakref.WeakSet[Lab] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for lab in list(_all):
        lab.close()


def _close_elsewhere(held: ExitStack) -> None:
    """Close what a lab held that was dropped, in a thread that waits for its processes.

    While Python forgets an object nothing can be interrupted: the stop button would end the wait, and not the cell.
    """
    _thread.start_new_thread(held.close, ())  # takes no lock, which whoever dropped the last reference may hold


def opened() -> Lab | None:
    """Return the lab that was opened last, not aside, and is not closed, or None."""
    _opened[:] = [one for one in _opened if (lab := one()) is not None and not lab.closed]
    return _opened[-1]() if _opened else None


def neighbor(node: Node, address: str) -> Node | None:
    """Return the other node of a node's lab that has this address; None: there is none, or it is closed."""
    others = next((lab.nodes for lab in list(_all) if node in lab.nodes), ())
    return next((one for one in others if one.address == address and one is not node and not one.closed), None)


def _build(plan: list[dict[str, Any]], held: ExitStack) -> tuple[Node, ...]:
    """Build the nodes of a plan as network namespaces. Raises: LabUnavailable."""
    if os.environ.get("SOCKETS_LAB_NODES") == "loopback":
        raise LabUnavailable("making them", "SOCKETS_LAB_NODES=loopback", "the environment asks for loopback")
    with ExitStack() as far_ends:
        lines = []
        for one in plan:
            work, one["work"] = line(held, far_ends)
            service, one["service"] = line(held, far_ends)
            lines.append((work, service))
        switch = Switch(plan, held)
    nodes = tuple(
        Node(place, one["name"], one["address"], *lines[place], switch.tell) for place, one in enumerate(plan)
    )
    for node, process in zip(nodes, switch.processes, strict=True):
        node.process = process
        held.callback(node.close)
    return nodes


def _plan(addresses: dict[str, str]) -> list[dict[str, Any]]:
    """Check names and addresses. Returns: what the launcher has to know of each node. Raises: BadInput."""
    if not 1 <= len(addresses) <= MOST_NODES:
        raise BadInput(f'A lab has 1 to {MOST_NODES} nodes: pass such as Lab(A="10.20.30.40", B="50.60.70.80").')
    for name, address in addresses.items():
        if name.startswith("_") or hasattr(Lab, name) or name in ("nodes", "kind", "differs"):
            raise BadInput(f"A node cannot be called {name!r}: choose a name such as A.")
        if not _may_be_a_host(address):
            raise BadInput(f"{address!r} is no address for a node: pass an IPv4 address of one host, as 10.20.30.40.")
    if len(set(addresses.values())) < len(addresses):
        raise BadInput("Two nodes of a lab cannot have one address: pass another one for each.")
    return [
        {"name": name, "address": address, "mac": hardware_address(address)}
        for name, address in addresses.items()
    ]


def _may_be_a_host(address: object) -> bool:
    try:
        one = IPv4Address(address) if isinstance(address, str) else None
    except ValueError:
        return False
    return one is not None and not (
        one.is_multicast or one.is_loopback or one.is_unspecified or one.is_reserved or int(one) >> 24 == 0
    )

"""What can be done to a machine without writing code: rules, and a setting as it is typed."""

import ast
from dataclasses import replace
from typing import Any

from sockets_lab.errors import BadInput, Refused
from sockets_lab.lab.firewall import Chain, Rule, Ruleset, control
from sockets_lab.lessons.detective.case import Case
from sockets_lab.model import Endpoint

LONGEST = 200  # characters of a setting


def put_first(case: Case, verdict: str, port: int, hook: str = "input") -> None:
    """Give B's filter a rule before all others of a chain, for a port in the customers' protocol. Raises: BadInput."""
    if not port:
        raise BadInput("No segment and no datagram goes to port 0: pass a port from 1 to 65535.")
    held = _held(case).chain(hook)
    _apply(case, replace(held, rules=(Rule(verdict, case.protocol, port), *held.rules)))


def take_out(case: Case, place: int, hook: str = "input") -> None:
    """Take a rule out of a chain of B's filter. Args: place, 1 = the first. Raises: BadInput."""
    held = _held(case).chain(hook)
    if not 1 <= place <= len(held.rules):
        many = f"it has {len(held.rules)}" if held.rules else "it has none"
        raise BadInput(f"B's filter has no rule {place} at {hook}: {many}.")
    _apply(case, replace(held, rules=(*held.rules[: place - 1], *held.rules[place:])))


def clear(case: Case) -> None:
    """Take all rules of B away. Raises: BadInput."""
    _told(control.clear(case.B))


def setting(name: str, text: str) -> Any:
    """Read a setting as it is typed: 8080, None, 127.0.0.1:8080. Raises: BadInput, for a target that is no endpoint."""
    text = text.strip()[:LONGEST]
    if name == "target":
        return Endpoint.parse(text).sockaddr
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def spelled(value: object) -> str:
    """Spell a setting so that `setting` reads it."""
    return f"{Endpoint(*value)}" if isinstance(value, list | tuple) else f"{value}"


def _held(case: Case) -> Ruleset:
    held = control.held(case.B)
    if isinstance(held, Refused):
        raise BadInput(f"B's kernel does not tell its rules. {held}.")
    return held


def _apply(case: Case, changed: Chain) -> None:
    others = tuple(chain for chain in _held(case).chains if chain.hook != changed.hook)
    _told(control.apply(case.B, Ruleset((*others, changed))))


def _told(refused: Refused | None) -> None:
    if refused:
        raise BadInput(f"B's kernel refused. {refused}.")

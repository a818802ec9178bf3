"""What can be done to a machine without writing code: rules, a setting as somebody types it, A's range of ports."""

import ast
from typing import Any

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel.machine import ephemeral_range
from sockets_lab.lab.firewall import Chain, Rule, Ruleset, Unread, control
from sockets_lab.lessons.detective.case import Case
from sockets_lab.model import Endpoint

LONGEST = 200  # characters of a setting


def put_first(case: Case, verdict: str, port: int) -> None:
    """Give B's filter a rule before all others, for what comes to a port in the customers' protocol. Raises: BadInput.

    Args: verdict: "accept" or "drop"; port: 1-65535.
    """
    if not port:
        raise BadInput("No segment and no datagram goes to port 0: pass a port from 1 to 65535.")
    held = _held(case).chain("input")
    _apply(case, (Rule(verdict, case.protocol, port), *held.rules), held.policy)


def take_out(case: Case, place: int) -> None:
    """Take a rule out of B's filter. Args: place, 1 = the first rule for what comes in. Raises: BadInput."""
    held = _held(case).chain("input")
    if not 1 <= place <= len(held.rules):
        many = f"it has {len(held.rules)}" if held.rules else "it has none"
        raise BadInput(f"B's filter has no rule {place}: {many}.")
    _apply(case, (*held.rules[: place - 1], *held.rules[place:]), held.policy)


def clear(case: Case) -> None:
    """Let everything come in to B. Raises: BadInput."""
    _told(control.clear(case.B))


def give_usual_range(case: Case) -> tuple[int, int]:
    """Give A's kernel the range of ephemeral ports that B's has: nobody has changed that. Returns: first and last.

    Raises: BadInput, where A and B share this machine's kernel, whose range is not the learner's to change.
    """
    usual: tuple[int, int] | None = case.B.call(ephemeral_range)
    if usual is None:
        raise BadInput("B's kernel does not tell its range, so A cannot be given the same.")
    case.let_choose(*usual)
    return usual


def setting(name: str, text: str) -> Any:
    """Read a setting as it is typed: 8080, True, None, 127.0.0.1, 127.0.0.1:8080. Whether it may be, `restart` says.

    Raises: BadInput, for a target that is no endpoint.
    """
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


def _apply(case: Case, rules: tuple[Rule | Unread, ...], policy: str) -> None:
    others = tuple(chain for chain in _held(case).chains if chain.hook != "input")
    _told(control.apply(case.B, Ruleset((*others, Chain("input", rules, policy)))))


def _told(refused: Refused | None) -> None:
    if refused:
        raise BadInput(f"B's kernel refused. {refused}.")

"""Read a rule from the expressions that the kernel holds."""

import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sockets_lab.errors import BadInput
from sockets_lab.lab.firewall import encode
from sockets_lab.lab.firewall.encode import ADDRESS, BY_RESET, COUNTER, LOADS, NEIGHBORS, PORT, VERDICTS
from sockets_lab.lab.firewall.expressions import Expression
from sockets_lab.lab.firewall.rules import ANSWERS, NUMBERS, RESET, STATES, Rule
from sockets_lab.lab.firewall.rulesets import Unread
from sockets_lab.model import Endpoint


def rule_of(spelled: tuple[Expression, ...]) -> Rule | Unread:
    """Read a rule, with what it has counted.

    Whether all was understood is not guessed: what was read must become the same expressions again.
    """
    counted: dict[str, Any] = {"packets": None, "octets": None}
    for one in spelled:
        if one.name == "counter":
            counted = {"packets": one.values["packets"], "octets": one.values["bytes"]}
    reading = _Reading()
    try:
        plain = [COUNTER if one.name == "counter" else one for one in _one_by_one(spelled)]
        for one in plain:
            if one.name in ("payload", "meta", "ct"):
                reading.loaded = _field(one)
            else:
                _take(reading, one.name, one.values)
        rule = Rule(**reading.found, **counted)
        if [*encode.expressions(rule)] == plain:
            return rule
    except (BadInput, KeyError, OSError):
        pass  # a name or a number that no rule of ours has, or an address of another length
    return Unread(tuple(one.name for one in spelled), **counted)


def _one_by_one(spelled: Sequence[Expression]) -> Iterator[Expression]:
    """Take apart what nft compares at once: fields that are neighbors, as both ports, or both addresses."""
    rest = list(spelled)
    while rest:
        one = rest.pop(0)
        pair = next((pair for pair in NEIGHBORS if _both(*pair) == one), None)
        if not pair or not rest or rest[0].name != "cmp":
            yield one
            continue
        compared = rest.pop(0).values
        half = len(compared["data"]) // 2
        for load, data in zip(pair, (compared["data"][:half], compared["data"][half:]), strict=True):
            yield from (load, Expression("cmp", compared | {"data": data}))


def _both(first: Expression, second: Expression) -> Expression:
    return Expression(first.name, first.values | {"len": first.values["len"] + second.values["len"]})


@dataclass
class _Reading:
    """How far a rule is read: which field is in register 1, what is in the others, what the rule says so far."""

    loaded: str = ""
    registers: dict[int, bytes] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=lambda: {"verdict": "count"})


def _field(load: Expression) -> str:
    """Name what an expression loads. Raises: KeyError, where no rule of ours asks for it."""
    for name, known in LOADS.items():
        if known == load:
            return name
    raise KeyError(load.name)


def _take(reading: _Reading, name: str, values: dict[str, Any]) -> None:
    """Take in what one expression does. Raises: KeyError, where no rule of ours does that."""
    found, data = reading.found, values.get("data", b"")
    if name == "bitwise":
        bits = int.from_bytes(values["mask"], sys.byteorder)
        found["state"] = tuple(state for state, bit in STATES.items() if bits & bit)
    elif name == "cmp":
        _compared(reading, data)
    elif name == "log":
        found["log"] = values["prefix"]
    elif name == "immediate" and values["dreg"]:
        reading.registers[values["dreg"]] = data
    elif name == "immediate":
        found["verdict"] = {code: verdict for verdict, code in VERDICTS.items()}[data]
    elif name == "reject":
        by_code = {code: answer for answer, (code, _) in ANSWERS.items()}
        found |= {"verdict": "reject", "answer": RESET if values["type"] == BY_RESET else by_code[values["code"]]}
    elif name == "nat":
        address, port = reading.registers[ADDRESS], reading.registers[PORT]
        to = Endpoint(socket.inet_ntoa(address), int.from_bytes(port, "big"))
        found |= {"verdict": "dnat", "to": to}
    elif name == "masq":
        found["verdict"] = "masquerade"
    elif name != "counter":  # what it counted does not belong to what the rule says
        raise KeyError(name)


def _compared(reading: _Reading, data: bytes) -> None:
    name = reading.loaded
    if name in ("source", "destination"):
        reading.found[name] = socket.inet_ntoa(data.rjust(4)[:4])
    elif name == "protocol":
        reading.found[name] = {bytes([number]): protocol for protocol, number in NUMBERS.items()}[data]
    elif name in ("port", "source_port"):
        number = int.from_bytes(data, "big")
        first = reading.found.get(name)
        reading.found[name] = number if first is None else (first, number)

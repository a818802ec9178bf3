"""Read a rule from the expressions that the kernel holds."""

import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sockets_lab.errors import BadInput
from sockets_lab.lab.firewall import encode
from sockets_lab.lab.firewall.encode import ADDRESS, BY_RESET, LOADS, PORT, VERDICTS
from sockets_lab.lab.firewall.expressions import Expression
from sockets_lab.lab.firewall.rules import ANSWERS, NUMBERS, RESET, STATES, Rule
from sockets_lab.lab.firewall.rulesets import Unread
from sockets_lab.model import Endpoint


def rule_of(spelled: tuple[Expression, ...]) -> Rule | Unread:
    """Read a rule, with what it has counted.

    Whether all was understood is not guessed: what was read must become the same expressions again.
    """
    spelled = tuple(_one_by_one(spelled))
    reading = _Reading()
    counted: dict[str, Any] = {"packets": None, "octets": None}
    for one in spelled:
        if one.name == "counter":
            counted = {"packets": one.values["packets"], "octets": one.values["bytes"]}
    try:
        for one in spelled:
            if one.name in ("payload", "meta", "ct"):
                reading.loaded = _field(one)
            else:
                READERS[one.name](reading, one.values)
        rule = Rule(**reading.found, **counted)
        if _uncounted(encode.expressions(rule)) == _uncounted(spelled):
            return rule
    except (BadInput, KeyError):
        pass  # a name or a number that no rule of ours has
    return Unread(tuple(one.name for one in spelled), **counted)


def _one_by_one(spelled: Sequence[Expression]) -> Iterator[Expression]:
    """Take apart what nft compares at once: fields that are neighbors, as both ports, or both addresses."""
    pending: list[Expression] = []  # loads of fields that came as one
    for one in spelled:
        if one.name == "payload":
            pending = _neighbors(one)
        if one.name == "cmp" and len(pending) > 1:
            data, at = one.values["data"], 0
            for load in pending:
                part = data[at : at + load.values["len"]]
                yield from (load, Expression("cmp", one.values | {"data": part}))
                at += load.values["len"]
            pending = []  # the next comparison is of something else
        elif one.name != "payload" or len(pending) < 2:
            yield one


def _neighbors(load: Expression) -> list[Expression]:
    """Return the loads of single fields that together load the same, or nothing."""
    base, begin, size = (load.values[name] for name in ("base", "offset", "len"))
    inside = [
        one for one in LOADS.values()
        if one.values.get("base") == base and begin <= one.values["offset"] < begin + size
    ]  # fmt: skip
    return inside if sum(one.values["len"] for one in inside) == size else []


def _uncounted(spelled: tuple[Expression, ...]) -> list[Expression]:
    return [one for one in spelled if one.name != "counter"]


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


def _mask(reading: _Reading, values: dict) -> None:
    bits = int.from_bytes(values["mask"], sys.byteorder)
    reading.found["state"] = tuple(state for state, bit in STATES.items() if bits & bit)


def _compared(reading: _Reading, values: dict) -> None:
    name, data = reading.loaded, values["data"]
    if name in ("source", "destination"):
        reading.found[name] = socket.inet_ntoa(data.rjust(4)[:4])
    elif name == "protocol":
        reading.found[name] = {bytes([number]): protocol for protocol, number in NUMBERS.items()}[data]
    elif name in ("port", "source_port"):
        number = int.from_bytes(data, "big")
        first = reading.found.get(name)
        reading.found[name] = number if first is None else (first, number)


def _counted(reading: _Reading, values: dict) -> None:
    pass  # what it counted does not belong to what the rule says


def _logged(reading: _Reading, values: dict) -> None:
    reading.found["log"] = values["prefix"]


def _immediate(reading: _Reading, values: dict) -> None:
    if values["dreg"]:
        reading.registers[values["dreg"]] = values["data"]
    else:
        reading.found["verdict"] = {code: verdict for verdict, code in VERDICTS.items()}[values["data"]]


def _rejected(reading: _Reading, values: dict) -> None:
    by_code = {code: answer for answer, (code, _) in ANSWERS.items()}
    reading.found |= {"verdict": "reject", "answer": RESET if values["type"] == BY_RESET else by_code[values["code"]]}


def _translated(reading: _Reading, values: dict) -> None:
    address, port = reading.registers[ADDRESS], reading.registers[PORT]
    to = Endpoint(socket.inet_ntoa(address), int.from_bytes(port, "big"))
    reading.found |= {"verdict": "dnat", "to": to}


def _masqueraded(reading: _Reading, values: dict) -> None:
    reading.found["verdict"] = "masquerade"


READERS: dict[str, Callable[[_Reading, dict], None]] = {
    "bitwise": _mask, "cmp": _compared, "counter": _counted, "log": _logged, "immediate": _immediate,
    "reject": _rejected, "nat": _translated, "masq": _masqueraded,
}  # fmt: skip

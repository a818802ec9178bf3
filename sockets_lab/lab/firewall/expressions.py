"""The expressions of which nf_tables makes a rule: small steps that load, compare, count, decide. Bytes and back.

The kernel runs a rule's expressions from left to right, and leaves the rule at the first comparison that fails. Each
has a name and numbered attributes; the table below has all that the course needs. What else could be used, as measured:
pyroute2 0.9 knows the attributes of all expressions, but makes only an address's comparison, a verdict and masquerade,
so that the next module would stay, and it costs each node 0.2 seconds and 22 MB (this module with its readers: 3 ms).
The program nft has to be installed; ten rules take it as long as us, 16 ms, which the kernel needs to put them to work,
and to read them 11 ms instead of 3. Its text is the one in which rules are shown, so tests let it read them back.
Source: linux/netfilter/nf_tables.h.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sockets_lab.kernel.netlink import attribute, attributes, listed

LIST_ELEMENT, NAME, DATA = 1, 1, 2  # NFTA_LIST_ELEM, NFTA_EXPR_NAME, NFTA_EXPR_DATA
DATA_VALUE, DATA_VERDICT, VERDICT_CODE = 1, 2, 1  # NFTA_DATA_VALUE, NFTA_DATA_VERDICT, NFTA_VERDICT_CODE


@dataclass(frozen=True)
class Expression:
    """One expression: its name and the values of its attributes, by their names in `ATTRIBUTES`.

    "unread" among them: the attributes as they came, where not all was understood.
    """

    name: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Coding:
    """How a kind of value stands in an attribute."""

    pack: Callable[..., bytes]
    read: Callable[[bytes], Any]


def _integer(octets: int) -> Coding:
    """Integers are in network byte order here, unlike those of other netlink protocols."""
    return Coding(lambda value: value.to_bytes(octets, "big"), lambda packed: int.from_bytes(packed, "big"))


def _pack_data(value: int | bytes) -> bytes:
    """Pack what goes into a register: a verdict's number, or bytes as they stand in a packet."""
    if isinstance(value, bytes):
        return attribute(DATA_VALUE, value)
    return attribute(DATA_VERDICT, attribute(VERDICT_CODE, value.to_bytes(4, "big", signed=True)))


def _read_data(packed: bytes) -> int | bytes:
    parts = attributes(packed)
    if DATA_VALUE in parts:
        return parts[DATA_VALUE]
    return int.from_bytes(attributes(parts[DATA_VERDICT])[VERDICT_CODE], "big", signed=True)


U8, U16, U32, U64 = map(_integer, (1, 2, 4, 8))
TEXT = Coding(lambda value: value.encode() + b"\0", lambda packed: packed.rstrip(b"\0").decode(errors="replace"))
REGISTER_DATA = Coding(_pack_data, _read_data)

ATTRIBUTES: dict[str, dict[str, tuple[int, Coding]]] = {
    "payload": {"dreg": (1, U32), "base": (2, U32), "offset": (3, U32), "len": (4, U32)},  # load from the packet
    "meta": {"dreg": (1, U32), "key": (2, U32)},  # load what the kernel knows of the packet
    "ct": {"dreg": (1, U32), "key": (2, U32)},  # load what it knows of the packet's connection
    "bitwise": {"sreg": (1, U32), "dreg": (2, U32), "len": (3, U32), "mask": (4, REGISTER_DATA),
                "xor": (5, REGISTER_DATA), "op": (6, U32)},
    "cmp": {"sreg": (1, U32), "op": (2, U32), "data": (3, REGISTER_DATA)},  # go on only if
    "counter": {"bytes": (1, U64), "packets": (2, U64)},
    "log": {"group": (1, U16), "prefix": (2, TEXT)},
    "immediate": {"dreg": (1, U32), "data": (2, REGISTER_DATA)},  # load a constant; into register 0: the verdict
    "reject": {"type": (1, U32), "code": (2, U8)},
    "nat": {"type": (1, U32), "family": (2, U32), "address": (3, U32), "last_address": (4, U32), "port": (5, U32),
            "last_port": (6, U32), "flags": (7, U32)},  # of addresses and ports: the numbers of registers
    "masq": {},
}  # fmt: skip
ADDED = {"bitwise": {"op": 0}, "nat": {"flags": 0b11}}  # what kernels of some versions add: bits that say nothing more


def pack(expressions: Iterable[Expression]) -> bytes:
    """Pack a rule's expressions, as the attribute NFTA_RULE_EXPRESSIONS has them."""
    packed = b""
    for one in expressions:
        data = b"".join(attribute(kind, value) for kind, value in _packed(one.name, one.values).items())
        packed += attribute(LIST_ELEMENT, attribute(NAME, TEXT.pack(one.name)) + attribute(DATA, data))
    return packed


def _packed(name: str, values: dict[str, Any]) -> dict[int, bytes]:
    known = ATTRIBUTES.get(name, {})
    return {known[what][0]: known[what][1].pack(value) for what, value in values.items()}


def read(packed: bytes) -> tuple[Expression, ...]:
    """Read a rule's expressions. What was read must become the same bytes again, or it was not understood."""
    found = []
    for _, element in listed(packed):
        parts = attributes(element)
        name = TEXT.read(parts[NAME])
        data = attributes(parts.get(DATA, b""))
        known = ATTRIBUTES.get(name, {})
        values = {what: coding.read(data[kind]) for what, (kind, coding) in known.items() if kind in data}
        if _packed(name, values) != data:
            values["unread"] = data
        for what, bits in ADDED.get(name, {}).items():
            if not values.get(what, 0) & ~bits:
                values.pop(what, None)
        found.append(Expression(name, values))
    return tuple(found)

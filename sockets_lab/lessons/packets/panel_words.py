"""The words of lesson 10's panel: what came of a packet, and what was typed into its fields."""

from sockets_lab.errors import BadInput
from sockets_lab.lessons.packets import Outcome
from sockets_lab.lessons.packets.outcomes import MEANINGS, names


def told(outcome: Outcome) -> str:
    """Say in words what came of a packet."""
    if outcome.refused:
        return f"It was not sent. {outcome.refused}."
    if not outcome.arrived and not outcome.received:
        return "It did not arrive on B's cable: the switch between the nodes threw it away."
    lines = [f"**{one.program.capitalize()}** received {one.data[:40]!r}; the kernel says it is from `{one.sender}`."
             for one in outcome.received]  # fmt: skip
    if outcome.answers:
        lines.append(f"B's kernel answered: **{names(outcome.answers)}**.")
    if outcome.replies:
        lines.append(f"To that A's kernel, which knows nothing of your packet, said: **{names(outcome.replies)}**.")
    if not lines:
        lines.append("It arrived, B's kernel threw it away, and nobody is told.")
    counted = ", ".join(f"`{name}` +{rise} ({MEANINGS[name]})" for name, rise in outcome.risen)
    if counted:
        lines.append(f"B counted: {counted}.")
    return "\n".join(lines)


def as_number(text: str) -> int:
    """Read a number as it is typed, decimal or hexadecimal. Raises: BadInput."""
    try:
        return int(text, 0)
    except ValueError:
        raise BadInput(f"{text!r} is no number: write it as 8888 or as 0x22b8.") from None


def as_octets(text: str) -> bytes:
    """Read bytes as they are typed, two hexadecimal digits each; `none` for none. Raises: BadInput."""
    try:
        return bytes.fromhex("" if text == "none" else text)
    except ValueError:
        raise BadInput(f"{text!r} are no bytes: write them in hexadecimal, as 02 04 05 b4.") from None

"""The panel of lesson 10: a packet of real sockets, byte by byte; change it, send it, see what comes."""

from contextlib import ExitStack

import ipywidgets as widgets

from sockets_lab.errors import BadInput
from sockets_lab.figures.ladder import ladder
from sockets_lab.headers import Packet, checks, corrected, dissect
from sockets_lab.lab import Lab, NodeError, opened
from sockets_lab.lessons import packets
from sockets_lab.lessons.packets import Example, Outcome, Testbed
from sockets_lab.lessons.packets.figure import microscope
from sockets_lab.lessons.packets.figure_bitrows import written
from sockets_lab.lessons.packets.model import FIRST, LISTENER, SECOND
from sockets_lab.lessons.packets.outcomes import MEANINGS, names
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.panel import Panel, inline

A, B = "10.20.30.40", "50.60.70.80"
DATAGRAM, START, DATA, YOURS = "a datagram", "a first segment (SYN)", "a segment with data", "a packet of yours"


class HeaderPanel(Panel):
    """A packet under the microscope, at first a datagram, and a hand that changes and sends it."""

    purpose = "light up a field of a packet, change it, send the packet, see what comes"

    def __init__(self) -> None:
        self.held: ExitStack | None = None
        self.bench: Testbed | None = None
        self.examples: dict[str, Example] = {}
        self.yours: Packet | None = None
        self.packet: Packet | None = None
        self.kind = choice("Packet", 240, (DATAGRAM,))
        self.layer = choice("Header", 170)
        self.field = choice("Field", 230)
        self.value = field(widgets.Text, "New value", 260)
        self.follows = widgets.Checkbox(True, description="checksums and lengths follow", indent=False,
                                        layout={"width": "230px"})  # fmt: skip
        rows = [
            [self.kind, self.layer, self.field],
            [
                self.value, self.button("Change", self.change, "Write the new value into the field"), self.follows,
                self.button("Send it", self.send, "From node A to node B, every byte as it stands"),
                self.button("As it was", self.restore, "Take all changes back"),
            ],
        ]  # fmt: skip
        self.follow(self.kind, self.restore)
        self.follow(self.layer, self.choose_layer)
        self.follow(self.field, self.choose_field)
        self.waiting = widgets.HTML()
        super().__init__(self.waiting, *map(row, rows))
        self.ladder = widgets.HTML()
        self.children += (self.ladder,)

    def begin(self) -> None:
        """Open the bench, and let real sockets send what is looked at."""
        lab = opened()
        try:
            self.begin_in(lab if lab and len(lab.nodes) > 1 else None)
        except (OSError, NodeError):  # the learner's lab has a cable that is cut
            self.begin_in(None)
        self.waiting.value = inline(self.who_waits())
        self.restore()

    def begin_in(self, lab: Lab | None) -> None:
        """Open the bench in that lab, or in one of its own. Raises: OSError, NodeError, where its cable is cut."""
        with ExitStack() as held:
            lab = lab or held.enter_context(Lab(fallback=True, aside=True, A=A, B=B))
            self.bench = held.enter_context(Testbed(lab))
            segments = packets.segments(lab, to=self.bench.programs[LISTENER], abort=True)
            first = packets.datagram(lab, to=self.bench.programs[FIRST])
            self.examples = {DATAGRAM: first, START: segments[0]}
            self.examples |= {DATA: one for one in segments if one.packet.payload}  # noqa: B035  there is one
            self.held = held.pop_all()
        self.kind.options = (*self.examples, YOURS) if self.yours else tuple(self.examples)

    def add(self, octets: bytes) -> None:
        """Offer a packet of the learner's too, such as one that a cell has captured.

        Args: octets: from its Ethernet header on. Raises: NotAPacket.
        """
        self.yours = dissect(octets)
        self.kind.options = (*self.examples, YOURS)

    def original(self) -> Packet:
        """The chosen packet, as it was before any change."""
        if self.kind.value == YOURS and self.yours:
            return self.yours
        return self.examples[self.kind.value].packet

    def who_waits(self) -> str:
        """Say which programs wait in B."""
        assert self.bench is not None
        if differs := self.bench.lab.differs:
            return f"{differs} So this packet is put together from the names of real sockets, and cannot be sent."
        at = {name: self.bench.endpoint(name).port for name in (FIRST, SECOND, LISTENER)}
        return (f"In B wait **{FIRST}** at UDP port {at[FIRST]}, **{SECOND}** at UDP port {at[SECOND]}, and "
                f"**{LISTENER}** at TCP port {at[LISTENER]}.")  # fmt: skip

    def alive(self) -> Packet:
        """Return the packet; begin anew where all was let go of, or where the lab was closed."""
        if self.bench is None or self.bench.lab.closed:
            self.release()
            self.begin()
        assert self.packet is not None
        return self.packet

    def restore(self) -> None:
        """Put the packet under the microscope as it was."""
        if self.held is None:
            self.begin()
            return
        self.packet = self.original()
        self.ladder.value = ""
        layers = tuple((layer.name(), number) for number, layer in enumerate(self.packet.layers))
        if self.layer.options != layers:
            self.layer.options = layers
            self.layer.value = len(layers) - 1
        self.choose_layer()

    def choose_layer(self) -> None:
        """Offer the fields of the chosen header."""
        seen = [one.field.name for one in self.alive().seen() if one.layer == self.layer.value]
        options = tuple((name.replace("_", " "), name) for name in seen)
        if self.field.options != options:
            self.field.options = options
            self.field.value = "destination_port" if "destination_port" in seen else seen[0]
        self.choose_field()

    def choose_field(self) -> None:
        """Light the chosen field, and offer its value for a change."""
        packet = self.alive()
        if self.field.value is not None:
            header = packet.layers[self.layer.value]
            field = header.layout.fields[self.field.value]
            self.value.value = written(field, getattr(header, field.name))
            self.refresh()

    def change(self) -> None:
        """Write the new value into the chosen field, and let checksums and lengths follow."""
        packet, name = self.alive(), self.field.value
        header = packet.layers[self.layer.value]
        field = header.layout.fields[name]
        text = self.value.value.strip()
        value: object = text
        if field.width is None:
            value = as_octets(text)
        elif field.spelling is None:
            value = as_number(text)
        changed = packet.change(type(header), **{name: value})
        self.packet = corrected(changed) if self.follows.value else changed
        self.ladder.value = ""
        self.refresh()
        kept = getattr(self.packet.layers[self.layer.value], name)
        wrong = [check for check in checks(self.packet) if check.verdict == "wrong"]
        if kept != getattr(changed.layers[self.layer.value], name):
            self.say(f"This field follows from the rest of the packet, so it is {kept} again. Switch off "
                     "**checksums and lengths follow** to keep your value.")  # fmt: skip
        elif wrong:
            self.say(f"Wrong now: the checksum of {' and '.join(check.header.name() for check in wrong)}.")
        else:
            self.say("Changed. All checksums are right.")

    def send(self) -> None:
        """Send the packet as it stands, and say what came of it."""
        packet = self.alive()
        assert self.bench is not None
        outcome = self.bench.send(packet)
        self.ladder.value = ladder(outcome.crossed, self.bench.lab.addresses).html() if outcome.crossed else ""
        self.say(told(outcome), trouble=outcome.refused is not None)

    def refresh(self) -> None:
        """Draw the packet with the chosen field lit."""
        packet, kind = self.alive(), self.kind.value
        source = "from a cell" if kind == YOURS else self.examples[kind].about
        changed = " Changed by hand since." if packet != self.original() else ""
        about = f"{kind[0].upper()}{kind[1:]}, {source}.{changed}"
        self.draw(microscope(packet, self.layer.value, self.field.value, about))

    def release(self) -> bool:
        held, self.held, self.bench = self.held, None, None
        if held:
            held.close()
        return held is not None


make = HeaderPanel.make


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

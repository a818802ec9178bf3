"""A ladder diagram: a vertical line for each host, time running down, and an arrow for each packet between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sockets_lab.errors import BadInput
from sockets_lab.figures.drawing import Drawing
from sockets_lab.headers.summary import Message, Teller
from sockets_lab.lab.capture import Captured

TITLE = "Packets between hosts, in the order in which they crossed the link."
MOST = 40  # packets drawn; more are counted
HOSTS = 5  # more would not fit beside each other
LEFT, RIGHT = 132, 694  # where the first and the last host stand
BOX, TOP = 128, 58  # width of a host's box; where its line begins to carry arrows
ROW, DETAILS = 27, 14  # pixels from one arrow to the next; added where words stand below it, too


@dataclass(frozen=True)
class LadderStep:
    """One arrow: milliseconds after the first, and what the packet says."""

    after: float
    message: Message

    @property
    def when(self) -> str:
        return f"{self.after:.2f} ms" if self.after < 1000 else f"{self.after / 1000:.3f} s"


def ladder(packets: Sequence[Captured], addresses: Mapping[str, str], title: str = TITLE) -> Drawing:
    """Draw captured packets as a ladder.

    Args:
        packets: as one capture saw them, in its order. title: a sentence that is the same on every run.
        addresses: of the hosts from left to right, two to five, by name, as `lab.addresses`.
    Raises: BadInput, for fewer or more hosts. What was sent to all is drawn to all: whom the switch left out, and who
        threw it away, is not to be seen on one link.
    """
    hosts = _hosts(addresses)
    drawing = Drawing(title, "", 760, 0)
    steps, others = _steps(packets, hosts)
    shown = steps[:MOST]
    lengths = [ROW + DETAILS * bool(step.message.details) for step in shown]
    bottom = TOP + sum(lengths) + 10
    places = _lines(drawing, hosts, bottom if shown else TOP + 24)
    said = [", ".join(f"{name} is {address}" for address, name in hosts.items()) + "."]
    y = float(TOP)
    for number, (step, length) in enumerate(zip(shown, lengths, strict=True), 1):
        _arrow(drawing, y + ROW - 6, step, places, number - 1)
        said.append(f"{number}. {_sentence(step, hosts)}")
        y += length
        drawing.steps.append(len(drawing.marks))
    drawing.height = bottom
    for note in _notes(len(shown), len(steps) - len(shown), others):
        drawing.text(380, drawing.height + 8, note, "muted", 12, "middle")
        drawing.height += 22
        said.append(note)
    drawing.alt = " ".join(said)
    return drawing


def _hosts(addresses: Mapping[str, str]) -> dict[str, str]:
    """Return names by address."""
    if not 2 <= len(addresses) <= HOSTS:
        raise BadInput(f"a ladder has 2 to {HOSTS} hosts, not {len(addresses)}: pass so many.")
    hosts: dict[str, str] = {}
    for name, address in addresses.items():  # on a machine with one loopback address, all nodes share it
        hosts[address] = f"{hosts[address]}, {name}" if address in hosts else name
    return hosts


def _steps(packets: Sequence[Captured], hosts: Mapping[str, str]) -> tuple[list[LadderStep], int]:
    """Return what to draw, and how many packets have an end that is no host of the ladder, or say nothing readable."""
    teller, begun = Teller(), None
    steps: list[LadderStep] = []
    for packet in packets:
        message = teller.tell(packet.octets)
        if message and message.source in hosts and message.destination in {"", *hosts} - {message.source}:
            begun = packet.time_ns if begun is None else begun
            steps.append(LadderStep((packet.time_ns - begun) / 1e6, message))
    return steps, len(packets) - len(steps)


def _lines(drawing: Drawing, hosts: Mapping[str, str], bottom: float) -> dict[str, float]:
    """Draw the hosts and their lines; return where each stands, by address."""
    apart = (RIGHT - LEFT) / max(len(hosts) - 1, 1)
    places = {address: LEFT + place * apart for place, address in enumerate(hosts)}
    for address, x in places.items():
        drawing.box(x - BOX / 2, 2, BOX, 42, "quiet", hosts[address], address)
        drawing.line(x, 46, x, bottom, "quiet")
    return places


def _arrow(drawing: Drawing, y: float, step: LadderStep, places: Mapping[str, float], turn: int) -> None:
    message, start = step.message, places[step.message.source]
    role = "refused" if message.bad else "packet"
    ends = [places[message.destination]] if message.destination else [x for x in places.values() if x != start]
    for end in ends:
        drawing.line(start, y, end, y, role, arrow=True)
        drawing.travel((start, y), (end, y), turn=turn)
    drawing.text(4, y, step.when, "muted", 11)
    if message.ports:
        ahead = 1 if ends[0] > start else -1
        for x, side, port in ((start, -ahead, message.ports[0]), (ends[0], ahead, message.ports[1])):
            drawing.text(x + 5 * side, y, str(port), "muted", 11, "start" if side > 0 else "end", mono=True)
    far = max(ends, key=lambda end: abs(end - start))
    near = min((x for x in places.values() if (x - start) * (far - start) > 0), key=lambda x: abs(x - start))
    middle = (start + near) / 2  # between two hosts, where no line runs through the words
    drawing.text(middle, y - 10, message.words, "refused" if message.bad else "ink", 12, "middle", bold=True)
    if message.details:
        drawing.text(middle, y + 10, message.details, "muted", 11, "middle")


def _sentence(step: LadderStep, hosts: Mapping[str, str]) -> str:
    message = step.message
    source, destination = hosts[message.source], hosts.get(message.destination, "all")
    if message.ports:
        source, destination = f"{source} port {message.ports[0]}", f"{destination} port {message.ports[1]}"
    words = ", ".join(filter(None, (message.words, message.details)))
    return f"After {step.when}, {source} to {destination}: {words}."


def _notes(shown: int, more: int, others: int) -> list[str]:
    notes = [] if shown else ["No packet crossed the link between these hosts."]
    if more:
        notes.append(f"{more} more packet{'s' * (more != 1)} followed, not drawn.")
    if others:
        was = "packet was" if others == 1 else "packets were"
        notes.append(f"{others} {was} not from one of these hosts to another, and not drawn.")
    return notes

"""The pictures of lesson 08: a bench of datagram sockets, what was lost, and who heard whom."""

from collections.abc import Sequence

from sockets_lab.errors import Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.tables import Table
from sockets_lab.lessons import datagrams
from sockets_lab.lessons.datagrams import Seat, Sending
from sockets_lab.model import Endpoint

ROW, TOP = 98, 52  # pixels from one socket to the next; where the first one stands
BOX, NUMBER, BAR = 50, 50, 14  # a box's height; the width of a descriptor's box; a buffer's height
LEFT, RIGHT, WIDTH = 64, 474, 222  # where the boxes of senders and receivers begin, and how wide they are
ACROSS, CELL = 20, 37.5  # numbered datagrams in one line, and the width of each


def bench(seats: Sequence[Seat], nobody: Endpoint | None, sending: Sending | None = None) -> Drawing:
    """Draw the senders on the left, the receivers on the right, and where the last datagrams went.

    Args: nobody: the closed port, where there is one; sending: the last click, if any.
    """
    left = [seat for seat in seats if seat.name.startswith("sender")]
    right = [seat for seat in seats if seat not in left]
    height = TOP + max(len(left), len(right) + bool(nobody), 1) * ROW
    drawing = Drawing("Datagram sockets: who sends, who receives, what waits.", "", 760, height)
    if not seats:
        drawing.text(380, height / 2, "no socket is open", "muted", anchor="middle")
        drawing.alt = "No socket is open."
        return drawing
    drawing.text(LEFT + WIDTH / 2, 16, "senders", bold=True, anchor="middle")
    drawing.text(RIGHT + WIDTH / 2, 16, "receivers, each with its buffer", bold=True, anchor="middle")
    places = {seat.name: TOP + row * ROW for row, seat in enumerate(right)}
    said = []
    for row, seat in enumerate(left):
        said.append(_sender(drawing, TOP + row * ROW, seat, sending))
    for seat in right:
        said.append(_receiver(drawing, places[seat.name], seat, sending))
    if nobody:
        places["closed port"] = TOP + len(right) * ROW
        drawing.box(RIGHT, places["closed port"], WIDTH, BOX, "quiet", f"{nobody}", "nobody is here", dashed=True)
    if sending is not None:
        said.append(_arrows(drawing, [seat.name for seat in left], places, right, sending))
    drawing.alt = " ".join(said)
    return drawing


def _sender(drawing: Drawing, y: float, seat: Seat, sending: Sending | None) -> str:
    busy = sending is not None and sending.sender == seat.name
    drawing.box(6, y, NUMBER, BOX, "descriptor", str(seat.descriptor))
    drawing.box(LEFT, y, WIDTH, BOX, "packet" if busy else "connection" if seat.peer else "endpoint", f"{seat.name}",
                str(seat.endpoint))  # fmt: skip
    if seat.peer:
        drawing.text(LEFT + WIDTH / 2, y + BOX + 8, f"connected to {seat.peer}", "muted", 11, "middle")
    peer = f", connected to {seat.peer}" if seat.peer else ""
    return f"{seat.name.capitalize()} is descriptor {seat.descriptor}, {seat.endpoint}{peer}."


def _receiver(drawing: Drawing, y: float, seat: Seat, sending: Sending | None) -> str:
    reached = sending is not None and seat.name in sending.reached
    role = "packet" if reached else "quiet" if seat.joined is False else "connection" if seat.peer else "endpoint"
    drawing.box(RIGHT, y, WIDTH, BOX, role, dashed=seat.joined is False)
    drawing.box(704, y, NUMBER, BOX, "descriptor", str(seat.descriptor))
    about = f"{seat.name}{', not a member' if seat.joined is False else ''}"
    drawing.text(RIGHT + 10, y + 15, about, bold=True)
    drawing.text(RIGHT + 10, y + 35, str(seat.endpoint), size=12, mono=True)
    full = 0.0 if seat.waiting is None else min(seat.waiting / seat.limit, 1)
    drawing.box(RIGHT, y + BOX + 4, WIDTH, BAR, "quiet")
    bar = max(WIDTH * full, 12) if full else 1
    drawing.box(RIGHT, y + BOX + 4, bar, BAR, "refused" if full > 0.9 else "packet")
    waiting = "what waits is not told here" if seat.waiting is None else f"{seat.waiting} of {seat.limit} bytes in use"
    dropped = "" if seat.dropped is None else f", {seat.dropped} dropped"
    color = "refused" if seat.dropped else "muted"
    drawing.text(RIGHT + WIDTH / 2, y + BOX + BAR + 14, f"{waiting}{dropped}", color, 12, "middle")
    peer = f", connected to {seat.peer}" if seat.peer else ""
    if seat.peer:
        drawing.text(RIGHT + WIDTH - 8, y + 35, f"peer :{seat.peer.port}", size=11, anchor="end", mono=True)
    return f"{about.capitalize()} is descriptor {seat.descriptor}, {seat.endpoint}{peer}; {waiting}{dropped}."


def _arrows(drawing: Drawing, senders: list[str], places: dict[str, int], right: list[Seat], sending: Sending) -> str:
    start = TOP + senders.index(sending.sender) * ROW + BOX / 2
    targets = [seat.name for seat in right if seat.joined is not None] if sending.to == "group" else [sending.to]
    for name in targets:
        there = name in sending.reached
        ends = (LEFT + WIDTH + 3, start), (RIGHT - 4, places[name] + BOX / 2)
        drawing.line(*ends[0], *ends[1], "packet" if there else "refused", dashed=not there, arrow=there)
        if there:
            drawing.travel(*ends)
    many = f"{sending.taken} datagram{'s' * (sending.taken != 1)}"
    reached = " and ".join(sending.reached) or "nobody"
    told = f" The kernel then had an error for the sender: {sending.told.name}." if sending.told else ""
    refused = f" The next was refused: {sending.refused.name}." if sending.refused else ""
    drawing.text((LEFT + WIDTH + RIGHT) / 2, TOP - 14, f"{many}, {sending.size} bytes each", "muted", 12, "middle")
    return f"{sending.sender.capitalize()} sent {many} to {sending.to}; something reached {reached}.{told}{refused}"


def losses(found: datagrams.Loss) -> Drawing:
    """Draw every numbered datagram: whether it came or was lost, round by round."""
    drawing = Drawing("Numbered datagrams to a receiver that reads only between the rounds.", "", 760, 0)
    came, number, y = set(found.received), 0, 12.0
    for turn, count in enumerate(found.rounds, 1):
        drawing.text(4, y, f"round {turn}: {count} sent, then the receiver reads", "muted")
        for place in range(count):
            number += 1
            line, column = divmod(place, ACROSS)
            x, top = 4 + column * CELL, y + 14 + line * 26
            there = number in came
            drawing.box(x, top, CELL - 3, 22, "packet" if there else "refused", dashed=not there)
            drawing.text(x + (CELL - 3) / 2, top + 11, str(number), "ink", 11, "middle")
        y += 30 + ((count - 1) // ACROSS + 1) * 26
    told = "it does not tell here" if found.dropped is None else str(found.dropped)
    used = "" if found.waiting is None else f"{found.waiting} of "
    lines = (
        f"came: {len(found.received)} (full boxes); lost: {len(found.lost)} (dashed); sendto took: {found.taken}",
        f"dropped at this socket, says the kernel: {told}; buffer after round 1: {used}{found.limit} bytes",
    )
    for text in lines:
        drawing.text(4, y, text)
        y += 20
    drawing.height = int(y)
    drawing.alt = (
        f"{sum(found.rounds)} datagrams of {found.size} bytes in {len(found.rounds)} rounds, of which sendto took "
        f"{found.taken}. Came: {', '.join(map(str, found.received))}. Lost: {len(found.lost)}. {lines[1]}."
    )
    return drawing


def pieces(found: datagrams.Boundaries) -> Table:
    """Show what each send gave away and what each receive returned."""
    rows = []
    for sent, got in zip(found.sent, found.received, strict=True):
        if isinstance(got, Refused):
            rows.append((_bytes(sent), got.name, "the rest is lost"))
        else:
            rows.append((_bytes(sent), _bytes(got.data), "the rest is lost" if got.cut else "whole"))
    title = "Datagrams as they were sent, and what each receive call returned."
    return Table(title, ("one sendto", f"one receive ({found.room} bytes of room)", ""), tuple(rows), (30, 38, 18))


def _bytes(data: bytes) -> str:
    shown = repr(data) if len(data) <= 20 else f"{data[:17]!r}..."
    return f"{shown} ({len(data)} bytes)"


def hearing(found: datagrams.OnePeer) -> Table:
    """Show a receiver before it was connected to one of two senders, while it was, and after."""
    lines = (("before", found.before, found.heard_before), ("connected", found.connected, found.heard),
             ("dissolved", found.after, found.heard_after))  # fmt: skip
    rows = []
    for when, row, heard in lines:
        if when == "dissolved" and found.dissolved is not None:
            rows.append((when, f"{found.dissolved.name}: not possible here", "", " and ".join(heard) or "nobody"))
            continue
        remote = f"{row.remote}" if row and row.remote.port else "-"
        names = (row.state if row else "no row: the kernel took its port back", remote)
        rows.append((when, *names, " and ".join(heard) or "nobody"))
    told = found.stranger_told.name if found.stranger_told else "nothing"
    rows.append(("", "the stranger, not heard, was told:", told, ""))
    title = "One receiver, two senders, and whom it hears."
    return Table(title, ("when", "in the table", "remote endpoint", "it hears"), tuple(rows), (10, 34, 22, 18))


def silence(*found: datagrams.ClosedPort) -> Table:
    """Show what a closed port answers, for a socket without a peer and for a connected one."""
    rows = tuple(
        ("connected" if one.connected else "not connected", answer(one.first), "yes" if one.told else "no",
         answer(one.second)) for one in found
    )  # fmt: skip
    title = "Sending twice to a port that nobody has."
    return Table(title, ("the sender is", "first call", "an error waits", "next call"), rows, (16, 18, 16, 22))


def answer(given: int | Refused) -> str:
    """Say what a call answered: bytes taken, or the refusal's name."""
    return given.name if isinstance(given, Refused) else f"{given} bytes taken"

"""Lesson 04 as a learner meets it: pictures that say what they show, a panel of two real programs, exercises."""

import socket
import sys
from contextlib import ExitStack

import psutil
import pytest
from using import NARROW, click, inside, said

from sockets_lab.errors import Refused
from sockets_lab.figures.marks import Text
from sockets_lab.kernel import table
from sockets_lab.lessons import conflicts
from sockets_lab.lessons.conflicts import BindRequest, CallStep, Outcome, questions
from sockets_lab.lessons.conflicts import figure as figures
from sockets_lab.lessons.conflicts import figure_sharing as shared_figures
from sockets_lab.lessons.conflicts.panel import ConflictPanel, make
from sockets_lab.lessons.conflicts.questions import BACKLOG
from sockets_lab.model import Endpoint, Owner, SocketRow

HOME = "127.0.0.1"
linux = pytest.mark.skipif(sys.platform != "linux", reason="says what Linux does; other systems differ")
needs_reuse_port = pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system has no SO_REUSEPORT")


# ---- pictures


def a_row(owners: tuple[Owner, ...] | None) -> SocketRow:
    return SocketRow("tcp", Endpoint("::", 54321), Endpoint("::", 0), "LISTEN", owners=owners)


def test_a_meeting_says_each_call_each_answer_and_who_held_the_port() -> None:
    refused = Refused("EADDRINUSE", "taken")
    steps = (CallStep("bind", 1), CallStep("bind", 2), CallStep("listen", 1), CallStep("listen", 2, refused))
    first = BindRequest(reuse_address=True, reuse_port=True, listens="after")
    second = BindRequest(address="::", ipv6_only=True, reuse_address=True, reuse_port=True, listens="after")
    held = (a_row((Owner(4711, 5, "python"), Owner(4712, 5, "python"))), a_row(None))
    outcome = Outcome(first=first, second=second, port=54321, steps=steps, holders=held)
    options = {("both", "both"): outcome, ("none", "first"): Outcome(first=first, second=second)}
    drawing = figures.meeting(outcome, options)
    for words in ("bind 127.0.0.1:0: worked", "bind [::]:54321: worked", "Program 2: listen: EADDRINUSE",
                  "process 4712, descriptor 5", "held by somebody unknown",
                  "SO_REUSEADDR both, SO_REUSEPORT both: listen 2",
                  "SO_REUSEADDR none, SO_REUSEPORT first: both"):  # fmt: skip
        assert words in drawing.alt
    assert "[listen 2]" in [mark.text for mark in drawing.marks if isinstance(mark, Text)]
    inside(drawing, NARROW)
    assert 'role="img"' in drawing.html()
    assert drawing.png().startswith(b"\x89PNG")


def test_the_whole_matrix_is_drawn_as_it_was_measured() -> None:
    cells = conflicts.matrix(pairs=["same address", "two loopback addresses"])
    drawing = figures.whole_matrix(cells)
    shown = [cell for cell in cells if (cell.protocols, cell.listening) in figures.COLUMNS]
    refused = sum(cell.outcome.ending == "bind 2" for cell in shown)
    legend = 1
    assert len([mark for mark in drawing.marks if isinstance(mark, Text) and mark.text == "b"]) == refused + legend
    alone = [c for c in shown if (c.protocols, c.pair) == ("UDP", "same address")]
    assert f"bind 2 {sum(cell.outcome.ending == 'bind 2' for cell in alone)}" in drawing.alt
    inside(drawing, NARROW)


def test_what_cannot_be_had_here_is_no_conflict_in_the_picture() -> None:
    refused = (CallStep("bind", 1, Refused("EADDRNOTAVAIL", "no IPv6")),)
    nowhere = Outcome(first=BindRequest(), second=BindRequest(), steps=refused)
    cell = conflicts.Cell("UDP", "same address", "no", "none", "none", outcome=nowhere)
    assert "same address; UDP: - 1." in figures.whole_matrix([cell]).alt


def test_who_holds_a_port_is_told_by_program_and_process() -> None:
    rows = [a_row((Owner(4711, 5, "python"), Owner(4712, 7, "nginx"))), a_row(None), a_row(())]
    said = [row[3:] for row in figures.holders(rows).rows]
    assert said == [("python", "4711", "5"), ("nginx", "4712", "7"), ("unknown", "-", "-"), ("nobody", "-", "-")]


def test_the_pictures_of_sharing_carry_the_numbers() -> None:
    result = conflicts.share("udp", "SO_REUSEADDR", senders=5)
    plot = shared_figures.who_got_what(result)
    assert " and ".join(map(str, result.counts)) in plot.alt
    assert plot.png().startswith(b"\x89PNG")
    inherited = conflicts.inherit()
    drawing = shared_figures.one_socket_two_programs(inherited)
    assert str(inherited.second_pid) in drawing.alt
    assert f"{inherited.clients[1]} by the first" in drawing.alt
    inside(drawing, NARROW)


# ---- the panel


@pytest.fixture
def panel():
    children = psutil.Process().children()
    one = make()
    yield one
    one.release()
    assert psutil.Process().children() == children


def test_the_panel_begins_with_a_conflict_of_two_real_programs(panel: ConflictPanel) -> None:
    assert "EADDRINUSE" in panel.picture.alt
    assert "bind 2 is refused" in said(panel)
    assert psutil.Process(panel.program.pid).ppid() == psutil.Process().pid
    assert "image/png" in panel._repr_mimebundle_()[0]


@needs_reuse_port
@linux
def test_every_control_is_followed(panel: ConflictPanel) -> None:
    first, second = panel.boxes
    first.reuse_port.value = True
    assert "SO_REUSEPORT counts only where both sockets set it" in said(panel)
    second.reuse_port.value = True
    assert "Every call worked" in said(panel)
    assert f"process {panel.program.pid}," in panel.picture.alt
    second.reuse_port.value = first.reuse_port.value = False
    second.protocol.value = "udp"
    assert (second.listens.value, second.listens.disabled) == ("does not listen", True)
    assert "count their ports separately" in said(panel)
    second.protocol.value, second.address.value = "tcp", "0.0.0.0, all of IPv4"
    assert (second.listens.value, second.listens.disabled) == ("listens at once", False)
    assert "A packet to 127.0.0.1 could be meant for both" in said(panel)
    assert "bind 0.0.0.0:" in panel.picture.alt


def test_the_programs_can_be_swapped(panel: ConflictPanel) -> None:
    first, second = panel.boxes
    first.address.value, first.reuse_address.value = "0.0.0.0, all of IPv4", True
    click(panel, "Swap the programs")
    assert (second.address.value, second.reuse_address.value) == ("0.0.0.0, all of IPv4", True)
    assert first.address.value == HOME
    assert "The first program claims tcp 127.0.0.1, the second tcp 0.0.0.0 SO_REUSEADDR." in panel.picture.alt


def test_each_meeting_is_a_new_one_and_the_matrix_is_measured(panel: ConflictPanel) -> None:
    before = panel.picture.alt
    click(panel, "Let them meet")
    assert panel.picture.alt != before  # another port
    assert "784 real trials" in click(panel, "Measure the whole matrix")
    assert panel.picture.title == figures.whole_matrix([]).title


def test_a_lost_program_is_told_and_the_next_click_starts_another(panel: ConflictPanel) -> None:
    lost = psutil.Process(panel.program.pid)
    lost.kill()
    lost.wait(30)
    assert "The second program has ended" in click(panel, "Let them meet")
    assert "refused" in click(panel, "Let them meet")


def test_release_ends_the_second_program(panel: ConflictPanel) -> None:
    pid = panel.program.pid
    assert panel.release() is True
    assert panel.release() is False
    assert pid not in [child.pid for child in psutil.Process().children()]
    assert "refused" in click(panel, "Let them meet")


# ---- the questions


@linux
def test_the_verdicts_are_those_of_linux() -> None:
    measured = {one.key: one.experiment() for one in questions.PREDICTIONS}
    assert measured["wildcard-first"] == "bind-refused"
    assert measured["connections"] == "spread"


def check(key: str) -> bool:
    return next(one for one in questions.EXERCISES if one.key == key).check().done


def listening(stack: ExitStack, port: int = 0, backlog: int = BACKLOG, reuse_port: bool = True) -> socket.socket:
    return stack.enter_context(socket.create_server((HOME, port), backlog=backlog, reuse_port=reuse_port))


@needs_reuse_port
@linux
def test_two_listeners_are_found_and_nothing_else_is_taken_for_them() -> None:
    with ExitStack() as stack:
        one = listening(stack)
        stack.enter_context(one.dup())
        listening(stack)
        assert not check("two-listeners")  # a second descriptor, or another port, is no second listener there
        listening(stack, one.getsockname()[1], BACKLOG + 1)
        assert not check("two-listeners") or table.source() == "psutil"  # another backlog, where the table tells it
        listening(stack, one.getsockname()[1])
        assert check("two-listeners")
    assert not check("two-listeners")

"""What all panels have in common: errors become sentences, and what is held is let go of."""

import socket
import threading
import time

import ipywidgets as widgets
import pytest
from rules import each
from using import click

from sockets_lab.errors import BadInput
from sockets_lab.figures.drawing import Drawing
from sockets_lab.lessons.descriptors import panel as descriptors
from sockets_lab.panels import refusals
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.panel import RELEASED, Panel, inline, let_go_of_all
from sockets_lab.panels.show import WIDGET, forms


class Small(Panel):
    purpose = "try what panels have in common"

    def __init__(self) -> None:
        self.held: list[socket.socket] = []
        super().__init__()

    def release(self) -> bool:
        held = bool(self.held)
        while self.held:
            self.held.pop().close()
        return held


def raising(error: Exception):
    def action() -> None:
        raise error

    return action


def test_fields_have_a_label_and_a_width_and_rows_wrap():
    port = field(widgets.IntText, "Port", 120, 80)
    menu = choice("Protocol", 170, {"TCP": "tcp", "UDP": "udp"}, value="udp", aligned=True)
    assert (port.value, port.description, port.layout.width, port.style.description_width) == (
        80, "Port", "120px", "initial")  # fmt: skip
    assert (menu.value, menu.layout.width, menu.style.description_width) == ("udp", "170px", "")
    both = row([port, menu], align_items="center")
    assert (both.children, both.layout.flex_flow, both.layout.align_items) == ((port, menu), "row wrap", "center")


@each(
    [
        (BadInput("70000 is not a port number."), "70000 is not a port number."),
        (ConnectionRefusedError(111, "Connection refused"), "ECONNREFUSED"),
        (TimeoutError("timed out"), "DEADLINE"),
        (KeyError("ours"), "fault of its own: KeyError"),
    ]
)
def test_errors_are_shown_in_the_panel(error, sentence):
    panel = Small()
    panel.button("Go", raising(error)).click()
    assert sentence in panel.line.value
    assert 'role="status"' in panel.line.value
    panel.button("Go", lambda: panel.say("fine")).click()
    assert "fine" in panel.line.value


def test_an_action_tells_the_page_once_of_each_part_and_of_the_picture_first(panel, monkeypatch):
    click(panel, "Open")
    told = []

    def send_state(widget: widgets.Widget, key: set[str]) -> None:
        if key:  # the names of what changed
            told.append(widget)

    monkeypatch.setattr(widgets.Widget, "send_state", send_state)
    monkeypatch.setattr(type(panel.canvas.comm), "kernel", "there is one")  # else nobody is told anything
    click(panel, "Duplicate")
    assert told[:2] == [panel.canvas, panel.line]
    assert len(told) == len(set(told)) > 2


def test_actions_of_two_threads_come_one_after_the_other_and_letting_go_waits_for_them():
    panel = Small()
    began, order = threading.Event(), []

    def slow() -> None:
        began.set()
        time.sleep(0.2)
        order.append("slow")
        panel.held.append(socket.socket())

    thread = threading.Thread(target=panel.button("Slow", slow).click)
    thread.start()
    assert began.wait(5)
    panel.button("Quick", lambda: order.append("quick")).click()
    thread.join()
    assert order == ["slow", "quick"]
    began.clear()
    thread = threading.Thread(target=panel.button("Slow", slow).click)
    thread.start()
    assert began.wait(5)
    panel.let_go()
    assert order == ["slow", "quick", "slow"]
    assert panel.held == []
    thread.join()


def test_what_is_said_is_text_and_never_markup():
    panel = Small()
    panel.say("<script>alert(1)</script> & `code`")
    assert "<script>" not in panel.line.value
    assert "<code>code</code>" in panel.line.value
    assert inline("**bold** <b>") == "<b>bold</b> &lt;b&gt;"


def test_a_new_panel_of_a_kind_replaces_the_one_before():
    first = Small()
    first.held.append(socket.socket())
    sock = first.held[0]
    second = Small()
    assert sock.fileno() == -1
    assert RELEASED.split(".")[0] in first.line.value
    assert Panel.shown[Small] is second


def test_letting_go_of_all_speaks_only_where_something_was_held():
    quiet = Small()
    let_go_of_all()
    assert quiet.line.value == ""
    quiet.held.append(socket.socket())
    let_go_of_all()
    assert "was closed" in quiet.line.value


def test_an_output_has_three_forms():
    panel = Small()
    panel.draw(Drawing("A title.", "What it shows.", 50, 50))
    data, metadata = panel._repr_mimebundle_()
    assert data[WIDGET]["model_id"] == panel.model_id
    title = "Panel: try what panels have in common. Run this cell in JupyterLab to use it."
    assert data["text/plain"] == f"{title}\nDescription: What it shows."
    assert data["image/png"]
    assert metadata["image/png"]["alt"] == "What it shows."
    assert forms(panel, "words")[0].keys() == {WIDGET, "text/plain"}


@pytest.fixture
def panel():
    one = descriptors.make()
    yield one
    one.release()


def test_the_panel_of_lesson_01_does_real_things(panel):
    assert "LISTEN" in panel.picture.alt
    click(panel, "Open")
    number = panel.chosen.value
    with socket.socket(fileno=socket.dup(number)) as witness:
        click(panel, "Bind")
        assert witness.getsockname()[1]
        click(panel, "Listen")
        assert witness.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    panel.number.value = 211
    click(panel, "Give it this number")
    assert f"Descriptor {number} and 211: one TCP socket" in panel.picture.alt
    click(panel, "Give it this number")
    assert "stands for something already" in panel.line.value
    click(panel, "Close")
    assert 211 not in panel.sockets
    click(panel, "Bind")
    assert panel.release()
    assert "No socket is open" in panel.picture.alt
    click(panel, "Duplicate")
    assert "click Open first" in panel.line.value


def test_the_panel_of_lesson_01_is_not_endless(panel):
    for _ in range(20):
        click(panel, "Open")
    assert "close one first" in panel.line.value
    assert len(panel.sockets) == descriptors.MOST


class _Undrawable(Drawing):
    """A picture whose PNG cannot be made."""

    error: BaseException

    def png(self) -> bytes:
        raise self.error


@pytest.mark.parametrize("error", [MemoryError(), ImportError("lib.so: failed to map segment from shared object"),
                                   OSError(24, "Too many open files")])  # fmt: skip
def test_where_a_picture_cannot_be_saved_the_live_one_is_shown_and_the_reason_told(error, monkeypatch):
    monkeypatch.setattr(refusals, "_missed", [])  # what is missed once is missed in this process for good
    picture = _Undrawable("A title.", "", 10, 10)
    picture.error = error
    data, metadata = forms(widgets.HTML(picture.html()), "A panel.", picture)
    assert WIDGET in data
    assert not {"image/png"} & (data.keys() | metadata.keys())
    assert data["text/plain"].splitlines()[-1].startswith("No picture can be saved: E")


def test_a_fault_of_a_picture_is_not_swallowed():
    picture = _Undrawable("A title.", "", 10, 10)
    picture.error = RuntimeError("a fault of ours")
    with pytest.raises(RuntimeError, match="a fault of ours"):
        forms(widgets.HTML(""), "A panel.", picture)

"""Lesson 03 as a learner meets it: pictures that say what they show, a panel that the kernel feels, exercises."""

import socket
from contextlib import ExitStack
from io import BytesIO

import psutil
import pytest
from matplotlib.image import imread
from rules import each
from using import click, picture

from sockets_lab.errors import Refused
from sockets_lab.figures import pixels
from sockets_lab.figures.marks import Pixels, Text
from sockets_lab.lessons import ports
from sockets_lab.lessons.ports import figure as figures
from sockets_lab.lessons.ports import figure_portmap as portmap
from sockets_lab.lessons.ports import questions
from sockets_lab.lessons.ports.panel import PortPanel, make
from sockets_lab.model import Endpoint, FourTuple

HOME = "127.0.0.1"


def mine(protocol: str) -> dict[int, str]:
    """Ports on which this process waits, as psutil sees them: port -> state."""
    seen = psutil.Process().net_connections(protocol + "4")
    return {one.laddr.port: one.status for one in seen if not one.raddr}


def a_probe(port: int = 443) -> ports.Probe:
    reached = FourTuple(Endpoint(HOME, 40000), Endpoint(HOME, port))
    refused = Refused("EADDRINUSE", "taken")
    return ports.Probe(
        Endpoint(HOME, port), "tcp", ports.range_of(port), ports.Service(port, "tcp", "https", True), (),
        refused, reached,
    )  # fmt: skip


def a_map(**changed: object) -> ports.PortMap:
    parts = {"protocol": "tcp", "named": frozenset({80}), "occupied": frozenset({443, 50000, 65535}),
             "waiting": frozenset({443}), "ephemeral": (32768, 60999), "complete": True}  # fmt: skip
    return ports.PortMap(**{**parts, **changed})  # type: ignore[arg-type]


def decoded(image: bytes):
    """Read a PNG with another program's eyes: rows of (red, green, blue, opacity)."""
    return (imread(BytesIO(image)) * 255).round().astype(int)


# ---- pictures


def test_a_png_of_cells_is_read_back_as_the_same_colors() -> None:
    palette = (pixels.rgba("#000000", 0.0), pixels.rgba("#0072B2"), pixels.rgba("#D55E00", 0.5))
    image = decoded(pixels.png(bytes([0, 1, 2, 1, 1, 0]), 3, palette))
    assert [[tuple(color) for color in row] for row in image] == [
        [palette[0], palette[1], palette[2]],
        [palette[1], palette[1], palette[0]],
    ]


def test_the_map_has_each_port_where_its_bytes_say() -> None:
    drawing = portmap.map_of_ports(a_map(), handed_out=[40000])
    picture = next(mark for mark in drawing.marks if isinstance(mark, Pixels))
    image = decoded(picture.image)

    def color(port: int) -> tuple[int, ...]:
        return tuple(image[port // 256][port % 256])

    shown = {0: 0, 1023: 0, 1024: 1, 49151: 1, 49152: 2, 80: portmap.NAME, 40000: portmap.HANDED, 443: portmap.OPEN,
             50000: portmap.TAKEN, 65535: portmap.TAKEN, 442: portmap.OPEN, 443 - 256: portmap.OPEN}  # fmt: skip
    for port, index in shown.items():
        assert color(port) == portmap.PALETTE[index], port
    assert [color(40000 + way) for way in (-257, -1, 1, 257)] == [portmap.PALETTE[portmap.HANDED]] * 4, "one pixel"


def test_the_map_says_in_words_what_it_shows() -> None:
    found = a_probe()
    drawing = portmap.map_of_ports(a_map(), found, [40000, 40001])
    for words in ("443*, ", "32768-60999", "Just handed out: 2 ports, from 40000 to 40001", str(found)):
        assert words.strip(", ") in drawing.alt
    written = [mark.text for mark in drawing.marks if isinstance(mark, Text)]
    assert "port 443 = 1 x 256 + 187" in written
    assert "bind: refused, EADDRINUSE" in written
    assert "connect: open" in written
    bare = portmap.map_of_ports(a_map(named=None, ephemeral=None, occupied=frozenset(), waiting=frozenset()))
    assert "service name unknown" in bare.alt
    assert any("not told by this system" in mark.text for mark in bare.marks if isinstance(mark, Text))


@each([0, 65535])
def test_nothing_is_drawn_outside_the_map(port: int) -> None:
    drawing = portmap.map_of_ports(a_map(), a_probe(port), [port])
    picture(drawing)
    assert "<image " in drawing.html()


def test_tables_hold_what_was_measured() -> None:
    table = figures.text_table(ports.compare_names())
    assert len(table.rows) == 15
    assert "stands among 0-1023, but is one of the User ports" in table.alt
    numbers = figures.number_table(map(ports.try_number, (65536, True)))
    assert "OverflowError" in numbers.alt
    assert "never asked" in numbers.alt
    probed = figures.probe_table([a_probe()])
    assert probed.rows[0] == ("443/tcp", "System", "https", "refused: EADDRINUSE", "open", "nobody")


# ---- the panel


@pytest.fixture
def panel():
    before = mine("tcp"), mine("udp")
    one = make()
    yield one
    one.release()
    assert (mine("tcp"), mine("udp")) == before


def test_the_panel_begins_with_a_listener_that_the_kernel_knows(panel: PortPanel) -> None:
    assert mine("tcp").get(panel.port.value) == "LISTEN"
    assert "connect: open" in panel.picture.alt
    assert "Just handed out: 200 ports" in panel.picture.alt
    assert "image/png" in panel._repr_mimebundle_()[0]


def test_ports_are_opened_and_closed_in_the_kernel(panel: PortPanel) -> None:
    first = panel.port.value
    panel.port.value = 0
    assert "is yours now" in click(panel, "Open it")
    port = panel.port.value
    assert {first, port} <= set(mine("tcp"))
    assert "is yours already" in click(panel, "Open it")  # a double click
    assert port in mine("tcp")
    assert "ECONNREFUSED: connection refused. No program listens on that port" in click(panel, "Close it")
    assert port not in mine("tcp")
    assert "holds no socket on that port" in click(panel, "Close it")


def test_udp_is_another_map_and_an_open_port_is_silent(panel: PortPanel) -> None:
    panel.protocol.value = "udp"
    panel.port.value = 0
    assert "never answers" in click(panel, "Open it")
    assert panel.port.value in mine("udp")
    assert "no answer" in click(panel, "Probe")
    assert "connect: silent" in panel.picture.alt
    assert panel.picture.alt.startswith("udp:")


def test_the_next_port_is_found_and_after_the_last_comes_the_first(panel: PortPanel) -> None:
    panel.port.value = 65535
    click(panel, "Next occupied")
    assert 0 < panel.port.value < 65535
    members = frozenset({10, 20})
    assert [panel.following(members, "") for panel.port.value in (9, 10, 15, 20)] == [10, 20, 20, 10]


def test_without_service_names_the_panel_says_so(panel: PortPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sockets_lab.lessons.ports.named_ports", lambda protocol: None)
    assert "no list of service names" in click(panel, "Next named")


@each([("tcp", "connect"), ("udp", "bind")])
def test_ports_are_handed_out_and_told(protocol: str, way: str, panel: PortPanel) -> None:
    panel.protocol.value, panel.way.value = protocol, way
    said = click(panel, "Let the kernel choose 200")
    assert f"200 ports by {way}" in said
    assert len(panel.handed_out) == 200
    assert f"from {min(panel.handed_out)} to {max(panel.handed_out)}" in panel.picture.alt


@each([-1, 65536, 10**12])
def test_a_bad_number_is_told_in_the_panel_and_opens_nothing(number: int, panel: PortPanel) -> None:
    before = mine("tcp")
    panel.port.value = number
    assert "16 bits hold 0 to 65535" in panel.line.value
    assert "16 bits hold 0 to 65535" in click(panel, "Open it")
    assert mine("tcp") == before


def test_many_probes_do_not_fill_the_queue_of_the_panels_own_listener(panel: PortPanel) -> None:
    click(panel, "Probe")
    (listener,) = panel.held.values()
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_there_is_an_end_to_opening(panel: PortPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sockets_lab.lessons.ports.panel.MOST", 1)
    assert "close one first" in click(panel, "Open it")


def test_release_closes_all_and_the_next_click_begins_anew(panel: PortPanel) -> None:
    held = set(mine("tcp"))
    assert panel.release()
    assert not panel.release()
    assert held - set(mine("tcp"))
    panel.port.value = 0
    click(panel, "Open it")
    assert panel.port.value in mine("tcp")


# ---- exercises


def exercise(key: str):
    return next(one for one in questions.EXERCISES if one.key == key)


def pair(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Bind a TCP and a UDP socket to one number, neither listening."""
    for _ in range(50):
        tcp, udp = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp.bind((HOME, 0))
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
            continue
        return stack.enter_context(tcp), stack.enter_context(udp)
    raise AssertionError("no number was free in both protocols")


def test_one_number_in_both_protocols_counts_once_tcp_listens() -> None:
    check = exercise("both-protocols").check
    with ExitStack() as stack:
        tcp, udp = pair(stack)
        assert not check().done, "bound is not listening"
        tcp.listen()
        assert check().done
        udp.close()
        assert not check().done
    assert not check().done


def bound_in(
    column: int, kind: socket.SocketKind, rows: range = range(4, 128), address: str = HOME
) -> socket.socket:
    for row in rows:
        sock = socket.socket(socket.AF_INET, kind)
        try:
            sock.bind((address, row * 256 + column))
        except OSError:
            sock.close()
            continue
        return sock
    raise AssertionError("the whole column is taken")


def test_the_column_counts_for_udp_outside_the_kernels_range() -> None:
    check = exercise("column").check
    with bound_in(questions.COLUMN, socket.SOCK_DGRAM):
        assert check().done
    with bound_in(questions.COLUMN, socket.SOCK_STREAM) as wrong:
        wrong.listen()
        assert not check().done, "TCP was not asked for"
    with bound_in((questions.COLUMN + 1) % 256, socket.SOCK_DGRAM):
        assert not check().done, "another column"
    with bound_in(questions.COLUMN, socket.SOCK_DGRAM, address="0.0.0.0"):
        assert not check().done, "another address"
    with bound_in(questions.COLUMN, socket.SOCK_DGRAM, range(192, 256)):
        found = check()
        assert not found.done
        assert "not a User port" in found.because
    assert not check().done

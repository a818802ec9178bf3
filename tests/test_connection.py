"""Lesson 07: states and TCP_INFO against ss in the node, the framing client against good and bad servers, the panel."""

import re
import shutil
import socket
import struct
import subprocess
import threading
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from labs import needs_namespaces
from using import click, picture

from sockets_lab.course.questions import pick
from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel.connecting import until
from sockets_lab.lab import Lab
from sockets_lab.lessons import connection
from sockets_lab.lessons.connection import ConnectionModel, Moment, figure, framing_client, lifetime, tcp_info, watch
from sockets_lab.lessons.connection import panel as panels
from sockets_lab.lessons.connection.model import CLIENT, SERVER
from sockets_lab.lessons.connection.questions import EXERCISES, PORT, WAITING
from sockets_lab.lessons.connection.watching import ASLEEP, CABLE, LOSSY_CABLE, SLOW_CABLE

HOME, SOON = "127.0.0.1", 10.0
NAMES = {"ESTAB": "ESTABLISHED", "FIN-WAIT-1": "FIN_WAIT1", "FIN-WAIT-2": "FIN_WAIT2", "UNCONN": "no end"}
with_ss = pytest.mark.skipif(shutil.which("ss") is None, reason="ss is not installed")
linux = pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system has no TCP_INFO")
pytestmark = pytest.mark.usefixtures("leaves_nothing")


def ss(*arguments: str) -> str:
    """Run ss in a node's process, so in its network stack."""
    return subprocess.run(["ss", *arguments], capture_output=True, text=True, timeout=30, check=True).stdout


def told_by_ss(lab: Lab, name: str, port: int) -> str:
    """Ask ss for the state of the connection's end at a node: what stands there besides the listener."""
    states = [line.split()[0] for line in lab[name].run(ss, "-Htan", f"sport = :{port}").splitlines()]
    ends = [one for one in states if one != "LISTEN"]
    return NAMES.get(ends[0], ends[0].replace("-", "_")) if ends else "no end"


@with_ss
@needs_namespaces
def test_each_state_of_a_life_is_the_one_that_ss_shows_at_that_end(monkeypatch) -> None:
    seen = []

    def settled(bench: ConnectionModel, *wanted: tuple[str, str]) -> tuple[str, str]:
        found = read(bench, *wanted)
        port = bench.names[0].port if bench.names else 0
        seen.append((found, (told_by_ss(bench.lab, "A", port), told_by_ss(bench.lab, "B", bench.place.port))))
        return found

    read = ConnectionModel.settled
    monkeypatch.setattr(ConnectionModel, "settled", settled)
    moments = lifetime()
    no_end = {"CLOSED": "no end", "LISTEN": "no end"}
    assert [tuple(no_end.get(one, one) for one in ours) for ours, _ in seen] == [witness for _, witness in seen]
    assert [(one.client, one.server) for one in moments] == [
        ("CLOSED", "LISTEN"), ("SYN_SENT", "LISTEN"), ("ESTABLISHED", "ESTABLISHED"), ("FIN_WAIT1", "ESTABLISHED"),
        ("FIN_WAIT2", "CLOSE_WAIT"), ("FIN_WAIT2", "LAST_ACK"), ("TIME_WAIT", "CLOSED"),
    ]  # fmt: skip


def test_where_nodes_share_a_stack_the_steps_without_a_cable_remain(monkeypatch) -> None:
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    with ConnectionModel() as bench:
        if bench.lab.kind == "namespaces":
            pytest.skip("nodes cannot be kept from having stacks of their own here")
        assert isinstance(bench.cable(dead=True), Refused)


@with_ss
@linux
def test_tcp_info_says_what_ss_says() -> None:
    with socket.create_server((HOME, 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            for _ in range(5):
                client.sendall(bytes(1000))
                server.recv(1000)
                server.sendall(b"x")
                client.recv(1)
            ours, line = tcp_info(client), ss("-Htin", f"sport = :{client.getsockname()[1]}")
    told = {name: float(value) for name, value in re.findall(r"\b(cwnd|mss|snd_wnd|rto):(\d+)", line)}
    assert (ours.congestion_window, ours.segment_size) == (told["cwnd"], told["mss"])
    assert told.get("snd_wnd") in (None, ours.peer_window)
    assert ours.retransmission_timeout == told["rto"]
    assert abs(ours.round_trip - float(re.search(r"\brtt:([\d.]+)/", line)[1])) < 0.002  # type: ignore[index]
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        assert isinstance(tcp_info(other), Refused)


@needs_namespaces
def test_what_is_watched_shows_each_condition() -> None:
    found = watch()
    assert {phase.name: phase.refused for phase in found.phases} == dict.fromkeys(
        (CABLE, ASLEEP, SLOW_CABLE, LOSSY_CABLE))  # fmt: skip
    assert min(one.peer_window for one in found.of(ASLEEP)) == 0
    assert max(one.round_trip for one in found.of(SLOW_CABLE)) > 5 > found.of(CABLE)[-1].round_trip
    lost = found.of(LOSSY_CABLE)
    assert lost[-1].sent_again > lost[0].sent_again
    plot = figure.known(found)
    assert plot.png().startswith(b"\x89PNG")
    assert "The reader sleeps: " in plot.alt
    assert "least room at B 0 bytes" in plot.alt
    assert "ENOPROTOOPT" in figure.known(Refused("ENOPROTOOPT", "no such option")).alt


# Framing


def exactly(sock: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count and (part := sock.recv(count - len(got))):
        got += part
    return got if len(got) == count else b""


def good(sock: socket.socket) -> None:
    while header := exactly(sock, 4):
        length = struct.unpack("!I", header)[0]
        text = exactly(sock, length)
        if len(text) < length:
            return
        sock.sendall(header + text.upper())


def one_recv_one_message(sock: socket.socket) -> None:
    while data := sock.recv(1 << 20):
        sock.sendall(data[:4] + data[4:].upper())


def lower_case(sock: socket.socket) -> None:
    while header := exactly(sock, 4):
        sock.sendall(header + exactly(sock, struct.unpack("!I", header)[0]))


@pytest.fixture
def served(stack: ExitStack):
    """Serve one client after the other with a function, at the port that the exercise gives."""

    def serve(answer) -> None:
        listener = stack.enter_context(socket.create_server((HOME, PORT)))

        def run() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    try:
                        answer(sock)
                    except OSError:
                        continue

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        stack.callback(thread.join, 10)
        stack.callback(listener.shutdown, socket.SHUT_RDWR)

    return serve


def check(key: str):
    return pick(EXERCISES, key).check()


def test_a_server_that_reads_whole_messages_passes_all_ways(served) -> None:
    assert "no socket of this process listens" in check("framing").because
    served(good)
    found = check("framing")
    assert found.done, found.because
    assert len(connection.meet(HOME, PORT)) == len(framing_client.cases())


@pytest.mark.parametrize(("answer", "fails"), [
    (one_recv_one_message, "one byte at a time"), (lower_case, "one message in one piece"),
])  # fmt: skip
def test_a_server_that_counts_on_one_recv_or_answers_wrongly_fails(served, answer, fails) -> None:
    served(answer)
    found = check("framing")
    assert not found.done
    assert fails in found.because
    table = figure.met(connection.meet(HOME, PORT))
    assert "wrong" in table.alt


def test_connections_that_wait_for_close_are_counted(stack: ExitStack) -> None:
    assert not check("close-wait").done
    listener = stack.enter_context(socket.create_server((HOME, 0)))
    for number in range(WAITING):
        assert not check("close-wait").done, number
        client = socket.create_connection(listener.getsockname())
        server = stack.enter_context(listener.accept()[0])
        client.close()
        assert server.recv(1) == b""
    assert check("close-wait").done


# Pictures and the panel


def test_the_diagram_names_both_ends_and_lights_up_their_states() -> None:
    for client, server in (("SYN_SENT", "LISTEN"), ("ESTABLISHED", "ESTABLISHED"), ("TIME_WAIT", "CLOSED")):
        drawing = figure.states(client, server)
        picture(drawing)
        assert drawing.alt == f"A's end is {client}, B's end is {server}."
        assert drawing.html().count("stroke-dasharray") == len(figure.PLACES) - len({client, server})
    assert figure.life([Moment("x", "CLOSED", "LISTEN")]).rows == (("x", "CLOSED", "LISTEN"),)


@pytest.fixture
def panel(request):
    one = panels.make()
    yield one
    one.release()


def end(panel, name: str):
    panel.end.value = name
    return SimpleNamespace(click=lambda label: click(panel, label))


def comes(panel, alt: str) -> None:
    """Look again until the picture says so: the last acknowledgment may take a moment."""
    assert until(lambda: click(panel, "Look again") is not None and panel.picture.alt == alt, SOON), panel.picture.alt


def test_a_connection_is_led_through_its_states_by_clicks(panel) -> None:
    assert panel.picture.alt == "A's end is ESTABLISHED, B's end is ESTABLISHED."
    assert "took 5 bytes" in end(panel, CLIENT).click("Send")
    assert "B received b&#x27;hello&#x27;" in end(panel, SERVER).click("Receive") or "hello" in panel.line.value
    assert "Nothing has come to B" in click(panel, "Receive")
    assert "can still receive" in end(panel, CLIENT).click("Shut down")
    comes(panel, "A's end is FIN_WAIT2, B's end is CLOSE_WAIT.")
    assert "sends no more" in end(panel, SERVER).click("Receive")
    click(panel, "Close")
    comes(panel, "A's end is TIME_WAIT, B's end is CLOSED.")
    for label in ("Send", "Receive", "Shut down", "Close", "Reset"):
        assert "B has no open end" in click(panel, label)
    assert "still has an open end" in click(panel, "Connect")
    end(panel, CLIENT).click("Close")
    click(panel, "Connect")
    assert panel.picture.alt == "A's end is ESTABLISHED, B's end is ESTABLISHED."
    end(panel, SERVER).click("Reset")
    assert "ECONNRESET" in end(panel, CLIENT).click("Receive")


@needs_namespaces
def test_a_broken_cable_is_told_to_nobody(panel) -> None:
    click(panel, "Break cable")
    assert "not confirmed" in end(panel, CLIENT).click("Send")
    assert panel.picture.alt == "A's end is ESTABLISHED, B's end is ESTABLISHED."
    click(panel, "Mend cable")


def test_a_mistake_says_what_to_do_instead() -> None:
    with ConnectionModel() as bench, pytest.raises(BadInput, match="connect first"):
        bench.send(CLIENT, b"x")

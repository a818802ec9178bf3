"""The bench: real calls, a log that is a program, states made by hand, and a look that costs little."""

import os
import re
import socket
import struct
import subprocess
import sys
import time

import psutil
import pytest
from labs import needs_namespaces
from rules import each
from using import click, picture, said

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.kernel.machine import descriptor_limits, has_ipv6
from sockets_lab.lab import NodeError
from sockets_lab.playground import HERE, OPTIONS, RECIPES, Playground, Replay
from sockets_lab.playground import panel as panels  # noqa: F401  for the fixture `panel`
from sockets_lab.playground.figure import playground as diagram
from sockets_lab.playground.figure import table as table_picture
from sockets_lab.playground.places import Here

linux = pytest.mark.skipif(table.source() != "netlink", reason="only Linux tells queues and inodes")


@pytest.fixture
def bench():
    with Playground() as one:
        yield one


def by_psutil(sock: socket.socket) -> str:
    """Read the state of one of our sockets where nothing of ours stands in between."""
    number = sock.fileno()
    return next(one.status for one in psutil.Process().net_connections("tcp") if one.fd == number)


def run(script: str) -> list[str]:
    """Run a script in a fresh Python; return what it prints, line by line."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "ResourceWarning" not in done.stderr
    return done.stdout.splitlines()


def replayed(bench: Playground, key: str) -> Replay:
    replay = Replay(bench, RECIPES[key])
    assert len(list(replay.all())) == len(RECIPES[key].steps)
    return replay


# What is done is real.


def test_a_connection_by_hand_is_one_by_other_witnesses_too(bench):
    assert bench.create("TCP", name="server") == "server"
    assert bench.bind("server") is None
    assert bench.listen("server", 3) is None
    assert by_psutil(bench["server"]) == "LISTEN"
    assert bench.create() == "s1"
    assert bench.connect("s1", "server") == "connected"
    assert bench.accept("server") == "s2"
    assert bench["s1"].getpeername() == bench["s2"].getsockname()
    assert by_psutil(bench["s1"]) == by_psutil(bench["s2"]) == "ESTABLISHED"
    assert bench.send("s1", b"hello") == 5
    assert bench["s2"].recv(100) == b"hello"
    assert bench.shut_down("s1") is None
    assert bench.wait("s2", "CLOSE_WAIT") == by_psutil(bench["s2"]) == "CLOSE_WAIT"
    assert bench.receive("s2") == b""
    number = bench["s2"].fileno()
    assert bench.close("s2") is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_ipv6_connects_too_and_its_script_runs(bench):
    server, client = bench.create(family="IPv6"), bench.create(family="IPv6")
    bench.bind(server)
    bench.listen(server)
    assert bench.connect(client, server) == "connected"
    assert bench.accept(server) == "s3"
    assert bench["s3"].getsockname()[0] == "::1"
    picture(diagram(bench.view()))
    assert run(bench.script())[-1] == "connected"


@pytest.mark.parametrize("name", OPTIONS)
def test_options_are_set_and_read_again(bench, name):
    sock = bench.create(family="IPv6" if name.startswith("IPV6") and has_ipv6() else "IPv4")
    answer = bench.set_option(sock, name, OPTIONS[name].sample)
    if isinstance(answer, Refused):
        assert answer.name in ("ENOPROTOOPT", "EOPNOTSUPP", "EINVAL")
    elif name == "SO_LINGER":
        assert struct.unpack("ii", bench[sock].getsockopt(*OPTIONS[name].numbers, 8)) == (1, 0)
    else:
        assert answer == bench[sock].getsockopt(*OPTIONS[name].numbers)
        assert answer


def test_wrong_calls_meet_the_kernel(bench):
    replayed(bench, "wrong calls")
    refused = [line.answer.name for line in bench.log if line.is_refused]
    with socket.socket() as listener, socket.socket() as plain:  # the same calls, by hand
        for sock in (listener, plain):
            sock.setblocking(False)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        calls = (lambda: listener.connect(listener.getsockname()), lambda: listener.send(b"hello"), plain.accept,
                 lambda: plain.recv(1), lambda: listener.bind(("127.0.0.1", 0)), listener.accept)  # fmt: skip
        expected = []
        for call in calls:
            refusal = attempt(call)
            expected.append(refusal.name)
    assert refused == expected


# What must not be.


@pytest.mark.parametrize("to", ["8.8.8.8:53", "10.20.30.40:80", "[2001:db8::1]:80", "127.255.255.255:9", "0.0.0.0:80",
                                "255.255.255.255:9", "239.255.1.2:9"])  # fmt: skip
def test_nothing_goes_off_this_machine(bench, to):
    sock = bench.create("UDP", family="IPv6" if "[" in to else "IPv4")
    lines = len(bench.log)
    for act in (lambda: bench.connect(sock, to), lambda: bench.send(sock, b"x", to=to)):
        if to.startswith("0."):
            assert act() is not None  # it means this machine, and is sent to its loopback
        else:
            with pytest.raises(BadInput, match="not on this machine's loopback"):
                act()
            assert len(bench.log) == lines
    if not to.startswith(("0.", "127.", "[")):
        with pytest.raises(BadInput, match="not on this machine's loopback"):
            bench.bind(sock, to.split(":")[0])


@each(
    [
        (lambda bench: bench.create("SCTP"), "'TCP' or 'UDP'"),
        (lambda bench: bench.create(place="C"), "no place of this playground"),
        (lambda bench: bench.create(name="import"), "cannot be a socket's name"),
        (lambda bench: bench.create(name="socket"), "cannot be a socket's name"),
        (lambda bench: bench.bind("s1", "localhost"), "not an IP address"),
        (lambda bench: bench.bind("s1", "", 70000), "not a port number"),
        (lambda bench: bench.bind("s1", "", "http"), "not a port number"),
        (lambda bench: bench.bind("s1", "::1"), "no IPv4 address"),
        (lambda bench: bench.listen("s1", -1), "is not a backlog"),
        (lambda bench: bench.connect("s1", ""), "Say whom you mean"),
        (lambda bench: bench.connect("s1", "somewhere"), "neither a socket of the playground"),
        (lambda bench: bench.connect("s1", "s1"), "has no name yet"),
        (lambda bench: bench.connect("s2", "s1"), "is not open on the playground"),
        (lambda bench: bench.send("s1", "text"), "pass bytes to send"),
        (lambda bench: bench.send("s1", b"x", 1 << 30), "up to"),
        (lambda bench: bench.receive("s1", 0), "is not a number of bytes"),
        (lambda bench: bench.shut_down("s1", "SHUT_UP"), "is no direction"),
        (lambda bench: bench.set_option("s1", "SO_MAGIC", 1), "is no option"),
        (lambda bench: bench.set_option("s1", "SO_LINGER", "long"), "whole number"),
        (lambda bench: bench.fill("s1", b""), "some bytes"),
    ]
)
def test_mistakes_are_one_sentence_and_lose_nothing(act, words):
    with Playground() as bench:
        bench.create()
        lines = list(bench.log)
        with pytest.raises(BadInput, match=words):
            act(bench)
        assert bench.log == lines
        assert list(bench.seats) == ["s1"]


# The states that confuse people.


SHOWN = {  # of some recipes: what its calls answer, what the table then shows, and the states that are still to come
    "before accept": ({"served.recv(65536)": b"early"}, ["server: 1 waits for accept"], {}),
    "SYN_RECV": ({"outcome(client)": "connected"}, ["the other end of client: no row -> SYN_RECV",
                 "the other end of client: SYN_RECV -> ESTABLISHED"], {}),
    "full accept queue": ({"outcome(second)": "still on its way"}, [], {"second": "ESTABLISHED"}),
    "TIME_WAIT": ({}, [], {}),
    "half-closed": ({"client.recv(65536)": b"still here", "client.send(b'no more')": "EPIPE"}, [],
                    {"client": "TIME_WAIT"}),
    "ECONNRESET": ({"client.recv(65536)": "ECONNRESET", "client.send(b'hello')": "EPIPE"}, [], {"served": "gone"}),
    "ECONNREFUSED": ({"outcome(client)": "ECONNREFUSED", "second.send(b'anybody?')": 8}, [], {}),
}  # fmt: skip


@linux
@each(SHOWN)
def test_recipes_show_the_states_that_confuse_people(key):
    answered, changed, later = SHOWN[key]
    with Playground() as bench:
        replayed(bench, key)
        named = [(line.code, line.answer.name if line.is_refused else line.answer) for line in bench.log]
        assert answered.items() <= dict(named).items()
        assert set(changed) <= {change for line in bench.log for change in line.changes}
        for name, state in later.items():
            assert bench.wait(name, state, seconds=60) == state
        binds = [answer for code, answer in named if code.startswith("again.bind(")]
        assert binds == ["EADDRINUSE", None] * (key == "TIME_WAIT")


@linux
def test_who_closes_first_waits_and_who_does_not_close_is_in_close_wait(bench):
    _, client, served = bench.pair()
    bench.close(client)
    assert bench.wait(client, "FIN_WAIT2") == "FIN_WAIT2"
    assert bench.wait(served, "CLOSE_WAIT") == by_psutil(bench[served]) == "CLOSE_WAIT"
    end = bench.view().end(client)
    assert (end.standing, end.descriptor, end.row.inode) == ("kept", None, 0)
    bench.close(served)
    assert bench.wait(client, "TIME_WAIT") == "TIME_WAIT"
    assert bench.wait(served, "gone") == "gone"


def test_who_was_refused_or_never_asked_is_not_connected(bench):
    bench.create(name="never")
    assert bench.outcome("never").name == "ENOTCONN"
    bench.create(name="shut")
    bench.bind("shut")
    bench.create(name="client")
    assert bench.connect("client", "shut").name == "ECONNREFUSED"
    assert bench.outcome("client").name == "ENOTCONN"  # it is told once that it was refused
    printed = run(bench.script())
    assert "connected" not in "".join(printed)
    assert sum("ENOTCONN" in line for line in printed) == 2


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are limited and counted as on Linux")
def test_what_was_seen_last_still_stands_where_there_is_no_descriptor_to_ask_with():
    program = """
import os, resource
from sockets_lab.playground import Playground
with Playground() as bench:
    bench.create(name="server"); bench.bind("server"); bench.listen("server")
    seen = bench.view()
    assert [end.state for end in seen.ends] == ["LISTEN"]
    numbers = {int(name) for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)}
    free = next(number for number in range(1000) if number not in numbers)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, 1000))
    lines = len(bench.log)
    assert bench.view() == seen
    assert len(bench.log) == lines
"""
    assert run(program) == []


def test_a_recipe_keeps_clear_of_names_that_are_taken(bench):
    bench.create(name="client")
    first = replayed(bench, "CLOSE_WAIT")
    second = replayed(bench, "CLOSE_WAIT")
    assert (first.name("client"), second.name("client")) == ("client2", "client3")
    assert first.step() is None


# The log is a program.


def test_the_script_of_wild_play_compiles_and_runs(bench):
    for name in ("server", "client"):
        bench.create(name=name)
    bench.bind("server", "0.0.0.0")
    bench.listen("server")
    bench.connect("client", "server")
    bench.send("client", b"it's \"quoted\" = \\ \n", 3)
    bench.accept("server", "served")
    bench.receive("served")
    bench.create("UDP", name="udp")
    bench.send("udp", b"y" * 50, to="server")
    bench.close("server")
    bench.connect("udp", "server")  # a name outlives its socket
    bench.set_option("served", "SO_LINGER", 0)
    bench.close("served")
    bench.receive("client")
    assert run(bench.script()) == [line.prints for line in bench.log if line.prints]


@pytest.mark.thorough
@pytest.mark.parametrize("key", RECIPES)
def test_a_recipe_is_drawn_step_by_step_and_its_script_does_the_same(bench, key):
    for step in Replay(bench, RECIPES[key]).all():
        view = bench.view()
        picture(diagram(view)) if step.look else diagram(view).html()
        assert view.chosen is None or f"The chosen socket is {view.chosen}." in diagram(view).alt
        assert [row[0] for row in table_picture(view).rows] == [end.name or "-" for end in view.ends]
    expected = [line.prints for line in bench.log if line.prints]
    printed = run(bench.script())
    if key == "full buffer":  # how many bytes fit is a matter of the moment
        expected, printed = (re.sub(r"\d+ bytes.*", "some", "\n".join(lines)) for lines in (expected, printed))
    assert printed == expected


@needs_namespaces
def test_nodes_have_stacks_of_their_own_and_the_script_makes_the_lab(bench):
    _, client, served = bench.pair(client_at="A", server_at="B")
    assert bench[client].getpeername()[0] == bench[served].getsockname()[0] == "50.60.70.80"
    assert not [row for row in table.snapshot() if row.local.address == "50.60.70.80"]
    ends = {end.name: end for end in bench.view(client).ends}
    assert {ends[client].place, ends[served].place} == {"A", "B"}
    assert ends[served].state == "ESTABLISHED"
    assert bench.send(client, b"across") == 6
    assert bench.receive(served) == b"across"
    assert bench.bind(bench.create(place="A"), "10.20.30.40", 80) is None  # a node's own port 80
    with pytest.raises(BadInput, match="is not on this machine's loopback"):
        bench.connect(bench.create(place="A"), "8.8.8.8:53")
    assert run(bench.script()) == [line.prints for line in bench.log if line.prints]
    picture(diagram(bench.view()))


# What is seen.


@needs_namespaces
def test_a_node_that_ends_is_told_and_its_sockets_have_no_row(panel):
    panel.playground.create(name="far", place="A")
    with pytest.raises(NodeError):
        panel.playground.places.lab.A.execute("import os; os._exit(3)")
    assert panel.playground.view("far").end("far").state == "no row"
    panel.controls.place.value = "A"
    assert click(panel, "Create") == "A has ended: make a new lab."


@linux
def test_a_stranger_in_the_accept_queue_is_seen(bench):
    bench.create(name="server")
    bench.bind("server")
    bench.listen("server")
    with socket.create_connection(bench["server"].getsockname()) as stranger:
        assert bench.again()
        (waits,) = [end for end in bench.view().ends if end.standing == "waits"]
        assert (waits.remote.port, waits.state) == (stranger.getsockname()[1], "ESTABLISHED")
        picture(diagram(bench.view()))
    bench.accept("server")


@pytest.mark.skipif(descriptor_limits()[0] < 2048, reason="1,000 sockets need as many descriptors")
def test_of_a_thousand_sockets_only_the_neighbours_are_asked_for_and_drawn(bench, monkeypatch):
    server, *_ = bench.pair()
    while len(bench.seats) < 1000:
        bench.create("UDP")
    asked = []
    monkeypatch.setattr(Here, "at_port", lambda *call: asked.append(call) or [])
    bench.send("client", b"x")
    view = bench.view("client")
    assert len(asked) < 20
    assert {server, "client", "served"} <= {end.name for end in view.ends}
    assert view.hidden > 980
    assert f"{view.hidden} more sockets are here" in diagram(view).alt
    picture(diagram(view))


# The panel.


def test_the_panel_begins_with_a_connection_that_waits(panel):
    assert table.source() == "psutil" or "waits for accept" in panel.picture.alt
    assert "server (descriptor" in panel.picture.alt
    click(panel, "Next step")
    assert "served (descriptor" in panel.picture.alt
    assert "served.recv(65536): b'early'" in click(panel, "Next step")
    assert "That was the last one" in said(panel)
    picture(panel.picture)


def test_the_panel_does_what_its_buttons_say(panel):
    click(panel, "Clear the playground")
    assert panel.playground.seats == {}
    assert panel.picture.alt == "The playground is empty."
    picture(panel.picture)
    assert "create a socket first" in click(panel, "Bind")
    for label in ("Create", "Bind", "Listen"):
        click(panel, label)
    assert by_psutil(panel.playground["s1"]) == "LISTEN"
    assert panel.fits["accept"].button_style == "primary"
    assert panel.fits["send"].button_style == ""
    click(panel, "Create")
    panel.controls.to.value = "8.8.8.8:80"
    assert "not on this machine's loopback" in click(panel, "Connect")
    assert panel.controls.to.value == "8.8.8.8:80"
    panel.controls.to.value = "s1"
    assert "outcome(s2): connected" in click(panel, "Connect")
    panel.controls.chosen.value = "s1"
    click(panel, "Accept")
    assert by_psutil(panel.playground["s3"]) == "ESTABLISHED"
    assert "s3.send(b'hello'): 5" in click(panel, "Send")
    panel.controls.chosen.value = "s2"
    assert "b'hello'" in click(panel, "Receive")
    assert "EAGAIN" in click(panel, "Receive")
    click(panel, "Shut down sending")
    assert "EPIPE" in click(panel, "Send")
    panel.controls.option.value = "SO_RCVBUF"
    assert "bytes" in said(panel)
    assert "it now reads" in click(panel, "Set option")
    click(panel, "Close with a reset")
    assert "s2" not in panel.playground.seats
    panel.controls.written.value = True
    assert panel.controls.paper.layout.display == ""
    assert "s2.connect(at_s1)" in panel.controls.script.value
    assert "<th" in panel.table.value
    assert "s1.listen(5)" in panel.diary.value


def test_clicking_close_twice_closes_the_chosen_socket_alone(panel):
    click(panel, "Clear the playground")
    click(panel, "A connected pair")
    for label, name in (("Close", "served"), ("Close with a reset", "client")):
        panel.controls.chosen.value = name
        assert "Choose a socket" in [click(panel, label) for _ in range(2)][1]
        assert name not in panel.playground.seats
    assert list(panel.playground.seats) == ["server"]


def test_the_panel_sends_datagrams_to_whom_it_is_told(panel):
    click(panel, "Clear the playground")
    panel.controls.protocol.value = "UDP"
    for label in ("Create", "Bind", "Create"):
        click(panel, label)
    assert "Say to whom" in click(panel, "Send to")
    panel.controls.to.value = "s1"
    assert ": 5" in click(panel, "Send to")
    panel.controls.times.value = 20_000
    assert "EMSGSIZE" in click(panel, "Send to")
    panel.controls.chosen.value = "s1"
    assert "b'hello'" in click(panel, "Receive")
    assert "EAGAIN" in click(panel, "Receive")
    assert panel.fits["send_to"].button_style == "primary"
    panel.controls.times.value = 1
    assert "EDESTADDRREQ" in click(panel, "Send")


@linux
def test_the_panel_follows_what_others_do(panel):
    click(panel, "A connected pair")
    served = panel.controls.chosen.value
    client = served.replace("served", "client")
    panel.playground[client].shutdown(socket.SHUT_WR)  # not by a button
    deadline = time.monotonic() + 10
    while "CLOSE_WAIT" not in panel.picture.alt and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "CLOSE_WAIT" in panel.picture.alt
    assert "(by itself)" in panel.diary.value


def test_what_the_panel_shows_is_text_and_never_markup(panel):
    panel.controls.data.value = "<script>alert(1)</script>"
    click(panel, "A connected pair")
    click(panel, "Send")
    assert "<script>" not in panel.diary.value + panel.line.value + panel.canvas.value


def test_release_closes_sockets_thread_and_lab_and_the_next_click_begins_anew(panel):
    panel.controls.place.value = "A"
    click(panel, "A connected pair")
    assert panel.playground.places.lab is not None
    numbers = [seat.sock.fileno() for seat in panel.playground.seats.values()]
    follower = panel.follower._thread
    assert panel.release()
    assert not follower.is_alive()
    assert panel.playground.places.lab is None
    for number in numbers:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
    assert not panel.release()
    panel.controls.place.value = HERE
    click(panel, "Create")
    assert list(panel.playground.seats) == ["s1"]


def test_a_pair_that_cannot_be_made_is_told_with_the_refusal(bench, monkeypatch):
    monkeypatch.setattr(bench, "accept", lambda *_: Refused("EMFILE", "no descriptor is left"))
    with pytest.raises(BadInput, match=r"No whole connection can be made here now. EMFILE: no descriptor is left"):
        bench.pair()

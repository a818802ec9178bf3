"""Lesson 02's figures, panel and questions, held against psutil, plain clients and the learner's possible mistakes."""

import socket
from contextlib import ExitStack
from dataclasses import replace

import psutil
import pytest
from using import WIDE, click, picture

from sockets_lab.errors import Refused
from sockets_lab.figures.marks import ROLES
from sockets_lab.kernel import machine
from sockets_lab.lessons import binding
from sockets_lab.lessons.binding import figure as figures
from sockets_lab.lessons.binding import panel as panels
from sockets_lab.lessons.binding import questions as course
from sockets_lab.model import Endpoint

MORE_LOOPBACK = pytest.mark.skipif(not machine.loopback_addresses(), reason="only 127.0.0.1 here")


pytestmark = pytest.mark.usefixtures("leaves_nothing")


def refused(place):
    because = Refused("EADDRNOTAVAIL", "this machine has no such address to give")
    return binding.Audience(place, replace(binding.try_bind(), refused=because), ())


def test_pictures_stay_inside_their_frame_and_say_what_they_show():
    dual = binding.audience(binding.PLACES[5])
    long = Endpoint("2001:db8:1234:5678:9abc:def0:1234:5678", 65535)
    for drawing in (
        figures.reach_matrix(binding.reachability()),
        figures.reach_matrix([refused(place) for place in binding.PLACES]),
        figures.bound_socket(None),
        figures.bound_socket(dual.trial, dual.reaches, listening=True),
        figures.bound_socket(binding.try_bind(long)),
        figures.names_by_call(binding.conversation(server_at="0.0.0.0")),
        figures.names_by_call(binding.conversation("udp")),
    ):
        picture(drawing, WIDE)


def test_the_words_for_the_pictures_hold_the_numbers():
    with binding.bound(listening=True) as (sock, trial):
        reach = binding.reach(sock, "127.0.0.1")
        alt = figures.bound_socket(trial, [reach], listening=True).alt
        assert f"TCP port {sock.getsockname()[1]}" in alt
        assert f"tcp {trial.name} LISTEN" in alt
        assert f"A client at {trial.name}: reached." in alt
    talk = binding.conversation()
    assert str(talk.of("client", "connect").local) in figures.names_by_call(talk).alt
    tried = binding.try_places(binding.PLACES[:1])
    assert str(tried[0][1].name.port) in figures.answers(tried).alt
    assert "1023" in figures.low_ports(binding.low_port()).alt or machine.lowest_port() not in (1, 1024)


class Hand:
    """Uses a panel as somebody at the page does."""

    def __init__(self, panel):
        self.panel = panel

    def click(self, label):
        return click(self.panel, label)

    def choose(self, kind):
        (place,) = [place for _, place in self.panel.kind.options if place.kind == kind]
        self.panel.kind.value = place


@pytest.fixture
def hand():
    panel = panels.make()
    yield Hand(panel)
    panel.release()


def rows(sock):
    return [row for row in psutil.Process().net_connections("inet") if row.fd == sock.fileno()]


def test_the_first_picture_is_a_listener_with_knocks(hand):
    (row,) = rows(hand.panel.sock)
    assert (row.status, row.laddr.ip) == ("LISTEN", "127.0.0.1")
    assert f"tcp 127.0.0.1:{row.laddr.port} LISTEN" in hand.panel.picture.alt
    assert "reached" in hand.panel.picture.alt


def test_bind_gives_the_name_that_the_controls_ask_for(hand):
    hand.panel.protocol.value = "UDP"
    hand.choose("wildcard: all of IPv4")
    assert hand.panel.address.value == "0.0.0.0"
    assert "the kernel chose one" in hand.click("Bind")
    (row,) = rows(hand.panel.sock)
    assert (row.type, row.laddr.ip) == (socket.SOCK_DGRAM, "0.0.0.0")
    count = len(hand.panel.destinations)
    ipv4 = sum(":" not in address for address in hand.panel.destinations)
    assert f"{ipv4} of {count} knocks" in hand.click("Knock")
    assert "EOPNOTSUPP" in hand.click("Listen")


def test_a_bound_socket_that_does_not_listen_is_not_reached(hand):
    hand.click("Bind")
    assert rows(hand.panel.sock) == [] or rows(hand.panel.sock)[0].status != "LISTEN"
    said = hand.click("Knock")
    assert "0 of" in said
    assert "does not listen" in said
    assert "It listens" in hand.click("Listen")
    assert "1 of" in hand.click("Knock")


def test_a_chosen_port_is_asked_for(hand):
    port = hand.panel.sock.getsockname()[1]
    hand.click("Close")
    with binding.bound(Endpoint("127.0.0.1", port)) as (held, _):
        hand.panel.port.value = port
        if held is not None:
            assert "EADDRINUSE" in hand.click("Bind")
            assert hand.panel.sock is None
            assert "bind refused: EADDRINUSE" in hand.panel.picture.alt
            assert f"port {port}" in hand.panel.picture.alt


@pytest.mark.parametrize(("address", "port", "sentence"), [
    ("127.0.0.1", 70000, "16 bits"),
    ("127.0.0.1", -1, "16 bits"),
    ("localhost", 0, "not an IP address"),
    ("127.0.0.1%lo", 0, ""),
])  # fmt: skip
def test_mistakes_are_told_and_keep_the_socket_that_is_open(hand, address, port, sentence):
    before = hand.panel.sock.getsockname()
    hand.panel.address.value, hand.panel.port.value = address, port
    said = hand.click("Bind")
    assert ROLES["refused"] in hand.panel.line.value
    assert sentence in said
    assert "fault of its own" not in said
    assert hand.panel.sock.getsockname() == before
    assert rows(hand.panel.sock)[0].status == "LISTEN"


def test_after_another_call_the_knocks_are_still_shown(hand):
    hand.click("Bind again")
    assert hand.panel.picture.alt.count("A client at") == len(hand.panel.destinations)
    assert "nobody has knocked" not in hand.panel.picture.html()


@pytest.mark.skipif(not binding.own_addresses(), reason="this machine has only the loopback")
def test_an_address_of_the_network_is_not_shown_as_refused(hand):
    (own, *_) = binding.own_addresses()
    hand.panel.address.value = own
    hand.click("Bind")
    hand.click("Listen")
    assert f"Other programs can connect to {own}" in hand.click("Knock")
    name = Endpoint.of(hand.panel.sock.getsockname())
    assert f"A client at {name}: not tried." in hand.panel.picture.alt
    hand.panel.address.value = "127.0.0.1"
    hand.click("Bind")
    hand.click("Knock")
    assert "not tried" not in hand.panel.picture.alt


def test_the_kernels_refusal_of_a_remote_address_is_shown(hand):
    hand.panel.address.value = binding.places()[-2].address
    assert "EADDRNOTAVAIL" in hand.click("Bind")
    assert "bind refused" in hand.panel.picture.alt


def test_a_second_bind_is_refused_and_close_closes(hand):
    name = hand.panel.sock.getsockname()
    assert "EINVAL" in hand.click("Bind again")
    assert hand.panel.sock.getsockname() == name
    sock = hand.panel.sock
    assert "free for others" in hand.click("Close")
    assert sock.fileno() == -1
    assert hand.panel.picture.alt == "No socket is open."


def test_release_lets_go_and_the_next_click_begins_anew(hand):
    sock = hand.panel.sock
    assert hand.panel.release() is True
    assert sock.fileno() == -1
    assert hand.panel.release() is False
    assert "granted" in hand.click("Bind")


def check(key):
    (exercise,) = [one for one in course.EXERCISES if one.key == key]
    return exercise.check()


@MORE_LOOPBACK
def test_own_name_wants_a_udp_socket_with_that_address_and_nothing_else():
    udp = socket.AF_INET, socket.SOCK_DGRAM
    assert not check("own-name").done
    with socket.create_server((course.MINE, 0)):
        assert "TCP" in check("own-name").because
    for wrong in ("127.0.0.1", "0.0.0.0"):
        with socket.socket(*udp) as sock:
            sock.bind((wrong, 0))
            assert not check("own-name").done
    with socket.socket(*udp) as sock:
        sock.bind((course.MINE, 0))
        assert check("own-name").done
    assert not check("own-name").done


def test_two_ways_wants_one_listener_and_a_client_at_each_address():
    assert "wildcard" in check("two-ways").because
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        for address in course.BOTH:
            assert not check("two-ways").done
            there = (address, server.getsockname()[1])
            stack.enter_context(socket.create_connection(there, timeout=5))
        assert check("two-ways").done
    assert not check("two-ways").done


@MORE_LOOPBACK
def test_two_ways_is_not_done_by_two_specific_listeners():
    with ExitStack() as stack:
        stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        for address in course.BOTH:
            server = stack.enter_context(socket.create_server((address, 0)))
            stack.enter_context(socket.create_connection(server.getsockname(), timeout=5))
        assert not check("two-ways").done

"""The values: every spelling of an endpoint that is right, and a sentence for every one that is not."""

import os
import re
import socket
from dataclasses import FrozenInstanceError
from ipaddress import ip_address

import pytest
from rules import each
from trials import for_all

from sockets_lab.errors import BadInput
from sockets_lab.model import (
    PROTOCOLS,
    TCP_STATES,
    TRANSPORTS,
    Endpoint,
    FourTuple,
    Owner,
    SocketRow,
    checked_port,
    protocol_of,
    whole_number,
)  # fmt: skip


@each([0, 1, 80, 65535, "0", "80", " 65535 ", "000000000000000000000080"])
def test_ports(port):
    assert checked_port(port) == int(port)


@each(
    [
        -1, 65536, 70000, "65536", "9" * 5000, "-1", "+80", "8_0", "0x50", "80.0", "", "http", 80.0, True, None, b"80",
        "\u0668\u0660",  # 80 in Arabic digits, which int() would take
    ]
)  # fmt: skip
def test_bad_ports_are_told_in_one_sentence(port):
    with pytest.raises(BadInput) as caught:
        checked_port(port)
    assert re.search(r"is not a port number.* pass .*\.$", str(caught.value))


def test_a_mistake_shows_no_traceback_in_a_notebook():
    with pytest.raises(BadInput) as caught:
        checked_port(70000)
    assert caught.value._render_traceback_() == [str(caught.value)]


@each(
    [
        ("1.2.3.4:80", "1.2.3.4", 80),
        (" 127.0.0.1:0\n", "127.0.0.1", 0),
        ("[::1]:65535", "::1", 65535),
        ("[0:0::0:1]:80", "::1", 80),
        ("[2001:DB8::A]:80", "2001:db8::a", 80),
        ("[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
    ]
)
def test_endpoints_are_read(text, address, port):
    endpoint = Endpoint.parse(text)
    assert (endpoint.address, endpoint.port) == (address, port)
    assert Endpoint.parse(str(endpoint)) == endpoint


@each(
    [
        "", ":", ":80", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "::1", "::1:80", "[::1]", "[::1]80", "[]:80",
        "[127.0.0.1]:80", "localhost:80", "127.1:80", "2130706433:80", "0x7f.0.0.1:80", "127.0.0.01:80",
        "127.0.0.256:80", "127.0.0.1%lo:80", "[::1%]:80", "1.2.3.4:80:90", None, 80,
    ]
)  # fmt: skip
def test_what_is_no_endpoint_is_told(text):
    with pytest.raises(BadInput, match=r"\.$"):
        Endpoint.parse(text)


@each(
    ["", "::g", "localhost", "127.0.0.1\0", "127.0.0.1%", "127.0.0.1%lo", "1" * 100, None, 1, b"\x7f\0\0\1"]
)
def test_what_is_no_address_is_told(address):
    with pytest.raises(BadInput, match="is not an IP address"):
        Endpoint(address, 80)


def test_endpoints_are_values():
    endpoint = Endpoint("127.0.0.1", "80")
    assert endpoint == Endpoint("127.0.0.1", 80)
    assert hash(endpoint) == hash(Endpoint("127.0.0.1", 80))
    assert sorted([Endpoint("127.0.0.1", 9), endpoint]) == [Endpoint("127.0.0.1", 9), endpoint]
    with pytest.raises(FrozenInstanceError):
        endpoint.port = 81


def test_families_and_wildcards():
    assert [Endpoint(each, 0).family for each in ("0.0.0.0", "::")] == [socket.AF_INET, socket.AF_INET6]
    assert [Endpoint(each, 0).is_wildcard for each in ("0.0.0.0", "::", "0::0", "127.0.0.1", "::1")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_names_are_those_of_real_sockets():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert Endpoint.of(listener.getsockname()).sockaddr == listener.getsockname()
        with socket.create_connection(listener.getsockname(), 10) as client, listener.accept()[0] as server:
            here = FourTuple.of(client)
            assert here.reversed() == FourTuple.of(server)
            assert here.reversed().reversed() == here
            assert str(here) == f"{Endpoint.of(client.getsockname())} -> {Endpoint.of(listener.getsockname())}"
        with pytest.raises(OSError):  # noqa: PT011 - a listener has no remote endpoint
            FourTuple.of(listener)


def test_a_row_is_named_by_both_ends():
    local, remote = Endpoint("127.0.0.1", 1), Endpoint("127.0.0.1", 2)
    row = SocketRow("tcp", local, remote, "ESTABLISHED", owners=(Owner(1, 3, "python"),))
    assert row.four_tuple == FourTuple(local, remote)
    assert (row.receive_queue, row.send_queue, row.inode) == (None, None, None)


def test_the_states_are_those_of_psutil():
    psutil = pytest.importorskip("psutil")
    theirs = {getattr(psutil, name) for name in dir(psutil) if name.startswith("CONN_")}
    assert set(TCP_STATES) <= theirs


def test_any_address_and_port_survive_printing():
    def holds(address, port):
        endpoint = Endpoint(str(address), port)
        assert Endpoint.parse(str(endpoint)) == endpoint
        assert ip_address(endpoint.address) == address  # the standard library's reader is the witness
        assert endpoint.family == (socket.AF_INET if address.version == 4 else socket.AF_INET6)

    for_all(holds, lambda st: {"address": st.ip_addresses(), "port": st.integers(0, 65535)})


def test_any_text_is_an_endpoint_or_a_mistake():
    near = "0123456789.:[]%abcdefx "

    def holds(text):
        try:
            endpoint = Endpoint.parse(text)
        except BadInput:
            return
        assert Endpoint.parse(str(endpoint)) == endpoint

    for_all(holds, lambda st: {"text": st.text(max_size=30) | st.text(alphabet=near, max_size=30)})


def test_a_trusted_endpoint_is_the_same_value_as_a_checked_one():
    trusted = Endpoint.trusted("127.0.0.1", 80)
    assert trusted == Endpoint("127.0.0.1", 80)
    assert hash(trusted) == hash(Endpoint("127.0.0.1", 80))
    assert str(trusted) == "127.0.0.1:80"


def test_whole_numbers():
    assert [whole_number(value, 1, 3, "a count") for value in (1, 3)] == [1, 3]
    for value in (0, 4, True, 2.0, "2", None):
        with pytest.raises(BadInput) as caught:
            whole_number(value, 1, 3, "a count")
        assert str(caught.value) == f"{value!r} is not a count: pass a whole number from 1 to 3."


def test_protocols_are_those_that_the_kernel_names():
    """Make one socket of each; what this kernel has not, or refuses this user, is left out."""
    for one in PROTOCOLS.values():
        family = socket.AF_INET6 if one.name == "icmpv6" else socket.AF_INET
        try:
            sock = socket.socket(family, one.type, one.number)
        except OSError:
            assert one.name not in TRANSPORTS
            continue
        with sock:
            assert protocol_of(sock) is one
            if hasattr(os, "getxattr"):  # Linux calls its protocols by the same names
                told = os.getxattr(sock.fileno(), "system.sockprotoname").rstrip(b"\0").decode()
                assert told.casefold() in (one.title.casefold(), "ping")
    with socket.socket(type=socket.SOCK_DGRAM) as usual:
        assert protocol_of(usual).has_ports
        assert protocol_of(usual).title == "UDP"

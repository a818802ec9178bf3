"""Nothing leaves this machine: whatever is spelled, either it is refused or it is loopback."""

import ast
import socket
from ipaddress import ip_address, ip_network

import pytest
from labs import open_lab
from rules import each
from trials import for_all

from sockets_lab import guard
from sockets_lab.errors import BadInput
from sockets_lab.model import Endpoint


def passes(address, port=80):
    """Go the whole way of an experiment: make an endpoint of the text, and show it to the guard."""
    return guard.destination(Endpoint(address, port))


@each(["127.0.0.1", "127.0.0.2", "127.64.3.232", "127.255.255.254", "::1", "0:0::1"])
def test_loopback_passes_unchanged(address):
    endpoint = Endpoint(address, 80)
    assert guard.destination(endpoint) is endpoint


def test_odd_spellings_of_loopback_become_the_usual_one():
    assert passes("127.0.0.1 ").address == "127.0.0.1"
    assert passes("0000:0000:0000::0001").address == "::1"


@each(
    [
        "0.0.0.0", "::", "255.255.255.255", "127.0.0.0", "127.255.255.255",  # every address, or more than one
        "224.0.0.1", "239.1.2.3", "ff02::1", "ff01::1",  # groups
        "10.0.0.1", "192.168.1.1", "169.254.169.254", "8.8.8.8", "128.0.0.1", "126.255.255.255", "2001:db8::1",
        "fe80::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "::2", "::1%lo",
        "fe80::1%lo",
    ]
)  # fmt: skip
def test_all_else_is_refused(address):
    with pytest.raises(BadInput, match=r"not on this machine's loopback: pass 127\.0\.0\.1"):
        passes(address)


@each(
    [
        "127.evil.com", "localhost", "127.0.0.1.evil.com", "127.1", "127", "2130706433", "0x7f.1", "0x7f000001",
        "0177.0.0.1", "127.0.0.1@8.8.8.8", "127.0.0.1#8.8.8.8", "127.0.0.1/8", "127.0.0.1:80", "127.0.0.1%lo",
        "127.0.0.1%8.8.8.8", "127.0.0.1\0", "127.0.0.1\n8.8.8.8", "127.0.0.1 8.8.8.8", "[::1]", "::1]", "", " ",
        "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021",  # digits and dots that only look right
    ]
)  # fmt: skip
def test_what_is_no_literal_address_never_reaches_a_socket(address):
    with pytest.raises(BadInput):
        passes(address)


def holds_for(address):
    try:
        passed = passes(address)
    except BadInput:
        return
    meant = ip_address(passed.address)
    assert meant.is_loopback
    assert not meant.is_multicast
    assert meant not in (ip_network("127.0.0.0/8").network_address, ip_network("127.0.0.0/8").broadcast_address)


def test_no_text_slips_through():
    def anything(st):
        near_misses = st.text(alphabet="0127.:xf%/ @e", max_size=24)
        starts = st.sampled_from(["127.", "127.0.0.1", "::1", "::ffff:127.0.0.1"])
        beginnings = st.builds("{}{}".format, starts, st.text(max_size=8))
        return {"address": near_misses | beginnings | st.ip_addresses().map(str)}

    for_all(holds_for, anything)


def test_no_address_at_the_edge_slips_through():
    for network in ("126.255.255.0/24", "127.0.0.0/24", "127.255.255.0/24", "128.0.0.0/24"):
        for address in ip_network(network):
            holds_for(str(address))


GROUP = Endpoint("239.255.1.2", 5000)
EVERYONE = Endpoint("127.255.255.255", 5000)


@pytest.fixture
def sender():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def test_only_groups_of_the_local_scope_are_groups(sender):
    for address in ("239.255.0.0", "239.255.255.255", "239.255.1.2"):
        endpoint = Endpoint(address, 80)
        assert guard.group(endpoint) is endpoint
    for address in ("239.254.255.255", "240.0.0.0", "224.0.0.1", "224.0.0.251", "232.1.1.1", "127.0.0.1", "0.0.0.0",
                    "255.255.255.255", "8.8.8.8", "ff02::1", "ff01::1", "::ffff:239.255.1.2"):  # fmt: skip
        for check in (guard.group, guard.membership, lambda endpoint: guard.to_group(sender, endpoint)):
            with pytest.raises(BadInput, match=r"pass a multicast address from 239\.255"):
                check(Endpoint(address, 80))


def test_a_group_is_no_destination_and_is_joined_on_loopback_only():
    with pytest.raises(BadInput):
        guard.destination(GROUP)
    assert guard.membership(GROUP) == bytes([239, 255, 1, 2, 127, 0, 0, 1])


def test_a_sender_to_a_group_is_held_to_the_loopback_interface(sender):
    home = socket.inet_aton("127.0.0.1")
    assert sender.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4) != home
    assert guard.to_group(sender, GROUP) is GROUP
    assert sender.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4) == home
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(4))  # somebody changes it: it is set again
    guard.to_group(sender, GROUP)
    assert sender.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4) == home


def test_a_sender_whose_packets_routers_would_pass_on_is_refused(sender):
    for ttl, passes_guard in ((0, True), (1, True), (2, False), (255, False)):
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
        if passes_guard:
            guard.to_group(sender, GROUP)
        else:
            with pytest.raises(BadInput, match="set IP_MULTICAST_TTL to 0 or 1"):
                guard.to_group(sender, GROUP)


@each([False, True])
def test_a_sender_to_many_must_be_bound_to_loopback(bind):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        if bind:
            sock.bind(("0.0.0.0", 0))
        for call, endpoint in ((guard.to_group, GROUP), (guard.to_everyone, EVERYONE)):
            with pytest.raises(BadInput, match="bound to loopback first"):
                call(sock, endpoint)


def test_everyone_is_the_loopback_networks_broadcast_address_only(sender):
    assert guard.to_everyone(sender, EVERYONE) is EVERYONE
    for address in ("255.255.255.255", "127.0.0.255", "127.255.255.254", "192.168.1.255", "239.255.1.2", "::1"):
        with pytest.raises(BadInput, match=r"pass 127\.255\.255\.255"):
            guard.to_everyone(sender, Endpoint(address, 80))
    with pytest.raises(BadInput):
        guard.destination(EVERYONE)


def test_an_ipv6_socket_sends_to_no_group():
    try:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    except OSError:
        pytest.skip("no IPv6 here")
    with sock, pytest.raises(BadInput, match="bound to loopback first"):
        guard.to_group(sock, GROUP)


@pytest.fixture
def node():
    """Node A of a lab, whose process the guard has admitted."""
    with open_lab(A="10.20.30.40", B="50.60.70.80") as lab:
        yield lab.A


def in_node(node, program):
    """Run lines in the node that leave a list called `found`, with a datagram socket `sock` bound to `BOUND`."""
    lines = (
        "import socket\n"
        "from sockets_lab import guard\n"
        "from sockets_lab.errors import BadInput\n"
        "from sockets_lab.model import Endpoint\n"
        "def answer(call, *args):\n"
        "    try: return str(call(*args))\n"
        "    except BadInput as error: return str(error)\n"
        "def at(address):\n"
        "    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "    sock.bind((address, 0))\n"
        "    return sock\n"
    )
    reply = node.execute(lines + program)
    assert reply.error is None, reply.traceback
    return ast.literal_eval(reply.value)


def test_in_a_node_the_labs_own_addresses_pass_too_and_no_others(node):
    passed, *refused = in_node(node, (
        "[answer(guard.destination, Endpoint(address, 80)) for address in "
        "('50.60.70.80', '50.60.70.81', '8.8.8.8', '255.255.255.255', '239.255.1.2')]"
    ))  # fmt: skip
    assert passed == "50.60.70.80:80"
    assert all("or a node of this lab: 10.20.30.40, 50.60.70.80" in one for one in refused)


def test_in_a_node_groups_are_joined_and_sent_to_on_its_cable_only(node):
    found = in_node(node, (
        "group = Endpoint('239.255.1.2', 5000)\n"
        "with at(ME) as own, at('127.0.0.1') as lo, at('0.0.0.0') as wide:\n"
        "    told = [answer(guard.to_group, sock, group) for sock in (own, lo, wide)]\n"
        "    told.append(socket.inet_ntoa(own.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4)))\n"
        "told + [guard.membership(group).hex(), guard.interface()]"
    ))  # fmt: skip
    here, *refused, interface, packed, named = found
    assert here == "239.255.1.2:5000"
    assert all("bind it to 10.20.30.40, port 0" in one for one in refused)
    assert interface == named == "10.20.30.40"
    assert packed == "efff01020a141e28"


def test_in_a_node_a_broadcast_goes_out_from_its_own_address_or_stays_on_loopback(node):
    found = in_node(node, (
        "cable, loopback = Endpoint(guard.everyone(), 5000), Endpoint('127.255.255.255', 5000)\n"
        "with at(ME) as own, at('127.0.0.1') as lo:\n"
        "    told = [answer(guard.to_everyone, *one) for one in "
        "((own, cable), (lo, loopback), (lo, cable), (own, loopback), (own, Endpoint('10.255.255.255', 1)))]\n"
        "told"
    ))  # fmt: skip
    assert found[:2] == ["255.255.255.255:5000", "127.255.255.255:5000"]
    assert "bind it to 10.20.30.40" in found[2]
    assert "bind it to 127.0.0.1" in found[3]
    assert "or 255.255.255.255: everyone on this node's cable" in found[4]


def test_a_process_with_a_way_out_is_no_node(monkeypatch):
    monkeypatch.setattr(guard, "TEST_NETWORK", ("127.0.0.1", 9))  # there is a way, as elsewhere in most places
    with pytest.raises(BadInput, match="no node of a lab"):
        guard.admit("10.20.30.40", ["10.20.30.40"])
    assert guard.interface() == "127.0.0.1"
    with pytest.raises(BadInput):
        passes("10.20.30.40")

"""Binding, held against psutil, ss, the kernel's settings and a plain client in a child process."""

import json
import socket
import subprocess
import sys
from contextlib import ExitStack

import psutil
import pytest

from sockets_lab.errors import BadInput
from sockets_lab.kernel import machine
from sockets_lab.lessons import binding
from sockets_lab.model import Endpoint

LOOPBACK, NOBODY = "127.0.0.1", 65534
PROTOCOLS = pytest.mark.parametrize("protocol", ["tcp", "udp"])
IPV6 = pytest.mark.skipif(not machine.has_ipv6(), reason="no IPv6 here")
DUAL_STACK = pytest.mark.skipif(not machine.has_dual_stack() or not machine.has_ipv6(), reason="no dual stack here")
MORE_LOOPBACK = pytest.mark.skipif(not machine.loopback_addresses(), reason="only 127.0.0.1 here")

# A plain client that knows nothing of the package: it knocks, and prints its own name at each knock, or the errno name.
CLIENT = """
import errno, json, socket, sys
for protocol, address, port in json.loads(sys.argv[1]):
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as client:
        client.settimeout(10)
        try:
            client.connect((address, port))
            client.send(b"knock")
            print(json.dumps(client.getsockname()[:2]))
        except OSError as error:
            print(json.dumps(errno.errorcode.get(error.errno)))
"""


pytestmark = pytest.mark.usefixtures("leaves_nothing")


def knocks(*wanted):
    """Let a child process knock; returns its name at each knock, or the errno name."""
    child = [sys.executable, "-c", CLIENT, json.dumps(wanted)]
    lines = subprocess.run(child, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    return [tuple(answer) if isinstance(answer, list) else answer for answer in map(json.loads, lines)]


def seen_by_psutil(name, protocol):
    """The local names of this process with that port, as psutil reads them."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    rows = psutil.Process().net_connections("inet")
    return [Endpoint.of(row.laddr) for row in rows if row.type == kind and row.laddr and row.laddr.port == name.port]


def arrivals(sock):
    """Whoever has come to a bound socket by now, by name."""
    sock.settimeout(0.5)  # the child has ended, so what it sent is there already; waiting costs the last round only
    found = []
    while True:
        try:
            if sock.type == socket.SOCK_DGRAM:
                found.append(sock.recvfrom(100)[1])
            else:
                connection, peer = sock.accept()
                connection.close()
                found.append(peer)
        except TimeoutError:
            return [(peer[0].removeprefix("::ffff:"), peer[1]) for peer in found]


@PROTOCOLS
@pytest.mark.parametrize("place", binding.PLACES, ids=str)
def test_a_bound_socket_has_the_name_that_others_see_too(place, protocol):
    with binding.bound(Endpoint(place.address, 0), protocol, place.v6only, listening=True) as (sock, trial):
        if sock is None:
            assert not machine.has_ipv6() or not machine.has_dual_stack() or not machine.loopback_addresses()
            pytest.skip(f"not here: {trial.refused}")
        assert trial.name == Endpoint(place.address, sock.getsockname()[1])
        assert trial.name.port > 0
        assert seen_by_psutil(trial.name, protocol) == [trial.name]
        assert (trial.row.local, trial.row.protocol) == (trial.name, protocol)
        assert trial.row.state == ("LISTEN" if protocol == "tcp" else "UNCONNECTED")


@PROTOCOLS
def test_before_the_bind_there_is_no_name_and_after_the_with_no_socket(protocol):
    with binding.bound(protocol=protocol) as (sock, trial):
        unbound, bound = trial.names
        assert (unbound.after, bound.after) == ("socket", "bind")
        if isinstance(unbound.local, Endpoint):  # Windows has no name for an unbound socket
            assert unbound.local == Endpoint("0.0.0.0", 0)
        assert unbound.remote.name == bound.remote.name == "ENOTCONN"
        assert bound.local == Endpoint.of(sock.getsockname())
    assert sock.fileno() == -1
    assert trial.refused is None


@PROTOCOLS
def test_a_port_asked_for_by_number_is_given_or_in_use(protocol):
    with binding.bound(protocol=protocol) as (_, first):
        again = binding.try_bind(first.name, protocol)
    assert (again.refused.name, again.call, again.name, again.row) == ("EADDRINUSE", "bind", None, None)


def test_own_addresses_are_this_machines_and_nobody_elses():
    own = binding.own_addresses()
    assert not [address for address in own if address.startswith("127.") or address in ("::1", "0.0.0.0", "::")]
    for address in own:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
            assert sock.getsockname()[0] == address


@PROTOCOLS
def test_a_low_port_is_refused_exactly_where_the_system_says_so(protocol):
    low = binding.low_port(protocol)
    assert low.everything == (low.specific.refused is None and low.wildcard.refused is None)
    assert low.specific.asked.port < 1024
    if low.lowest > 1:
        assert low.specific.refused.name == "EACCES"
        assert low.specific.asked == Endpoint(LOOPBACK, low.lowest - 1)
        assert binding.try_bind(Endpoint(LOOPBACK, low.lowest)).refused in (None, _in_use())
    else:
        assert {trial.refused for trial in (low.specific, low.wildcard)} <= {None, _in_use()}


def _in_use():
    with binding.bound() as (_, trial):
        return binding.try_bind(trial.name).refused


@IPV6
def test_without_a_wish_the_system_decides_about_dual_stack():
    trial = binding.try_bind(Endpoint("::", 0))
    with socket.socket(socket.AF_INET6) as fresh:
        assert trial.v6only == bool(fresh.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))
    assert binding.try_bind().v6only is None


@PROTOCOLS
def test_the_matrix_is_what_a_plain_client_finds_too(protocol):
    measured = binding.reachability(protocol)
    assert [audience.place for audience in measured] == [*binding.PLACES]
    with ExitStack() as stack:
        socks, wanted = [], []
        for audience in measured:
            place = audience.place
            again = binding.bound(Endpoint(place.address, 0), protocol, place.v6only, listening=True)
            sock, trial = stack.enter_context(again)
            assert (sock is None) == (audience.trial.refused is not None) == (not audience.reaches)
            socks += [sock for _ in audience.reaches]
            wanted += [(protocol, reach.destination.address, trial.name.port) for reach in audience.reaches]
        clients = knocks(*wanted)
        came = {sock: arrivals(sock) for sock in dict.fromkeys(socks)}
        found = [client in came[sock] for sock, client in zip(socks, clients, strict=True)]
        assert found == [reach.reached for audience in measured for reach in audience.reaches]


@PROTOCOLS
def test_a_stranger_who_came_first_is_not_taken_for_our_client(protocol):
    with binding.bound(protocol=protocol, listening=True) as (sock, trial):
        (stranger,) = knocks((protocol, LOOPBACK, trial.name.port))
        reach = binding.reach(sock, LOOPBACK)
        assert reach.reached
        assert reach.seen_as == reach.client != Endpoint(*stranger)
        assert sock.gettimeout() is None


@MORE_LOOPBACK
@PROTOCOLS
def test_another_socket_with_the_same_port_does_not_count_as_ours(protocol):
    with ExitStack() as stack:
        for _ in range(50):
            sock, trial = stack.enter_context(binding.bound(protocol=protocol, listening=True))
            other, taken = stack.enter_context(
                binding.bound(Endpoint("127.0.0.2", trial.name.port), protocol, listening=True)
            )
            if taken.refused is None:
                break
        reach = binding.reach(sock, "127.0.0.2", seconds=0.2)
        assert (reach.reached, reach.refused.name) == (False, "DEADLINE")
        assert tuple(reach.client.sockaddr) in arrivals(other)


@PROTOCOLS
def test_names_through_a_conversation_fit_at_both_ends(protocol):
    talk = binding.conversation(protocol)
    assert talk.refused is None
    assert talk.of("client", "socket").remote.name == "ENOTCONN"
    client, server = talk.of("client", "connect"), talk.of("server", "bind")
    assert client.remote == server.local
    assert client.local.address == LOOPBACK
    assert client.local.port not in (0, server.local.port)
    if protocol == "tcp":
        accepted = talk.of("accepted", "accept")
        assert (accepted.local, accepted.remote) == (client.remote, client.local)
        assert talk.of("server", "accept").local == server.local
        assert talk.of("server", "accept").remote.name == "ENOTCONN"
    else:
        sent = talk.of("client", "sendto")
        assert sent.local == Endpoint("0.0.0.0", client.local.port)
        assert sent.remote.name == "ENOTCONN"


@MORE_LOOPBACK
def test_a_client_may_choose_its_own_name():
    talk = binding.conversation(client_at=Endpoint("127.0.0.2", 0))
    chosen = talk.of("client", "bind").local
    assert chosen.address == "127.0.0.2"
    assert talk.of("client", "connect").local == talk.of("accepted", "accept").remote == chosen


def test_a_conversation_ends_where_the_kernel_refuses():
    with binding.bound() as (_, trial):
        talk = binding.conversation(client_at=trial.name)
    assert talk.refused.name == "EADDRINUSE"
    assert talk.names[-1].after == "socket"
    with pytest.raises(BadInput, match="'client'"):
        talk.of("client", "connect")


@pytest.mark.parametrize("wrong", [
    lambda: binding.try_bind(protocol="sctp"),
    lambda: binding.try_bind(Endpoint("fe80::1%nowhere", 0)),
    lambda: binding.bind_by("recv"),
    lambda: binding.conversation(server_at="203.0.113.77"),
    lambda: binding.conversation("sctp"),
    lambda: binding.audience(binding.PLACES[0], destinations=["203.0.113.77"]),
])  # fmt: skip
def test_a_callers_mistake_is_told_before_any_socket_is_opened(wrong, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(BadInput):
        wrong()


def test_without_a_descriptor_left_the_refusal_is_told(monkeypatch):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as held:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(200, hard), hard))
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while True:
            sock, trial = held.enter_context(binding.bound())
            if sock is None:
                break
    assert (trial.call, trial.refused.name, trial.names) == ("socket", "EMFILE", ())

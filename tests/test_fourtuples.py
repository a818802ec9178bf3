"""Lesson 05's experiments against witnesses of their own: ss, psutil, /proc, and clients in other processes."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace

import psutil
import pytest
from rules import each

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel import machine, table
from sockets_lab.lessons.fourtuples import (
    Connection,
    Delivery,
    Listener,
    backlog,
    exhaustion,
    port_search,
    trials,
)
from sockets_lab.model import Endpoint, FourTuple

SOON = 5.0  # seconds; a deadline for what is otherwise done at once
NOT_OURS = ("0.0.0.0", "192.0.2.1", "::", "127.255.255.255")  # what takes only an address is in test_no_way_out
netlink = pytest.mark.skipif(table.source() != "netlink", reason="only netlink tells inodes and queues")
more_addresses = pytest.mark.skipif(not machine.loopback_addresses(), reason="only one loopback address here")
own_range = pytest.mark.skipif(not machine.has_local_port_range(), reason="no IP_LOCAL_PORT_RANGE here")
ipv6 = pytest.mark.skipif(not machine.has_ipv6(), reason="no ::1 here")
CLIENT = """
import json, socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as sock:
    print(json.dumps([sock.getsockname(), sock.getpeername()]), flush=True)
    sys.stdin.readline()
    sock.sendall(b"from another process")
    sys.stdin.readline()
"""


pytestmark = pytest.mark.usefixtures("leaves_nothing")


def made(answer: Connection | Refused) -> Connection:
    assert isinstance(answer, Connection), answer
    return answer


def delivered(answer: Delivery | Refused) -> Delivery:
    assert isinstance(answer, Delivery), answer
    return answer


def filled(listener: Listener, count: int) -> tuple[Connection, ...]:
    for _ in range(count):
        made(listener.add_client())
        made(listener.accept())
    return listener.connections()


def test_both_ends_see_the_same_names_in_mirror_image() -> None:
    with Listener() as listener:
        connections = filled(listener, 4)
        mine = {
            (entry.fd, entry.laddr, entry.raddr): entry.status
            for entry in psutil.Process().net_connections("tcp")
            if listener.endpoint.port in (entry.laddr[1], entry.raddr[1] if entry.raddr else 0)
        }
        for connection in connections:
            for end in (connection.client, connection.server):
                name = end.four_tuple
                assert mine[(end.descriptor, name.local.sockaddr, name.remote.sockaddr)] == "ESTABLISHED"
            assert connection.client.four_tuple == connection.server.four_tuple.reversed()
        assert {connection.server.four_tuple.local for connection in connections} == {listener.endpoint}
        assert len({connection.client.four_tuple.local for connection in connections}) == 4
        assert len(mine) == 1 + 2 * 4


def test_a_client_in_another_process_is_accepted_under_the_name_that_it_has_there() -> None:
    with Listener() as listener:
        arguments = [sys.executable, "-c", CLIENT, listener.endpoint.address, str(listener.endpoint.port)]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            local, remote = json.loads(child.stdout.readline())
            ours = made(listener.add_client())
            stranger, second = made(listener.accept(SOON)), made(listener.accept(SOON))
            assert (second.number, second.client.descriptor) == (ours.number, ours.client.descriptor)
            assert stranger.server.four_tuple == FourTuple(Endpoint.of(remote), Endpoint.of(local))
            assert stranger.client.descriptor is None
            assert stranger.client.state == "ESTABLISHED"
            delivery = delivered(listener.send(stranger.number, b"to it", from_server=True, wait=0))
            assert delivery.received is None
            child.stdin.write("\n")
            child.stdin.flush()
            witness = socket.fromfd(stranger.server.descriptor, socket.AF_INET, socket.SOCK_STREAM)  # type: ignore[arg-type]
            with witness:
                witness.settimeout(SOON)
                assert witness.recv(99) == b"from another process"
            child.stdin.write("\n")


@netlink
def test_before_accept_the_connection_is_there_without_a_descriptor() -> None:
    with Listener() as listener:
        client = made(listener.add_client())
        assert (client.server.state, client.server.descriptor) == ("ESTABLISHED", None)
        assert client.server.row.inode == 0
        delivery = delivered(listener.send(client.number, b"seven b", wait=0))
        assert (delivery.woken, delivery.received) == ((), None)
        accepted = made(listener.accept())
        assert accepted.number == client.number
        assert accepted.server.descriptor is not None
        assert accepted.server.row.inode == os.fstat(accepted.server.descriptor).st_ino
        assert accepted.server.row.receive_queue == 7


@pytest.mark.parametrize("address", ["127.0.0.1", pytest.param("::1", marks=ipv6)])
def test_data_wakes_the_one_socket_that_has_its_tuple(address: str) -> None:
    with Listener(address) as listener:
        connections = filled(listener, 5)
        for connection in connections:
            data = f"for {connection.number}".encode()
            there = delivered(listener.send(connection.number, data, wait=SOON))
            assert there.woken == (connection.server.descriptor,)
            assert (there.along, there.received) == (connection.client.four_tuple, data)
            back = delivered(listener.send(connection.number, data, from_server=True, wait=SOON))
            assert back.woken == (connection.client.descriptor,)
            assert (back.along, back.received) == (connection.server.four_tuple, data)


def test_clients_come_and_go_one_by_one() -> None:
    with Listener() as listener:
        filled(listener, 3)
        left = listener.remove_client(2)
        assert left is None or left.state not in ("ESTABLISHED", "LISTEN")
        assert [connection.number for connection in listener.connections()] == [1, 3]
        assert made(listener.add_client()).number == 4
        listener.remove_client(4)  # its server end still waits
        assert listener.connection(4).server.unread == 0  # the mark of its end is no byte
        gone = made(listener.accept())
        assert (gone.number, gone.client.descriptor) == (4, None)
        with pytest.raises(BadInput, match="no descriptor"):
            listener.send(4, b"from nobody")
        listener.remove_client(4)
        assert isinstance(listener.accept(0), Refused)
        assert [connection.number for connection in listener.connections()] == [1, 3]
    assert listener.connections() == ()
    listener.close()


def with_listener(act: Callable[[Listener], object], clients: int = 1) -> None:
    with Listener() as listener:
        for _ in range(clients):
            made(listener.add_client())
        act(listener)


@each([
    *(("backlog", lambda wrong=wrong: Listener(backlog=wrong)) for wrong in (-1, 65536, True, "5", 1.5, None)),
    *(("backlog", lambda wrong=wrong: backlog.fill_queue(wrong)) for wrong in (-1, 65, True)),
    *(("ports", lambda wrong=wrong: exhaustion.exhaust(wrong)) for wrong in (0, 65, True, "8", None)),
    *(("loopback", lambda there=there: with_listener(lambda one: one.add_client(source=there))) for there in NOT_OURS),
    *(("bytes", lambda b=b: with_listener(lambda one: one.send(1, b))) for b in (b"", "text", b"x" * 65537)),
    ("add a client first", lambda: with_listener(lambda one: one.connection(1), clients=0)),
    ("pass one of these numbers: 1", lambda: with_listener(lambda one: one.send(7, b"x"))),
    ("accept it", lambda: with_listener(lambda one: one.send(1, b"x", from_server=True))),
])  # fmt: skip
def test_a_callers_mistake_says_what_to_pass_instead(words: str, act: Callable[[], object]) -> None:
    with pytest.raises(BadInput, match=words):
        act()


@netlink
@each([0, 1, 3])
def test_a_full_queue_holds_a_client_back_until_one_is_accepted(asked: int) -> None:
    run = backlog.fill_queue(asked, wait=0.2)
    assert run.limit == asked
    held = [step.outcome for step in run.steps if step.did == "connect"].index("SYN_SENT")
    assert held >= max(asked, 1)
    assert (run.steps[-1].did, run.steps[-1].outcome) == ("ask again", "ESTABLISHED")
    assert [step.waiting for step in run.steps] == [*range(held + 1), held, held - 1, held]
    assert [step.seconds for step in run.steps] == sorted(step.seconds for step in run.steps)


def test_one_changed_part_is_enough_and_none_is_too_few() -> None:
    found = trials.tuple_trials()
    assert tuple(trial.changed for trial in found.trials) == trials.PARTS
    same = found.trial("nothing").outcome
    assert same.name in ("EADDRNOTAVAIL", "EADDRINUSE")
    for trial in found.trials:
        if isinstance(trial.outcome, FourTuple):
            assert _differing_parts(found.first, trial.outcome) == [trial.changed]
    assert found.trial("local port").made
    if machine.loopback_addresses():
        assert all(trial.made for trial in found.trials if trial.changed != "nothing"), found
    with pytest.raises(BadInput, match="no part"):
        found.trial("colour")


def _differing_parts(one: FourTuple, two: FourTuple) -> list[str]:
    parts = [
        (one.local.address, two.local.address), (one.local.port, two.local.port),
        (one.remote.address, two.remote.address), (one.remote.port, two.remote.port),
    ]  # fmt: skip
    return [name for name, (a, b) in zip(trials.PARTS[1:], parts, strict=True) if a != b]


def test_a_name_that_somebody_else_has_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    name = FourTuple(Endpoint("127.0.0.1", 1), Endpoint("127.0.0.1", 2))
    taken = trials.TupleTrials(name, (trials.TupleTrial("local address", name, Refused("EADDRINUSE", "")),))
    answers = iter([lambda: taken, trials._tuple_trials])
    monkeypatch.setattr(trials, "_tuple_trials", lambda: next(answers)())
    found = trials.tuple_trials()
    assert found.first != name


def test_a_socket_connected_to_itself_has_one_name_twice() -> None:
    name = trials.connect_to_itself()
    if isinstance(name, FourTuple):  # a system may refuse it
        assert name == name.reversed()
    else:
        assert name.name.startswith("E")


@own_range
@more_addresses
def test_a_range_ends_for_one_remote_endpoint_and_for_no_other() -> None:
    found = exhaustion.exhaust(8)
    assert sorted(name.local.port for name in found.made) == list(found.ports)
    assert len({name.remote for name in found.made}) == 1
    assert found.refused is not None
    assert found.refused.name == "EADDRNOTAVAIL"
    one, two = found.from_other_source, found.to_other_listener
    assert {one.local.port, two.local.port} <= set(found.ports)
    assert one.remote == found.made[0].remote
    assert one.local.address != found.made[0].local.address == two.local.address
    assert two.remote != found.made[0].remote


@own_range
def test_another_range_is_taken_when_a_stranger_has_one_of_the_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    choose = exhaustion._untouched
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        port = stranger.getsockname()[1]
        ranges = iter([range(port, port + 1)])
        monkeypatch.setattr(exhaustion, "_untouched", lambda size: next(ranges, None) or choose(size))
        found = exhaustion.exhaust(1)
    assert len(found.made) == 1
    assert port not in found.ports


def test_a_system_without_the_option_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_local_port_range", lambda: False)
    answer = exhaustion.exhaust()
    assert answer.name == "ENOPROTOOPT"


def test_the_cost_of_connect_is_measured_in_batches_and_limits_are_put_back() -> None:
    before = machine.descriptor_limits()
    cost = port_search.connect_cost(seconds=60, most=100)
    assert cost.used == (32, 64, 96, 100)
    assert (cost.ended_early, len(cost.microseconds), len(cost.even)) == (None, 4, 4)
    assert all(0 < microseconds < 1e7 for microseconds in cost.microseconds)
    assert all(0 <= share <= 1 for share in cost.even)
    assert machine.descriptor_limits() == before
    cost = port_search.connect_cost(seconds=0)
    assert (cost.used, cost.ended_early, cost.rise) == ((32,), "timed out", None)


def test_a_busy_machine_has_time_for_the_whole_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second of work takes ten where twenty programs share a core: 100 batches of a tenth of a second each."""
    clock = SimpleNamespace(monotonic=map(0.1.__mul__, count()).__next__, perf_counter=time.perf_counter)
    monkeypatch.setattr(port_search, "time", clock)
    with port_search.more_descriptors(3600) as limit:
        most = min(3200, limit - 400)
        if most < port_search.BATCH:
            pytest.skip("too few descriptors for a curve here")
        cost = port_search.connect_cost(most=most)
    assert (cost.ended_early, cost.used[-1]) == (None, most)


@pytest.mark.parametrize("may_be_raised", [False, True])
def test_the_measurement_raises_the_limit_if_it_may_and_else_ends_early(may_be_raised: bool) -> None:
    resource = pytest.importorskip("resource")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if may_be_raised and hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("the hard limit of descriptors is too low here")
    code = f"""
import resource
limits = 256, {hard if may_be_raised else 256}
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
from sockets_lab.lessons.fourtuples.port_search import connect_cost
cost = connect_cost(seconds=60, most=1000)
print(cost.ended_early, cost.used[-1] <= 256 - 64, resource.getrlimit(resource.RLIMIT_NOFILE) == limits)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    told = "None False True\n" if may_be_raised else "no more descriptors True True\n"
    assert (run.stdout, run.stderr) == (told, "")

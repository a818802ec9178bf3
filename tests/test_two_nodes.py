"""The classic example between nodes: two ends, their numbers, a third node, a cable. The witness is /proc in a node."""

import os
from collections.abc import Iterator

import pytest
from labs import KINDS

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel.machine import descriptor_limits
from sockets_lab.lab import Lab, Node
from sockets_lab.lessons import two_nodes
from sockets_lab.lessons.two_nodes import ends
from sockets_lab.model import Endpoint

many = pytest.mark.skipif(descriptor_limits()[1] < 1024, reason="no descriptor can have the number 922 here")
A, B = two_nodes.NodeEnd("A", 4444, 150), two_nodes.NodeEnd("B", 8888, 222)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SOCKETS_LAB_NODES", request.param)
    return str(request.param)


@pytest.fixture
def lab(kind: str) -> Iterator[Lab]:
    with two_nodes.open_lab() as one:
        assert one.kind == kind
        yield one


def open_numbers(node: Node) -> set[int]:
    """Ask /proc in the node which descriptors its process has; the one that lists the folder is gone by then."""

    def read() -> set[int]:
        return {int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}

    numbers: set[int] = node.run(read)
    return numbers


def proc_row(node: Node, number: int) -> list[str]:
    """Find, in the node's /proc/net/tcp, the row of the socket behind a descriptor of its process. Source: proc(5)."""

    def read() -> list[str]:
        inode = os.readlink(f"/proc/self/fd/{number}").removeprefix("socket:[").removesuffix("]")
        with open("/proc/self/net/tcp") as table:
            return next(words for line in table if (words := line.split())[9] == inode)

    found: list[str] = node.run(read)
    return found


def spelled(endpoint: Endpoint) -> str:
    """Spell an endpoint as /proc/net/tcp does, on a machine whose bytes are little-endian."""
    octets = bytes(map(int, endpoint.address.split(".")))
    return f"{int.from_bytes(octets, 'little'):08X}:{endpoint.port:04X}"


@many
def test_the_example_as_the_text_has_it(kind: str) -> None:
    found = two_nodes.example()
    assert (found.connection.client, found.connection.server) == (two_nodes.CLIENT, two_nodes.SERVER)
    assert (found.at_server, found.at_client) == (b"from the client", b"from the server")
    client, server = found.view["A"].row_at(317), found.view["B"].row_at(922)
    assert client
    assert server
    assert client.four_tuple == server.four_tuple.reversed()
    assert (client.local.port, server.local.port) == (4444, 8888)
    assert found.view["A"].row_at(922) is None
    assert (found.view["C"].entries, found.view["C"].rows) == ((), ())
    if kind == "namespaces":
        assert f"{client.four_tuple}" == "10.20.30.40:4444 -> 50.60.70.80:8888"
        assert found.differs == ""


def test_both_ends_are_where_proc_says(lab: Lab) -> None:
    before = [open_numbers(node) for node in lab.nodes]
    with two_nodes.connected(lab, A, B) as made:
        here, there = Endpoint(lab.A.address, 4444), Endpoint(lab.B.address, 8888)
        assert proc_row(lab.A, 150)[1:4] == [spelled(here), spelled(there), "01"]  # 01: TCP_ESTABLISHED
        assert proc_row(lab.B, 222)[1:4] == [spelled(there), spelled(here), "01"]
        assert proc_row(lab.B, made.listener)[1:4:2] == [spelled(there), "0A"]  # 0A: TCP_LISTEN
        view = two_nodes.hosts(lab)
        assert [[entry.number for entry in host.entries] for host in view.hosts] == [[150], [made.listener, 222], []]
        assert [row.state for row in view["B"].rows] == ["LISTEN", "ESTABLISHED"]
    assert [open_numbers(node) for node in lab.nodes] == before


def test_one_number_at_both_ends_and_numbers_exchanged(kind: str) -> None:
    for first, second in ((200, 200), (222, 150)):
        found = two_nodes.example(two_nodes.NodeEnd("A", 4444, first), two_nodes.NodeEnd("B", 8888, second))
        assert found.at_server == b"from the client"
        assert [end.number for end in (found.connection.client, found.connection.server)] == [first, second]


def test_a_number_that_is_taken_is_said_to_be_and_nothing_stays_open(lab: Lab) -> None:
    before = open_numbers(lab.A), open_numbers(lab.B)
    taken = two_nodes.NodeEnd("B", 8888, 0)
    with pytest.raises(BadInput, match="stands for something already"), two_nodes.connected(lab, A, taken):
        pass
    assert (open_numbers(lab.A), open_numbers(lab.B)) == before


def test_a_number_beyond_the_limit_becomes_the_lowest_free_one(lab: Lab) -> None:
    listener = lab.A.run(ends.listen, Endpoint(lab.A.address, 0), 10**7)
    assert 2 < listener < 100


def test_what_the_kernel_refuses_is_a_result(lab: Lab) -> None:
    there = Endpoint(lab.B.address, 8888)
    assert lab.A.run(ends.connect, Endpoint(lab.A.address, 0), there).name == "ECONNREFUSED"
    listener = lab.B.run(ends.listen, there)
    assert lab.B.run(ends.listen, there).name == "EADDRINUSE"
    assert lab.B.run(ends.accept, listener, None, 0.01).name == "EAGAIN"
    assert lab.B.run(ends.close, listener, listener)[1].name == "EBADF"
    for function, args in ((ends.write, (b"x",)), (ends.read, (0,)), (ends.accept, ())):
        assert lab.A.run(function, 200, *args).name == "EBADF"


def test_the_other_ends_number_is_of_no_use(kind: str) -> None:
    found = two_nodes.try_number()
    assert found.free.name == "EBADF"
    assert found.taken == len(b"for descriptor 922 of B")
    assert isinstance(found.at_server, Refused)
    assert found.at_third == b"for descriptor 922 of B"


def test_a_third_node_knows_nothing_and_makes_connections_of_its_own(kind: str) -> None:
    found = two_nodes.third_node()
    assert found.named == 0
    assert not found.heard
    assert found.own.remote.address == found.view["C"].address
    assert len({row.four_tuple for row in found.view["B"].rows if row.state == "ESTABLISHED"}) == 2
    assert found.taking is not None
    if kind == "namespaces":
        assert found.taking.name == "EADDRNOTAVAIL"
        assert found.seen is not None
        assert set(found.seen) <= {"ARP", "ICMPv6"}  # ICMPv6, where a stack's settings may only be read
        assert "ARP" in found.seen
    else:
        assert found.seen is None


def test_no_table_knows_that_a_cable_is_out(kind: str) -> None:
    found = two_nodes.pull_the_plug()
    if kind == "loopback":
        assert isinstance(found, Refused)
        return
    assert found.states == ("ESTABLISHED", "ESTABLISHED")
    assert isinstance(found.meanwhile, Refused)
    assert found.taken in (found.waiting, 17)
    assert found.arrived == b"is anybody there?"


def test_one_name_in_two_stacks(kind: str) -> None:
    first, second = two_nodes.same_name_twice()
    assert isinstance(first, int)
    assert isinstance(second, int) == (kind == "namespaces")


def test_a_busy_node_still_shows_its_tables(lab: Lab) -> None:
    number = lab.B.run(ends.listen, Endpoint(lab.B.address, 8888))
    lab.B.start("import time; time.sleep(60)")
    host = two_nodes.look(lab.B)
    assert [row.state for row in host.rows if row.local.port == 8888] == ["LISTEN"]
    assert number in [entry.number for entry in host.entries]
    with pytest.raises(BadInput, match="is busy"):  # or the look had waited for the end of it
        lab.B.start("pass")
    lab.B.interrupt()
    lab.B.result()


def test_the_bench_leaves_the_nodes_own_descriptors_alone(kind: str) -> None:
    bench = two_nodes.NodesModel()
    try:
        own = next(number for number in open_numbers(bench.lab.A) if number > 2)
        for act, *args in ((bench.write, b"x"), (bench.read,), (bench.give_back,)):
            with pytest.raises(BadInput, match="this node itself needs"):
                act("A", own, *args)
        with pytest.raises(BadInput, match="Nobody listens at A"):
            bench.accept("A", 200)
    finally:
        bench.close()
    bench.close()
    assert bench.lab.closed

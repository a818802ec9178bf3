"""No way out: whatever is passed as a target to what connects, sends, listens or forwards, either it is refused in a
sentence, or the first address that a socket is told, or that is let through to one, is one of this machine."""

import random
import socket
from ipaddress import ip_address, ip_network
from types import SimpleNamespace

import pytest
from trials import amount

from sockets_lab import guard
from sockets_lab.errors import BadInput
from sockets_lab.headers import UDP, IPv4, compose
from sockets_lab.kernel.connecting import listening, start_connect
from sockets_lab.kernel.doctor.question import Question
from sockets_lab.kernel.doctor.trying import visits
from sockets_lab.lab.firewall.reaching import reach
from sockets_lab.lab.loopback import LoopbackNode
from sockets_lab.lessons import binding, datagrams, fourtuples, ports, scanning
from sockets_lab.lessons.detective import customers
from sockets_lab.lessons.detective.programs import checked
from sockets_lab.lessons.filtering import forwarding
from sockets_lab.lessons.fourtuples.load_roles import Guests
from sockets_lab.lessons.groups.membership import send_to_group
from sockets_lab.lessons.knocking import knocker
from sockets_lab.lessons.packets.sending import inside
from sockets_lab.lessons.scanning import tcp, watching
from sockets_lab.model import Endpoint
from sockets_lab.playground.places import Here

TRIALS = amount("FUZZ", 60, 1000)  # for each of the ways; by hand: 15000
OURS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
GROUPS = ip_network("239.255.0.0/16")
HERE, OK = Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", 9)
HOME = ("127.0.0.1", 0)
PIECES = [
    "127.", "0", "1", "127.0.0.1", "::1", "::ffff:", "8.8.8.8", "10.0.0.1", "239.255.0.1", "224.0.0.1", "0x7f", "%lo",
    "localhost", "@", "#", "/8", ":80", "[", "]", " ", "\n", "\0", "255", "\uff11", "fe80::1", "0177", "2130706433",
    "a.example", "::", "0.0.0.0", "-",
]  # fmt: skip
ODD = [None, True, 0, -1, 127, 2**64, 1.5, b"127.0.0.1", (), ("127.0.0.1", 80), object(), "", "9" * 5000]


class Told(BaseException):
    """A socket was told an address."""


class Deaf(socket.socket):
    """A socket that does nothing, and reports the first address that it is told; then it is of no use any more."""

    def connect(self, address):
        self.close()
        raise Told(address)

    connect_ex = bind = connect

    def sendto(self, data, *rest):
        self.connect(rest[-1])

    def sendmsg(self, buffers, ancillary=(), flags=0, address=None):
        self.connect(address)


def let_through(endpoint):
    """Report an endpoint that a check let through: it would be told to a socket next."""
    raise Told(endpoint.sockaddr)


def would_go(call, address):
    """Report that address where a call gets as far as the kernel, or another's program, with one of its own."""
    try:
        call()
    except Told:
        let_through(Endpoint(address, 0))


NODE = object.__new__(LoopbackNode)  # not more than its address is looked at
NODE.address = "127.128.0.1"
LAB = SimpleNamespace(nodes=[NODE])

WAYS = {
    "guard": lambda a, p: let_through(guard.destination(Endpoint(a, p))),
    "group": lambda a, p: let_through(guard.group(Endpoint(a, p))),
    "connect": lambda a, p: with_tcp(lambda sock: start_connect(sock, Endpoint(a, p), 0)),
    "connect from": lambda a, p: with_tcp(lambda sock: start_connect(sock, OK, 0, Endpoint(a, p))),
    "listen": lambda a, p: listening(Endpoint(a, p), 1).close(),
    "datagram": lambda a, p: with_udp(lambda sock: datagrams.send(sock, b"x", Endpoint(a, p))),
    "datagram to a group": lambda a, p: with_udp(lambda one: send_to_group(one, b"x", Endpoint(a, p)), HOME),
    "datagram socket": lambda a, p: datagrams.bound(a, p).close(),
    "forward from": lambda a, p: forwarding.Forwarder(Endpoint(a, p), OK).close(),
    "forward to": lambda a, p: would_go(lambda: forwarding.Forwarder(HERE, Endpoint(a, p)), a),
    "forward as": lambda a, p: would_go(lambda: forwarding.Forwarder(HERE, OK, source=a), a),
    "doctor": lambda a, p: list(visits(Question(p, Endpoint(a, p).address))),
    "scan": lambda a, p: scanning.scan(a, p, deadline=0.01),
    "scan by UDP": lambda a, p: scanning.udp_scan(a, p, deadline=0.01),
    "visit": lambda a, p: scanning.visit(a, [p]),
    "watch": lambda a, p: watching.Listeners(a, p),
    "knock": lambda a, p: knocker.knock(a, [p]),
    "knock from": lambda a, p: knocker.knock("127.0.0.1", [9], source=a),
    "signed request": lambda a, p: knocker.send_request(Endpoint(a, p), b""),
    "door": lambda a, p: knocker.visit(Endpoint(a, p)),
    "ask": lambda a, p: with_tcp(lambda sock: reach(sock, Endpoint(a, p), "tcp", 0.05, b"", 0)),
    "customer": lambda a, p: customers.visit(Endpoint(a, p), "udp", ""),
    "service": lambda a, p: let_through(Endpoint(checked(NODE, {"address": a, "port": p})["address"], p)),
    "service's target": lambda a, p: let_through(Endpoint(*checked(NODE, {"target": (a, p)})["target"][:2])),
    "bench": lambda a, p: let_through(Here().destination(Endpoint(a, p))),
    "packet by hand": lambda a, p: would_go(lambda: packet(a, p), a),
    "probe": lambda a, p: ports.probe(p, "tcp", a),
    "knock at a bound socket": lambda a, p: with_tcp(lambda sock: binding.reach(sock, a), HOME),
    "listener": lambda a, p: fourtuples.Listener(a),
    "guests": lambda a, p: would_go(lambda: Guests(Endpoint(a, p), []).play(1, 0.0), a),
    "guests from": lambda a, p: would_go(lambda: Guests(OK, [a]).play(1, 0.0), a),
}
ELSEWHERE = (
    "0.0.0.0", "::", "127.0.0.0", "127.255.255.255", "128.0.0.1", "126.255.255.255", "10.0.0.1", "192.168.1.1",
    "255.255.255.255", "239.254.0.1", "169.254.169.254", "8.8.8.8", "::2", "::ffff:127.0.0.1", "::127.0.0.1",
    "::ffff:8.8.8.8", "64:ff9b::7f00:1", "fe80::1", "fe80::1%lo", "ff02::1", "2001:db8::1",
    "localhost", "127.1", "2130706433", "127.0.0.1:80", "", None, 1, b"127.0.0.1",
)  # fmt: skip


def with_tcp(call, home=None, kind=socket.SOCK_STREAM):
    """Args: home: the name to which the socket is bound before."""
    with Deaf(socket.AF_INET, kind) as sock:
        if home:
            super(Deaf, sock).bind(home)
        return call(sock)


def with_udp(call, home=None):
    return with_tcp(call, home, socket.SOCK_DGRAM)


def packet(address, port):
    """Take a packet to a node as far as its check."""
    made = compose(IPv4(source=NODE.address, destination=address), UDP(source_port=9, destination_port=port))
    inside(LAB, made)
    raise Told(made)


def target(dice: random.Random) -> tuple:
    """Draw an address and a port: mostly such as look like some, sometimes none at all."""
    kind = dice.random()
    if kind < 0.4:
        octets = bytearray(dice.choice([dice.randbytes(4), b"\x7f\0\0\1", bytes([239, 255, 0, 1]), dice.randbytes(16)]))
        octets[dice.randrange(len(octets))] ^= 1 << dice.randrange(8)
        address = str(ip_address(bytes(octets)))
    elif kind < 0.9:
        address = "".join(dice.choices(PIECES, k=dice.randrange(1, 5)))
    else:
        address = dice.choice(ODD)
    port = dice.choice([dice.randrange(65536), 80, 0, -1, 65536, "80", "ssh", None, True, 2.0, b"80"])
    return address, port


@pytest.fixture
def deaf(monkeypatch):
    monkeypatch.setattr(socket, "socket", Deaf)
    monkeypatch.setattr(tcp, "can_reuse", lambda family: True)


@pytest.mark.parametrize("way", WAYS)
def test_no_target_leads_out_of_this_machine(way, deaf):
    dice, refused, told = random.Random(way), 0, 0
    good = [("127.0.0.1", 80), ("239.255.0.1", 80), (NODE.address, 80)]  # for some way each
    for address, port in [*good, *(target(dice) for _ in range(TRIALS))]:
        try:
            WAYS[way](address, port)
        except BadInput:
            refused += 1
        except Told as there:
            told += 1
            where = ip_address(there.args[0][0])
            assert any(where in network for network in OURS if network.version == where.version) or (
                "group" in way and where in GROUPS
            ), f"{way}: {address!r}, {port!r} led to {where}"
    assert refused > TRIALS / 4
    assert told, "no target was good: what is refused always shows nothing"


def test_no_address_of_another_machine_is_taken_by_any_way(deaf):
    taken = []
    for way, call in WAYS.items():
        if way == "doctor":
            continue  # it answers for any address, and visits loopback only: see the test of random targets
        for address in ELSEWHERE:
            try:
                call(address, 80)
            except BadInput:
                continue
            except Told:
                pass
            if address or "from" not in way:  # from nowhere: the kernel chooses
                taken.append((way, address))
    assert taken == []

"""What a refusal means: each name is this system's own, and real refusals get their name."""

import errno
import socket
import sys

import pytest
from labs import needs_namespaces, open_lab

from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.lab import firewall
from sockets_lab.lab.firewall import Rule, apply, incoming, outgoing
from sockets_lab.meanings import ROWS, SAME_CALL, STANDARD, meaning
from sockets_lab.watch.calls import record

IP, IP6, TCP, SOL = socket.IPPROTO_IP, socket.IPPROTO_IPV6, socket.IPPROTO_TCP, socket.SOL_SOCKET
GROUP = socket.inet_aton("239.1.1.1") + socket.inet_aton("127.0.0.1")
ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="which call is refused with which errno is Linux's")


def test_each_errno_comes_back_and_reads_as_the_end_of_a_sentence():
    wrong = []
    for name in [name for name in STANDARD if hasattr(errno, name)]:
        told = refusal(OSError(getattr(errno, name), "its own text"))
        expected = meaning(name)
        if told != Refused(name, expected) or str(told) != f"{name}: {expected}":
            wrong.append(told)
    for name, calls, _, cause in ROWS:
        length = len(f"{name}: {STANDARD[name]}. {cause}")
        if length > 190 or cause != cause.strip().rstrip(".") or set(calls.split()) & set(SAME_CALL):
            wrong.append((name, calls, cause))
    assert wrong == []
    assert {row[0] for row in ROWS} <= set(STANDARD)
    assert {name for name in STANDARD if name[:3] != "EAI"} - {row[0] for row in ROWS if not row[1]} == {"EDOM"}


@pytest.mark.parametrize(("theirs", "ours"), [("EWOULDBLOCK", "EAGAIN"), ("ENOTSUP", "EOPNOTSUPP")])
def test_two_names_for_one_refusal_are_one(monkeypatch, theirs, ours):
    monkeypatch.setitem(errno.errorcode, 99999, theirs)
    assert refusal(OSError(99999, "")) == Refused(ours, meaning(ours))


def test_windows_spelling(monkeypatch):
    monkeypatch.setitem(errno.errorcode, 10048, "WSAEADDRINUSE")
    monkeypatch.setitem(errno.errorcode, 10035, "WSAEWOULDBLOCK")
    assert refusal(OSError(10048, "")).name == "EADDRINUSE"
    assert refusal(OSError(10035, "")) == Refused("EAGAIN", meaning("EAGAIN"))


def tcp(family=socket.AF_INET):
    return socket.socket(family)


def udp(family=socket.AF_INET):
    return socket.socket(family, socket.SOCK_DGRAM)


def bound(sock, address=("127.0.0.1", 0)):
    sock.bind(address)
    return sock


def listening():
    return socket.create_server(("127.0.0.1", 0))


def connected():
    with listening() as server:
        return socket.create_connection(server.getsockname())


def member():
    sock = udp()
    sock.setsockopt(IP, socket.IP_ADD_MEMBERSHIP, GROUP)
    return sock


def answered():
    """A UDP socket whose datagram came to a port without a program."""
    sock = udp()
    sock.connect(("127.0.0.1", 1))
    sock.send(b"x")
    return sock


# A socket, a call, its arguments; its errno, and what the sentence must say.
REFUSALS = [
    (udp, "sendto", (b"x", ("127.255.255.255", 9)), "EACCES", "SO_BROADCAST", "firewall"),
    (udp, "connect", (("127.255.255.255", 9),), "EACCES", "SO_BROADCAST", "firewall"),
    (lambda: tcp(socket.AF_INET6), "connect", (("fe80::1", 9),), "EINVAL", "link-local", "interface"),
    (lambda: tcp(socket.AF_INET6), "bind", (("fe80::1", 0),), "EINVAL", "link-local", "interface"),
    (lambda: bound(tcp()), "bind", (("127.0.0.1", 0),), "EINVAL", "bound already"),
    (lambda: bound(udp()), "connect", (("192.0.2.1", 9),), "EINVAL", "loopback address"),
    (lambda: tcp(), "setsockopt", (TCP, 4, 0), "EINVAL", "TCP_KEEPIDLE takes 1 to 32,767"),
    (lambda: tcp(), "setsockopt", (TCP, 6, 128), "EINVAL", "TCP_KEEPCNT takes 1 to 127"),
    (lambda: tcp(), "setsockopt", (IP, socket.IP_TTL, 300), "EINVAL", "IP_TTL takes 1 to 255"),
    (lambda: tcp(), "setsockopt", (IP, socket.IP_TTL, b""), "EINVAL", "IP_TTL takes 1 to 255"),
    (lambda: tcp(socket.AF_INET6), "setsockopt", (IP6, socket.IPV6_UNICAST_HOPS, 256), "EINVAL", "0 to 255"),
    (tcp, "setsockopt", (SOL, 20, 5), "EINVAL", "SO_RCVTIMEO takes a struct timeval"),
    (tcp, "setsockopt", (SOL, socket.SO_LINGER, 1), "EINVAL", "SO_LINGER takes a struct linger"),
    (udp, "setsockopt", (IP, socket.IP_ADD_MEMBERSHIP, 7), "EINVAL", "struct ip_mreq"),
    (member, "setsockopt", (IP, socket.IP_ADD_MEMBERSHIP, GROUP), "EADDRINUSE", "member of that group already"),
    (udp, "setsockopt", (IP, socket.IP_DROP_MEMBERSHIP, GROUP), "EADDRNOTAVAIL", "not a member"),
    (tcp, "setsockopt", (SOL, 25, b"nosuch0"), "ENODEV", "interface"),
    (udp, "setsockopt", (TCP, socket.TCP_NODELAY, 1), "ENOPROTOOPT", "option"),
    (tcp, "getsockopt", (SOL, 9999), "ENOPROTOOPT", "option"),
    (tcp, "connect", (("127.0.0.1", 0),), "ECONNREFUSED", "Port 0"),
    (udp, "sendto", (b"x", ("127.0.0.1", 0)), "EINVAL", "Port 0"),
    (tcp, "connect", (("127.0.0.1", 1),), "ECONNREFUSED", "No program", "firewall"),
    (answered, "recv", (1,), "ECONNREFUSED", "ICMP", "firewall"),
    (udp, "sendto", (b"x" * 65508, ("127.0.0.1", 9)), "EMSGSIZE", "65,507"),
    (tcp, "bind", (("192.0.2.1", 0),), "EADDRNOTAVAIL", "No interface of this machine"),
    (udp, "listen", (), "EOPNOTSUPP", "Only stream sockets"),
    (udp, "accept", (), "EOPNOTSUPP", "Only stream sockets"),
    (udp, "sendto", (b"x", socket.MSG_OOB, ("127.0.0.1", 9)), "EOPNOTSUPP", "flags"),
    (tcp, "accept", (), "EINVAL", "does not listen"),
    (connected, "listen", (), "EINVAL", "connected"),
    (connected, "recv", (1, socket.MSG_OOB), "EINVAL", "urgent"),
    (listening, "connect", (("127.0.0.1", 9),), "EISCONN", "it listens"),
    (listening, "recv", (1,), "ENOTCONN", "a listener never is"),
    (tcp, "shutdown", (socket.SHUT_WR,), "ENOTCONN", "never connected"),
    (connected, "shutdown", (9,), "EINVAL", "SHUT_WR"),
    (udp, "send", (b"x",), "EDESTADDRREQ", "sendto"),
    (lambda: tcp(socket.AF_UNIX), "connect", ("/no/such/file",), "ENOENT", "nothing of that name"),
    (lambda: tcp(socket.AF_UNIX), "listen", (), "EINVAL", "bind it first"),
] if sys.platform == "linux" else []  # fmt: skip


@ONLY_LINUX
def test_the_words_are_of_the_call_and_its_arguments_recorded_or_not():
    """The case that this was found with: one sentence stood for every EINVAL, such as that of TTL 300."""
    wrong = []
    for make, call, args, name, *words in REFUSALS:
        told = []
        with make() as sock, record() as calls:
            told.append(attempt(getattr(sock, call), *args))
            told.append(calls[-1].answer)
        with make() as sock:
            told.append(attempt(getattr(sock, call), *args))
        if len(set(map(str, told))) != 1 or told[0].name != name or not all(one in told[0].because for one in words):
            wrong.append((call, args, told))
    assert wrong == []


@ONLY_LINUX
def test_where_only_the_traceback_shows_the_call_the_words_are_of_that_call():
    wrong = []
    for make, call, args, name, *_ in REFUSALS:
        with make() as sock:
            plain = attempt(eval, f"sock.{call}(*args)", {"sock": sock, "args": args})
        with make() as sock, record():
            recorded = attempt(eval, f"sock.{call}(*args)", {"sock": sock, "args": args})
        if not plain == recorded == Refused(name, meaning(name, call)):
            wrong.append((call, args, plain, recorded))
    assert wrong == []
    with udp() as sock:
        assert "SO_BROADCAST" in attempt(lambda: sock.sendto(b"x", ("127.255.255.255", 9))).because
    assert "CAP_NET_RAW" in refusal(OSError(errno.EPERM, ""), "socket").because


def answers(address):
    """In a node: what a client gets there, by TCP, and by UDP when it sends and when it receives."""
    with tcp() as one, udp() as other:
        one.settimeout(0.3)
        other.settimeout(0.3)
        other.connect((address, 9))
        return attempt(one.connect, (address, 9)), attempt(other.send, b"x"), attempt(other.recv, 1)


@needs_namespaces
def test_the_words_name_a_firewall_where_there_is_one_and_what_its_rules_lack():
    with open_lab(A="10.20.30.40", B="50.60.70.80") as lab:
        told = {}
        for answer in ("port", "host", "filter", None):
            assert apply(lab.B, incoming(Rule("reject", answer=answer) if answer else Rule("drop"))) is None
            told[answer] = lab.A.run(answers, lab.B.address)
        assert apply(lab.A, outgoing(Rule("drop", "udp"))) is None
        told["own"] = lab.A.run(answers, lab.B.address)
        missing = firewall.delete(lab.A, 7, "output")
    assert (told["port"][0].name, told["port"][1], told["port"][2].name) == ("ECONNREFUSED", 1, "ECONNREFUSED")
    assert (told["host"][0].name, told["filter"][0].name, told[None][0].name) == ("EHOSTUNREACH",) * 2 + ("DEADLINE",)
    assert told["own"][1].name == "EPERM"
    named = told["port"][0], told["port"][2], told["host"][0], told["filter"][0], told[None][0], told["own"][1]
    assert [one for one in named if "firewall" not in one.because] == []
    assert missing.because.endswith("There is no such table, chain or rule")


def test_what_is_not_explained_keeps_its_own_text():
    assert refusal(OSError(errno.ELOOP, "so many links")) == Refused("ELOOP", f"[Errno {errno.ELOOP}] so many links")
    assert refusal(OSError("no number at all")) == Refused("unknown", "no number at all")
    # The number of a name look-up is no errno, though it looks like one.
    assert refusal(socket.gaierror(99999, "no such name")).name == "unknown"
    assert refusal(socket.gaierror(errno.ENOENT, "no such name")).name != "ENOENT"
    assert refusal(socket.gaierror(socket.EAI_NONAME, "")) == Refused("EAI_NONAME", meaning("EAI_NONAME"))


def test_real_refusals():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as other:
        assert attempt(other.bind, listener.getsockname()).name == "EADDRINUSE"
        assert attempt(other.bind, ("203.0.113.1", 0)).name == "EADDRNOTAVAIL"
        assert attempt(listener.getpeername).name == "ENOTCONN"
        listener.setblocking(False)
        assert attempt(listener.accept).name == "EAGAIN"
        other.settimeout(0.01)
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert attempt(other.accept) == Refused("DEADLINE", meaning("DEADLINE", "accept"))
    assert attempt(other.getsockname).name == "EBADF"


def test_an_answer_comes_through_and_a_mistake_still_raises():
    assert attempt(int, "7") == 7
    with socket.socket() as sock:
        with pytest.raises(OverflowError):
            attempt(sock.bind, ("127.0.0.1", 70000))
        with pytest.raises(TypeError):
            attempt(sock.bind, "127.0.0.1")
    with pytest.raises(BadInput):
        attempt(refuse_to_try)


def refuse_to_try():
    raise BadInput("Pass something else.")

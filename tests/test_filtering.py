"""The node's packet filter against other witnesses: real clients, captured packets, and Debian's nft."""

import errno
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import psutil
import pytest
from filter_samples import PLAN, for_each, rulesets, written
from labs import KINDS, filtered_lab
from rules import each

from sockets_lab.errors import BadInput, Refused
from sockets_lab.headers import UDP, IPv4, dissect
from sockets_lab.lab import Lab, Node, firewall
from sockets_lab.lab.firewall import (
    Chain,
    Rule,
    Ruleset,
    apply,
    ask,
    clear,
    decode,
    encode,
    held,
    incoming,
    outgoing,
)
from sockets_lab.lab.firewall.control import KernelFirewall
from sockets_lab.lab.firewall.expressions import Expression
from sockets_lab.lessons import filtering
from sockets_lab.model import Endpoint

SOON = 5.0  # seconds; a deadline for what is otherwise done at once
QUIET = 0.3  # seconds after which silence is believed
WRITTEN = int(os.environ.get("SOCKETS_LAB_RULES", "60"))  # rules that nft writes
needs_nft = pytest.mark.skipif(not shutil.which("nft"), reason="needs Debian's nft: apt-get install nftables")
INPUT = "\tchain input {{\n\t\ttype filter hook input priority filter; policy {};\n"


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_open() -> Iterator[None]:
    process = psutil.Process()
    before = process.num_fds() if hasattr(process, "num_fds") else 0, process.children(recursive=True)
    yield
    assert before == (process.num_fds() if hasattr(process, "num_fds") else 0, process.children(recursive=True))


@pytest.fixture(scope="module")
def one_lab() -> Iterator[Lab]:
    with filtered_lab(**PLAN) as lab:
        yield lab


@pytest.fixture
def lab(one_lab: Lab) -> Iterator[Lab]:
    """A lab whose nodes have no rules, before and after a test."""
    yield one_lab
    for node in one_lab.nodes:
        assert clear(node) is None
        assert held(node) == Ruleset()


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    with Lab(**PLAN, fallback=True) as lab:
        yield lab


@pytest.fixture(params=KINDS)
def either(request: pytest.FixtureRequest) -> Lab:
    """A lab with the kernel's filter, then one with the simulated firewall: the experiments are the same."""
    lab: Lab = request.getfixturevalue("lab" if request.param == "namespaces" else "loopback")
    return lab


def nft(node: Node, *words: str, text: str = "") -> str:
    """Run Debian's nft in a node. Returns: what it printed."""

    def run() -> str:
        done = subprocess.run(["nft", *words], input=text, capture_output=True, text=True, timeout=SOON)
        assert done.returncode == 0, done.stderr
        return done.stdout

    printed: str = node.run(run)
    return printed


def rules_of(node: Node, hook: str = "input") -> tuple[Any, ...]:
    found = held(node)
    return found.chain(hook).rules


def test_the_kernel_holds_what_it_was_given(lab: Lab) -> None:
    def check(ruleset: Ruleset) -> None:
        assert apply(lab.A, ruleset) is None
        found = held(lab.A)
        assert found == ruleset
        assert all(rule.packets == rule.octets == 0 for chain in found.chains for rule in chain.rules)

    for_each(rulesets, check)


@needs_nft
def test_nft_lists_the_rules_in_our_words_and_reads_them(lab: Lab) -> None:
    def check(ruleset: Ruleset) -> None:
        assert apply(lab.A, ruleset) is None
        assert nft(lab.A, "-s", "list", "ruleset") == f"{ruleset}\n"
        nft(lab.B, "-f", "-", text=f"table ip sockets_lab\ndelete table ip sockets_lab\n{ruleset}\n")
        assert held(lab.B) == ruleset

    for_each(rulesets, check)


@needs_nft
def test_rules_of_others_are_counted_though_not_understood(lab: Lab) -> None:
    assert apply(lab.B, incoming(Rule("count", "tcp"))) is None
    nft(lab.B, "add", "rule", "ip", "sockets_lab", "input", "tcp", "flags", "syn", "counter")
    nft(lab.B, "add", "table", "ip", "another")
    nft(lab.B, "add", "chain", "ip", "another", "input", "{ type filter hook input priority 5; policy accept; }")
    ask(lab.A, Endpoint(lab.B.address, 9), deadline=QUIET)
    ours, theirs = rules_of(lab.B)
    assert ours == Rule("count", "tcp")
    assert theirs.expressions[-1] == "counter"
    assert (ours.packets, theirs.packets) == (1, 1)
    with pytest.raises(BadInput, match="leave it out"):
        apply(lab.A, incoming(theirs))
    clear(lab.B)
    assert "another" in nft(lab.B, "list", "tables"), "only our own table is taken away"
    nft(lab.B, "delete", "table", "ip", "another")


@needs_nft
@pytest.mark.parametrize(("hook", "one_in"), [("input", 2), ("prerouting", 4), ("postrouting", 4)])
def test_what_nft_wrote_is_read_as_nft_lists_it_or_not_at_all(lab: Lab, hook: str, one_in: int) -> None:
    assert apply(lab.B, Ruleset((Chain(hook),))) is None
    nft(lab.B, "add", "chain", "ip", "sockets_lab", "other")
    lines = [f"add rule ip sockets_lab {hook} {text}" for text in written(hook, WRITTEN // one_in)]
    nft(lab.B, "-f", "-", text="\n".join(lines))
    listed = [line.strip() for line in nft(lab.B, "list", "chain", "ip", "sockets_lab", hook).splitlines()[3:-2]]
    found = rules_of(lab.B, hook)
    wrong = [(text, str(rule)) for text, rule in zip(listed, found, strict=True)
             if isinstance(rule, Rule) and str(rule) != text]  # fmt: skip
    read = sum(isinstance(rule, Rule) for rule in found)
    print(f"{hook}: of {len(found)} rules {read} were read")
    assert not wrong
    assert 0 < read < len(found) == len(lines), "some say what a Rule can say, others more"


@needs_nft
def test_a_chain_that_is_hooked_in_elsewhere_is_none_of_ours(lab: Lab) -> None:
    assert apply(lab.B, incoming(Rule("drop", "tcp", 80))) is None
    nft(lab.B, "add", "chain", "ip", "sockets_lab", "forward")  # one to which rules can jump: it has no hook
    nft(lab.B, "add", "chain", "ip", "sockets_lab", "output", "{ type route hook output priority 5; policy drop; }")
    assert held(lab.B) == incoming(Rule("drop", "tcp", 80))


def test_rules_are_spelled_as_nft_spells_them() -> None:
    rule = Rule("accept", "tcp", (8000, 8080), source="10.20.30.40", state=("related", "established"), log="web")
    words = "ct state established,related ip saddr 10.20.30.40 tcp dport 8000-8080 counter"
    assert str(rule) == f'{words} log prefix "web" group 4 accept'
    assert str(Rule("drop", packets=3, octets=180)) == "counter packets 3 bytes 180 drop"
    assert str(incoming(Rule("count", "udp"), policy="drop")) == (
        "table ip sockets_lab {\n" + INPUT.format("drop") + "\t\tmeta l4proto udp counter\n\t}\n}"
    )
    assert Rule("drop", packets=3) == Rule("drop")
    assert {Rule("drop"), Rule("drop", packets=1)} == {Rule("drop")}


@each(
    [
        (lambda: Rule("deny"), "'deny' is no verdict: pass one of accept, drop"),
        (lambda: Rule("drop", "sctp"), "'sctp' is no protocol"),
        (lambda: Rule("drop", port=80), "only TCP and UDP have ports: pass protocol="),
        (lambda: Rule("drop", "icmp", port=80), "only TCP and UDP have ports"),
        (lambda: Rule("drop", "tcp", port=70000), "70000 is not a port number"),
        (lambda: Rule("drop", "tcp", port=(80, 80)), "no range of ports: pass the first and the last"),
        (lambda: Rule("drop", "tcp", port=(90, 80)), "no range of ports"),
        (lambda: Rule("drop", "tcp", port=(1, 2, 3)), "no range of ports"),
        (lambda: Rule("drop", source="localhost"), "'localhost' is not an IP address"),
        (lambda: Rule("drop", destination="::1"), "IPv6, which nodes do not speak"),
        (lambda: Rule("accept", state=("old",)), "'old' is no state of a connection"),
        (lambda: Rule("reject", "udp", answer="reset"), "only TCP has a reset"),
        (lambda: Rule("reject", answer="reset"), "only TCP has a reset"),
        (lambda: Rule("reject", "tcp", answer="no"), "'no' is no answer"),
        (lambda: Rule("drop", answer="port"), "gives no answer"),
        (lambda: Rule("dnat", "tcp", 80), "pass to=Endpoint"),
        (lambda: Rule("drop", to=Endpoint("1.2.3.4", 5)), "nothing else, needs a new destination"),
        (lambda: Rule("dnat", "tcp", 80, to=Endpoint("1.2.3.4", 0)), "an IPv4 endpoint with a port"),
        (lambda: Rule("dnat", to=Endpoint("1.2.3.4", 5)), "an IPv4 endpoint with a port"),
        (lambda: Rule("drop", log='"'), "is no label"),
        (lambda: Rule("drop", log=""), "is no label"),
        (lambda: Chain("entrance"), "'entrance' is no place for rules"),
        (lambda: Chain("input", policy="reject"), "'reject' is no policy"),
        (lambda: Chain("input", ("drop",)), "'drop' is no rule"),  # type: ignore[arg-type]
        (lambda: Chain("prerouting", (Rule("reject"),)), "'reject' cannot stand in prerouting"),
        (lambda: incoming(Rule("masquerade")), "'masquerade' cannot stand in input"),
        (lambda: incoming() + incoming(), "two chains have one hook"),
        (lambda: apply(None, Rule("drop")), "is no ruleset"),  # type: ignore[arg-type]
    ]
)
def test_bad_rules_are_refused_in_a_sentence(make: Any, says: str) -> None:
    with pytest.raises(BadInput) as told:
        make()
    assert says in str(told.value)
    assert str(told.value).endswith(".")


OUTCOMES = {  # rule's verdict and answer -> outcome and first packet that comes back; None: as if there were no rule
    ("drop", None): ("silence", ""),
    ("reject", "reset"): ("refused", "RST, ACK"),
    ("reject", "port"): ("refused", "ICMP port-unreachable"),
    ("reject", "host"): ("unreachable", "ICMP host-unreachable"),
    ("reject", "filter"): ("unreachable", "ICMP admin-prohibited"),
}
UNRULED = {
    "tcp": (("connected", "SYN, ACK"), ("refused", "RST, ACK")),
    "udp": (("answered", "datagram"), ("refused", "ICMP port-unreachable")),
}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_each_verdict_does_to_a_client_what_it_is_said_to_do(either: Lab, protocol: str) -> None:
    found = filtering.try_rules(either, protocol)
    assert not isinstance(found, Refused), found
    assert [one.rule for one in found] == list(filtering.trials.verdicts(protocol))
    assert len(found) == {"tcp": 8, "udp": 7}[protocol]
    kernel = either.kind == "namespaces"
    for one in found:
        answers = (one.open, one.closed)
        same = OUTCOMES.get((one.rule.verdict, one.rule.answer)) if one.rule else None
        expected = (same, same) if same else UNRULED[protocol]
        assert tuple(answer.outcome for answer in answers) == tuple(outcome for outcome, _ in expected), one.rule
        assert {answer.by for answer in answers} == ({"kernel"} if kernel else {"simulated"})
        if kernel:
            assert tuple(answer.told for answer in answers) == tuple(told for _, told in expected), one.rule
            assert all(answer.sent for answer in answers)
            assert all(str(answer).startswith(f"{answer.four_tuple}: {answer.outcome}") for answer in answers)
        assert {answer.refused is None for answer in answers if answer.outcome in ("connected", "answered")} <= {True}
    assert held(either.B) == Ruleset()


def test_counters_are_the_packets_that_crossed_the_cable(lab: Lab) -> None:
    ours = [Rule("count", "udp", 5000 + number) for number in range(3)]
    assert apply(lab.B, incoming(*ours, Rule("drop", "udp", (5001, 5002)), Rule("count"))) is None
    with lab.B.capture() as cable, lab.A.socket(type=socket.SOCK_DGRAM) as sender:
        for number in range(30):
            sender.sendto(b"x" * number, (lab.B.address, 5000 + number % 3))
        packets = [dissect(one.octets) for one in cable.wait(30, SOON, lambda one: not one.outgoing)]
    came = {5000: [], 5001: [], 5002: []}  # type: dict[int, list[int]]
    for packet in packets:
        ip, udp = packet.find(IPv4), packet.find(UDP)
        if ip and udp and udp.destination_port in came:
            came[udp.destination_port].append(ip.total_length)
    first, second, third, dropped, rest = rules_of(lab.B)
    for rule, port in ((first, 5000), (second, 5001), (third, 5002)):
        assert (rule.packets, rule.octets) == (len(came[port]), sum(came[port]))
        assert rule.packets == 10
    assert dropped.packets == second.packets + third.packets
    assert rest.packets == first.packets, "what was dropped came no further"
    if shutil.which("nft"):
        assert nft(lab.B, "list", "ruleset") == f"{held(lab.B)}\n"


def test_neighbors_that_were_compared_at_once_are_read_and_what_is_compared_after_them_too() -> None:
    rule = Rule("drop", "tcp", 80, source="10.20.30.40", destination="50.60.70.80")
    load, compare, _, other, *rest = encode.expressions(rule)
    both = Expression(load.name, load.values | {"len": 8})
    at_once = Expression(compare.name, compare.values | {"data": compare.values["data"] + other.values["data"]})
    read = decode.rule_of((both, at_once, *rest))
    assert read == replace(rule, packets=0, octets=0)


def test_rules_come_and_go_one_by_one_and_the_others_go_on_counting(either: Lab) -> None:
    kernel = either.kind == "namespaces"
    there, web, rest = Endpoint(either.B.address, 5000), Rule("drop", "tcp", 80), Rule("count", "udp")
    none = [firewall.add(either.B, web), firewall.delete(either.B, 1), firewall.set_policy(either.B, "drop")]
    assert {isinstance(one, Refused) and one.name for one in none} == {"ENOENT"}
    assert apply(either.B, incoming(rest)) is None
    ask(either.A, there, "udp", QUIET)
    counted = rules_of(either.B)[0].packets
    assert counted
    assert firewall.add(either.B, web) is None
    assert firewall.add(either.B, Rule("drop", "tcp", 81)) is None
    assert firewall.delete(either.B, 2) is None
    assert firewall.set_policy(either.B, "drop") is None
    assert held(either.B) == incoming(rest, Rule("drop", "tcp", 81), policy="drop")
    assert [rule.packets for rule in rules_of(either.B)] == [counted, 0], "what stayed has not begun anew"
    if kernel and shutil.which("nft"):
        assert nft(either.B, "list", "ruleset") == f"{held(either.B)}\n"
    for place in (0, 3):
        refused = firewall.delete(either.B, place)
        assert refused.name == "ENOENT"
    with pytest.raises(BadInput, match="cannot stand in input"):
        firewall.add(either.B, Rule("dnat", "tcp", 80, to=there))
    with pytest.raises(BadInput, match="no policy"):
        firewall.set_policy(either.B, "perhaps")
    assert clear(either.B) is None


def test_a_new_ruleset_takes_the_place_of_the_old_one_at_once_or_not_at_all(lab: Lab) -> None:
    assert apply(lab.A, incoming(Rule("drop", "tcp", 80))) is None
    assert apply(lab.A, outgoing(Rule("drop", "udp", 53))) is None
    assert held(lab.A) == outgoing(Rule("drop", "udp", 53))

    def broken() -> str:
        from sockets_lab.kernel.netlink import NLM_F_CREATE
        from sockets_lab.lab.firewall import kernel, nfnetlink

        good = nfnetlink.change
        nfnetlink.change = lambda what, changes: good(what, [*changes, (kernel.NEW_RULE, NLM_F_CREATE, b"")])
        try:
            kernel.install(Ruleset())
        except OSError as refused:
            return type(refused).__name__
        finally:
            nfnetlink.change = good
        return "not refused"

    assert lab.A.run(broken) in ("OSError", "FileNotFoundError")
    assert held(lab.A) == outgoing(Rule("drop", "udp", 53)), "all or nothing"
    assert clear(lab.A) is None
    assert clear(lab.A) is None, "there may be nothing to take away"


def test_what_the_kernel_refuses_is_a_result(lab: Lab) -> None:
    def without_rights() -> bytes:
        """Give up root over the network by entering a user namespace to which it does not belong."""
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                from sockets_lab.errors import attempt
                from sockets_lab.lab.firewall import kernel
                from sockets_lab.netns import unsharing

                unsharing.unshare(unsharing.USER)
                os.write(writes, attempt(kernel.install, Ruleset()).name.encode())
            finally:
                os._exit(0)
        os.close(writes)
        os.waitpid(child, 0)
        with os.fdopen(reads, "rb") as pipe:
            return pipe.read()

    assert lab.A.run(without_rights) == b"EPERM"

    class Missing(Node):
        def __init__(self) -> None: ...

        number = errno.EMFILE

        def call(self, *_: Any) -> Any:
            raise OSError(self.number, "no nf_tables")

    missing = Missing()
    assert firewall.decides(missing) == "kernel", "what passes is no reason to simulate"
    Missing.number = errno.EOPNOTSUPP
    kernel = KernelFirewall(missing)
    for answer in (kernel.apply(incoming()), kernel.held(), kernel.delete("input", 1)):
        assert isinstance(answer, Refused)
        assert (answer.name, "packet filter" in answer.because) == ("EOPNOTSUPP", True)
    assert apply(missing, incoming(Rule("drop"))) is None, "a simulated firewall takes the kernel's place"
    assert held(missing) == incoming(Rule("drop"))
    assert firewall.differs(missing).startswith("The kernel's packet filter cannot be had (EOPNOTSUPP: ")


def test_the_errors_are_limited_again_afterwards_and_a_setting_may_be_read_only(lab: Lab) -> None:
    from sockets_lab.lessons.filtering.trials import every_error_told

    def pause() -> str:
        with open("/proc/sys/net/ipv4/icmp_ratelimit") as setting:
            return setting.read()

    usual = lab.B.run(pause)
    with every_error_told(lab.B):
        assert lab.B.run(pause) == "0\n"
    assert lab.B.run(pause) == usual != "0\n"

    class ReadOnly(Node):
        def __init__(self) -> None: ...

        def call(self, *_: Any) -> Any:
            raise OSError(30, "Read-only file system")

    with every_error_told(ReadOnly()):
        pass


def test_a_rule_about_a_port_says_nothing_of_the_program(either: Lab) -> None:
    found = filtering.behind_ports(either)
    assert not isinstance(found, Refused), found
    ruleset, (at_web, at_ssh) = found
    assert (at_web.port % 8000, at_web.program, at_web.answer.outcome) == (80, "SSH", "connected")
    assert at_web.answer.said.startswith(b"SSH-2.0-")
    assert (at_ssh.port % 8000, at_ssh.program, at_ssh.answer.outcome) == (22, "web", "silence")
    accepted, dropped = ruleset.chain("input").rules
    assert accepted.verdict == "accept"
    assert (accepted.packets or 0) >= dropped.packets == 1


def test_answers_come_back_by_state_and_a_source_port_is_no_proof(either: Lab) -> None:
    found = filtering.try_replies(either)
    outcomes = [(one.own.outcome, one.stranger.outcome, one.disguised.outcome) for one in found]
    assert outcomes == [
        ("connected", "connected", "connected"),  # no rule
        ("silence", "silence", "silence"),  # nothing in: no answer either
        ("connected", "silence", "connected"),  # in from one source port: a stranger can have it too
        ("connected", "silence", "silence"),  # in by state
    ]
    if either.kind == "namespaces":
        silent = found[1].own
        assert silent.told == "SYN, ACK", "it came along the cable, and no further"
        assert found[3].own.told == "SYN, ACK"


def test_what_a_filter_on_the_way_out_does_the_client_is_told_by_its_own_kernel(either: Lab) -> None:
    with firewall.Service(either.B) as tcp, firewall.Service(either.B, protocol="udp") as udp:
        assert isinstance(tcp.endpoint, Endpoint)
        assert isinstance(udp.endpoint, Endpoint)
        told = {}
        for protocol, endpoint in (("tcp", tcp.endpoint), ("udp", udp.endpoint)):
            for rule in (Rule("drop", protocol, endpoint.port), Rule("reject", protocol, endpoint.port)):
                assert apply(either.A, outgoing(rule)) is None
                answer = ask(either.A, endpoint, protocol, QUIET)
                told[protocol, rule.verdict] = answer.outcome
                assert not answer.sent, "nothing left the node"
    clear(either.A)
    assert told == {
        ("tcp", "drop"): "silence", ("tcp", "reject"): "refused",
        ("udp", "drop"): "forbidden", ("udp", "reject"): "forbidden",
    }  # fmt: skip


def test_what_rules_log_is_what_came(either: Lab) -> None:
    closed = (7001, 7002, 7003)
    first = Rule("reject", "tcp", (7001, 7002), log="closed")
    assert apply(either.B, incoming(first, Rule("count", "tcp", 7003, log="seen: 3"))) is None
    with firewall.Log(either.B) as log:
        if either.kind == "namespaces":
            with pytest.raises(PermissionError):
                firewall.Log(either.B)
        asked = [ask(either.A, Endpoint(either.B.address, port), deadline=QUIET) for port in closed]
        logged = log.wait(3, SOON)
        assert log.packets() == ()
    assert [one.label for one in logged] == ["closed", "closed", "seen: 3"]
    for one, answer in zip(logged, asked, strict=True):
        ip, tcp = one.packet.layers
        assert (ip.source, tcp.source_port) == answer.four_tuple.local.sockaddr
        assert (ip.destination, tcp.destination_port) == answer.four_tuple.remote.sockaddr
        assert (tcp.syn, tcp.ack) == (1, 0)
    assert [one.time_ns for one in logged] == sorted(one.time_ns for one in logged)
    assert not log.lost
    firewall.Log(either.B).close()
    clear(either.B)


def test_a_question_is_guarded_and_checked(either: Lab) -> None:
    there = Endpoint(either.B.address, 9)
    with pytest.raises(BadInput, match=r"192\.0\.2\.1"):
        ask(either.A, Endpoint("192.0.2.1", 80))
    for bad in ({"protocol": "icmp"}, {"deadline": 0}, {"deadline": True}, {"hear": -1}, {"source_port": 70000}):
        with pytest.raises(BadInput):
            ask(either.A, there, **bad)  # type: ignore[arg-type]
    with firewall.Service(either.A) as taken:
        answer = ask(either.A, there, source_port=taken.endpoint.port)
        assert answer.name == "EADDRINUSE"
    port = taken.endpoint.port
    with firewall.Service(either.A, port) as again, firewall.Service(either.A, port) as no:
        assert again.endpoint == taken.endpoint
        assert isinstance(no.endpoint, Refused)
    with pytest.raises(BadInput, match="has no ports"):
        firewall.Service(either.A, protocol="icmp")


def test_on_loopback_a_simulated_firewall_decides_and_says_so(loopback: Lab) -> None:
    assert "simulated" in firewall.differs(loopback.A)
    gate = firewall.port_forward(80, Endpoint(loopback.C.address, 80))
    for refused in (apply(loopback.B, gate), filtering.be_gateway(loopback.B), filtering.tracked(loopback.B)):
        assert refused.name == "EOPNOTSUPP"
    assert isinstance(filtering.forwarded(loopback), Refused)
    assert held(loopback.B) == Ruleset()
    refused = firewall.SimulatedFirewall().apply(gate)
    assert "changes no addresses" in str(refused)


def test_on_loopback_a_closed_labs_rules_concern_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    for _ in range(20):
        with Lab(**PLAN, fallback=True) as gone:
            assert apply(gone.B, incoming(Rule("drop"))) is None
        with Lab(**PLAN, fallback=True) as lab:
            if lab.B.address != gone.B.address:
                continue  # a lab of another program has it already
            with firewall.Service(lab.B) as there:
                assert isinstance(there.endpoint, Endpoint)
                answer = ask(lab.A, there.endpoint, deadline=QUIET)
                assert (answer.outcome, answer.by) == ("connected", "kernel")
                return
    pytest.fail("no lab had the address of the one before")


def test_on_loopback_a_log_and_a_connection_outlive_a_ruleset(loopback: Lab) -> None:
    with firewall.Service(loopback.B) as there, firewall.Log(loopback.A) as log:
        port = there.endpoint.port
        assert apply(loopback.A, incoming(Rule("accept", "tcp", source_port=port, log="answer"))) is None
        first = ask(loopback.A, there.endpoint)
        by_state = Rule("accept", state=("established",))
        assert apply(loopback.A, incoming(by_state, policy="drop")) is None
        again = ask(loopback.A, there.endpoint)
        assert [one.label for one in log.packets()] == ["answer"]
    assert (first.outcome, again.outcome) == ("connected", "connected")


def test_a_labs_rules_end_with_the_lab_and_touch_no_other_network() -> None:
    machine = _tables_here()
    with filtered_lab(A="10.20.30.40", B="50.60.70.80") as lab:
        assert apply(lab.A, incoming(Rule("drop"))) is None
        assert held(lab.B) == Ruleset()
        assert _tables_here() == machine
    assert _tables_here() == machine


def _tables_here() -> str | None:
    """List the tables of this machine's own filter; None where this user may not."""
    if not shutil.which("nft"):
        return None
    done = subprocess.run(["nft", "-s", "list", "ruleset"], capture_output=True, text=True)
    return None if done.returncode else done.stdout


def test_too_few_nodes_are_refused(one_lab: Lab) -> None:
    with ExitStack() as stack:
        alone = stack.enter_context(filtered_lab(A="10.20.30.40"))
        for experiment in (filtering.try_rules, filtering.try_replies, filtering.behind_ports, filtering.forwarded):
            with pytest.raises(BadInput, match="too few"):
                experiment(alone)

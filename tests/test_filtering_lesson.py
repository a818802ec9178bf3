"""Lesson 11 as a learner meets it: rules and what they do as pictures, a panel that B's kernel feels, exercises."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from shutil import which
from types import SimpleNamespace

import pytest
from labs import KINDS, needs_namespaces
from rules import each
from using import click, picture, said

from sockets_lab.course.questions import Found, pick
from sockets_lab.errors import Refused
from sockets_lab.lab import Lab, firewall, opened
from sockets_lab.lab.firewall import Chain, Rule, Ruleset, Service, Unread, incoming, services
from sockets_lab.lessons import filtering
from sockets_lab.lessons.filtering import figure as figures
from sockets_lab.lessons.filtering import forwarding
from sockets_lab.lessons.filtering import panel as panels
from sockets_lab.lessons.filtering.forwarding import multi_node as module
from sockets_lab.lessons.filtering.questions import ENTRANCE, EXERCISES, OPEN, REFUSED, SILENT, TARGET
from sockets_lab.model import Endpoint

REFUSAL = Refused("EOPNOTSUPP", "the simulated firewall changes no addresses and no ports")
SOON = 10.0  # seconds; a deadline for what is otherwise done at once


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("SOCKETS_LAB_NODES", request.param)
    with filtering.three_nodes() as one:
        yield one


@pytest.fixture(params=KINDS)
def panel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[panels.FilteringPanel]:
    monkeypatch.setenv("SOCKETS_LAB_NODES", request.param)
    one = panels.make()
    yield one
    one.release()


# A forwarder between nodes


def test_three_tables_hold_four_rows_of_a_forwarded_connection_and_so_does_its_picture(lab: Lab) -> None:
    found = forwarding.between(lab)
    a, b, c = (node.address for node in lab.nodes)
    first, second = found.forwarder
    assert (found.client.local.address, found.client.remote) == (a, found.entrance)
    assert first.four_tuple == found.client.four_tuple.reversed() == found.known.client
    assert second.four_tuple == found.server.four_tuple.reversed() == found.known.target
    assert (found.server.local, found.seen_by_server) == (found.target, b)
    assert found.target.address == c
    assert [row for node in lab.nodes for row in node.table() if row.state in ("LISTEN", "ESTABLISHED")] == []
    drawing = figures.both_sides(found)
    picture(drawing)
    for row in (found.client, *found.forwarder, found.server):
        assert f"{row.local}" in drawing.alt
        assert f"to {row.remote}" in drawing.alt
    assert drawing.alt.endswith(f"C takes {found.server.remote} for its client.")
    gone = figures.both_sides(replace(found, client=None, forwarder=(), server=None, known=None))
    picture(gone)
    assert gone.alt.endswith("C has no client.")


def test_a_forwarder_that_cannot_have_its_port_is_a_result(lab: Lab) -> None:
    with Service(lab.B) as taken:
        found = forwarding.between(lab, taken.endpoint.port)
    assert found.name == "EADDRINUSE"
    assert lab.B.run(lambda: len(services.running)) == 0


# Pictures


@needs_namespaces
@each([True, False])
def test_the_kernels_forwarding_is_drawn_without_sockets_between(masquerade: bool) -> None:
    with filtering.three_nodes() as lab:
        found = filtering.forwarded(lab, masquerade=masquerade)
        assert isinstance(found, filtering.Forwarded)
        drawing, packets = figures.both_sides(found), figures.crossed(found, lab.addresses)
    picture(drawing)
    picture(packets)
    assert f"as it came, {found.answer.four_tuple.local}, to {found.port}" in drawing.alt
    assert f"as answers must come, {found.tracked.reply.local}, to {found.tracked.reply.remote}" in drawing.alt
    if masquerade:
        assert drawing.alt.endswith(f"C takes {found.server.remote} for its client.")
        assert "RST" not in packets.alt
    else:
        assert "C has no connection." in drawing.alt
        assert drawing.alt.endswith(f"but A waits for {found.port}.")
        assert f"C port {found.target.port} to A port {found.answer.four_tuple.local.port}: SYN ACK" in packets.alt
        assert f"A port {found.answer.four_tuple.local.port} to C port {found.target.port}: RST" in packets.alt


def test_what_cannot_be_had_is_said_in_every_picture() -> None:
    for drawing in (figures.both_sides(REFUSAL), figures.crossed(REFUSAL, {})):
        picture(drawing)
        assert "changes no addresses" in drawing.alt
    for show in (figures.rules, figures.trials, figures.replies, figures.programs):
        table = show(REFUSAL)
        assert "EOPNOTSUPP" in table.alt
        assert table.png()


def test_rules_are_listed_in_their_order_with_what_they_count() -> None:
    rules = (Rule("drop", "tcp", 80, packets=3, octets=180), Unread(("ct", "counter"), 7, 420), Rule("accept"))
    table = figures.rules(Ruleset((Chain("input", rules, "drop"), Chain("output"))))
    assert "rule: 1; what it says: tcp dport 80 counter drop; packets: 3; bytes: 180." in table.alt
    assert "rule: 2; what it says: # ct counter; packets: 7; bytes: 420." in table.alt
    assert "packets: ?; bytes: ?" in table.alt
    assert "rule: else; what it says: policy drop" in table.alt
    assert "output:\nfrom this node" in table.alt
    assert "no rule: everything passes" in figures.rules(Ruleset()).alt


def test_what_rules_do_is_shown_with_who_decided(lab: Lab) -> None:
    kernel = lab.kind == "namespaces"
    table = figures.trials(filtering.try_rules(lab, "tcp", [None, Rule("drop", "tcp"), Rule("reject", "tcp")]))
    assert ("Here a simulated firewall decides." in table.title) is not kernel
    none, drop, reject = table.rows
    assert none[0] == "no rule"
    assert drop[1].startswith("silence (")
    assert drop[1][:10] == drop[2][:10]
    assert reject[1] == reject[2] == ("refused (ECONNREFUSED, by RST, ACK)" if kernel else "refused (ECONNREFUSED)")
    guarded = figures.replies(filtering.try_replies(lab))
    assert guarded.rows[3] == ("ct state established,related accept\npolicy drop", "connected", "silence", "silence")
    swapped = figures.programs(filtering.behind_ports(lab)).rows
    assert [row[1] for row in swapped] == ["SSH", "web"]
    assert swapped[1][2].endswith("drop")


# The panel


def asks(panel: panels.FilteringPanel, question: int) -> str:
    """Let one of the panel's clients ask, and wait for its end."""
    panel.question.index = question
    click(panel, "Ask")
    panel.asking.join(SOON)
    return said(panel)


def listed(panel: panels.FilteringPanel) -> str:
    """Ask a witness for B's rules: Debian's nft where there is one, else what B holds."""
    node = panel.bench.lab.B
    if panel.bench.lab.kind == "namespaces" and which("nft"):
        command = ["nft", "list", "ruleset"]
        text: str = node.run(lambda: subprocess.run(command, capture_output=True, text=True, timeout=SOON).stdout)
        return text
    return f"{firewall.held(node)}"


def test_rules_are_added_removed_and_meet_what_clients_send(panel: panels.FilteringPanel) -> None:
    web, ssh, *_ = panel.bench.questions
    kernel = panel.bench.lab.kind == "namespaces"
    assert ("simulated firewall in Python" in said(panel)) is not kernel
    assert f"tcp dport {web.port} counter" in listed(panel)
    assert "A hears nothing for 1.3 seconds. Rule 1 met packets of it." in asks(panel, 0)
    assert f"dport {web.port} counter drop; packets: 0" not in panel.picture.alt
    assert ("SYN" in panel.ladder.value) is kernel
    assert "A is connected and hears SSH-2.0-course. No rule met a packet of it." in asks(panel, 1)
    assert "A is refused (ECONNREFUSED). No rule met" in asks(panel, 2)
    assert "A is answered and hears SSH-2.0-course. No rule met" in asks(panel, 3)
    panel.verdict.value, panel.port.value, panel.logs.value = "reject", ssh.port, True
    assert "B's kernel holds the rule" in click(panel, "Add rule")
    assert f"tcp dport {ssh.port} counter" in listed(panel)
    assert "A is refused (ECONNREFUSED). Rule 2 met packets of it. Logged: 1." in asks(panel, 1)
    panel.verdict.value, panel.port.value = "accept", web.port
    click(panel, "Add rule")
    assert "A hears nothing" in asks(panel, 0)  # the first rule that decides, decides
    panel.place.value = 1
    assert "It is gone" in click(panel, "Remove rule")
    assert "A is connected and hears HTTP/1.1 200 OK. Rule 2 met packets of it." in asks(panel, 0)
    panel.place.value = 9
    assert "B has no rule 9" in click(panel, "Remove rule")
    assert "everything passes" in click(panel, "Remove all")
    assert "reject" not in listed(panel)


def test_answers_come_back_by_state_and_a_source_port_lets_strangers_in(panel: panels.FilteringPanel) -> None:
    click(panel, "Remove all")
    panel.policy.value = "drop"
    assert "no rule decides, B's kernel will drop" in said(panel)
    assert "policy drop" in listed(panel)
    assert "B hears nothing" in asks(panel, 4)
    panel.verdict.value, panel.protocol.value, panel.state.value = "accept", "any", "established"
    panel.port.value = 80
    assert "Only TCP and UDP have ports" in click(panel, "Add rule")
    panel.port.value = 0
    assert "holds the rule" in click(panel, "Add rule")
    assert "B is connected and hears HTTP/1.1 200 OK. Rule 1 met packets of it." in asks(panel, 4)
    assert "A hears nothing" in asks(panel, 1)
    panel.protocol.value, panel.state.value, panel.side.value, panel.port.value = "tcp", "any", "source", 4444
    click(panel, "Add rule")
    assert "A hears nothing" in asks(panel, 1)
    panel.source.value = 4444
    assert "A is connected and hears" in asks(panel, 1)
    panel.source.value = 70000
    assert "70000 is not a port number" in asks(panel, 1)
    panel.port.value = 70000
    assert "70000 is not a port number" in click(panel, "Add rule")


def test_a_program_whose_port_is_taken_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = SimpleNamespace(endpoint=REFUSAL)
    monkeypatch.setattr("sockets_lab.lessons.filtering.model.Service", lambda *_, **__: refused)
    panel = panels.make()
    try:
        assert [one.program for one in panel.bench.questions] == ["nobody"]
        assert "A hears nothing" in asks(panel, 0)
    finally:
        panel.release()


def test_a_silence_does_not_hold_up_the_page_and_release_ends_it(panel: panels.FilteringPanel) -> None:
    first, worker = panel.bench.lab, None
    panel.question.index = 0
    assert "asks, and waits 1.3 seconds" in click(panel, "Ask")
    worker = panel.asking
    assert worker.is_alive()
    assert "still waits" in click(panel, "Ask")
    assert panel.release()
    assert first.closed
    assert not worker.is_alive()
    assert not panel.release()
    assert "no rule: everything passes" in panel.picture.alt
    panel.verdict.value, panel.port.value = "drop", 7
    click(panel, "Add rule")  # begins anew
    assert "dport 7 counter" in listed(panel)
    assert opened() is not panel.bench.lab  # a panel's lab takes no `%%node` cell from the learner's


# The questions


def check(key: str) -> Found:
    return pick(EXERCISES, key).check()


def test_the_three_ports_must_behave_as_asked_and_programs_must_be_there(lab: Lab) -> None:
    undone = check("rules")
    assert not undone.done
    rules = (Rule("drop", "tcp", SILENT), Rule("reject", "tcp", REFUSED))
    firewall.apply(lab.B, incoming(*rules))
    assert check("rules") == undone  # rules without programs are not enough
    with Service(lab.B, OPEN), Service(lab.B, SILENT):
        assert f"no program listens on port {REFUSED} of B" in check("rules").because
    with Service(lab.B, OPEN), Service(lab.B, SILENT), Service(lab.B, REFUSED):
        assert check("rules").done
        firewall.clear(lab.B)
        assert "B has no rules" in check("rules").because
        firewall.apply(lab.B, incoming(rules[0]))
        assert f"port {REFUSED}: connected" in check("rules").because
        firewall.apply(lab.B, incoming(rules[1]))
        assert f"port {SILENT}: connected" in check("rules").because
        firewall.apply(lab.B, incoming(policy="drop"))
        assert f"port {OPEN}: silence" in check("rules").because
        firewall.apply(lab.B, incoming(Rule("accept", "tcp", OPEN), Rule("reject", "tcp", REFUSED), policy="drop"))
        assert check("rules").done
    assert not check("rules").done


def test_the_forwarding_must_lead_to_c_with_b_as_the_client(lab: Lab) -> None:
    undone = check("forward")
    assert not undone.done
    entrance, target = Endpoint(lab.B.address, ENTRANCE), Endpoint(lab.C.address, TARGET)
    with Service(lab.B, ENTRANCE), Service(lab.C, TARGET):
        assert "has no client from B" in check("forward").because  # it connects, and goes no further
    with Service(lab.C, TARGET):
        assert not check("forward").done
        number, _ = lab.B.run(module.start, entrance, target, lab.B.address)
        assert check("forward").done
        lab.B.run(services.stop, number)
        assert not check("forward").done
        if lab.kind == "namespaces":
            firewall.apply(lab.B, firewall.port_forward(ENTRANCE, target))
            assert not check("forward").done  # B is no gateway yet
            filtering.be_gateway(lab.B)
            assert check("forward").done
            firewall.apply(lab.B, firewall.port_forward(ENTRANCE, target, masquerade=False))
            assert not check("forward").done
    firewall.clear(lab.B)
    assert check("forward") == undone
    assert [row for row in lab.A.table() if row.remote.port == ENTRANCE and row.state == "ESTABLISHED"] == []


def test_checks_need_a_lab_with_free_nodes(lab: Lab) -> None:
    lab.A.start("import time; time.sleep(1)")
    assert "is busy" in check("forward").because
    lab.A.result()
    lab.close()
    for exercise in EXERCISES:
        assert "no lab" in exercise.check().because

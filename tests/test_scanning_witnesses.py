"""All 65,535 ports, against nmap: open, refused and filtered ones."""

from contextlib import ExitStack

import pytest
from labs import needs_namespaces
from scanned import TEXT, firewall, in_node, needs_nft, needs_nmap, nmap, open_ports, sample

from sockets_lab.lab import Lab
from sockets_lab.lessons import scanning

pytestmark = [needs_namespaces, needs_nmap]


@pytest.fixture
def lab():
    with Lab(**TEXT) as made:
        yield made


@needs_nft
def test_nmap_finds_the_same_among_all_ports(lab):
    with ExitStack() as held:
        there = open_ports(held, "0.0.0.0", 12, lab.B.socket)
        dropped = sample(12, *there)
        firewall(lab.B, *(f"tcp dport {port} drop" for port in dropped))
        told, more = nmap(lab.A, "-sT", "-T5", "-p", "1-65535", lab.B.address)
        five = [in_node(lab.A, scanning.scan, lab.B.address) for _ in range(5)]  # in a row
    for found in five:
        assert set(found.open) == told["open"] == there
        assert set(found.silent) == told["filtered"] == dropped
        assert len(found.refused) == more["closed"] == 65535 - 24


def test_nmap_finds_the_same_on_loopback_but_for_sockets_that_meet_themselves(lab):
    with ExitStack() as held:
        there = open_ports(held, "0.0.0.0", 12, lab.B.socket)
        told, _ = nmap(lab.B, "-sT", "-T5", "-p", "1-65535", "127.0.0.1")
        found = in_node(lab.B, scanning.scan, "127.0.0.1")
    assert set(found.open) == there <= told["open"]
    assert all(found.outcome(port) == "refused" for port in told["open"] - there)  # nmap met itself there

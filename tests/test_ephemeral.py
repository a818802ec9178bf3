"""The ports that the kernel hands out, held against the range that its own file states."""

import errno
import random
import socket
import sys
from pathlib import Path

import psutil
import pytest
from rules import each

from sockets_lab.errors import BadInput
from sockets_lab.kernel import table
from sockets_lab.lessons.ports import ephemeral, services

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
EVERY_WAY = [(protocol, way) for protocol in services.TRANSPORTS for way in ephemeral.WAYS]


@each(EVERY_WAY)
def test_as_many_ports_as_asked_for_are_handed_out_and_given_back(protocol: str, way: str) -> None:
    before = psutil.Process().num_fds()
    handout = ephemeral.hand_out(protocol, way, 300)
    assert psutil.Process().num_fds() == before
    assert (handout.protocol, handout.way, handout.refused) == (protocol, way, None)
    assert len(handout.ports) == 300
    assert 1 <= handout.distinct <= 300
    assert 0 < min(handout.ports) == handout.lowest
    assert max(handout.ports) == handout.highest <= 65535
    assert handout.odd == len([port for port in handout.ports if port & 1])
    assert f"from {handout.lowest} to {handout.highest}" in str(handout)


@pytest.mark.skipif(not RANGE.exists(), reason="this system does not state its range in a file")
def test_all_of_them_lie_in_the_range_that_the_kernel_states() -> None:
    low, high = map(int, RANGE.read_text().split())
    measured = ephemeral.measure_ephemeral(200)
    assert measured.system == (low, high)
    assert measured.inside(low, high) == "all"
    assert measured.inside(*measured.system) == "all"
    assert [(each.protocol, each.way) for each in measured.handouts] == EVERY_WAY
    assert f"the system: {low}-{high}, all inside" in str(measured)


def test_a_range_holds_all_some_or_none() -> None:
    measured = ephemeral.Measured((ephemeral.Handout("tcp", "bind", (40000, 50000)),), None)
    assert [measured.inside(*each) for each in ((1024, 65535), (49152, 65535), (1, 1023))] == ["all", "some", "none"]
    assert "the system" not in str(measured)
    nothing = ephemeral.Measured((ephemeral.Handout("tcp", "bind", ()),), (1, 2))
    assert nothing.inside(1, 2) == "none"
    assert nothing.handouts[0].lowest is None
    assert "0 ports" in str(nothing)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs an address of 127.0.0.0/8 for itself")
def test_no_connection_is_left_in_time_wait() -> None:
    address = f"127.{random.randint(1, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
    assert ephemeral.hand_out("tcp", "connect", 200, address).refused is None
    with socket.socket() as there:  # the witness works: what we hold open on that address is seen
        there.bind((address, 0))
        there.listen()
        rows = [row for row in table.snapshot(("tcp",)) if row.local.address == address]
        assert [row.local.port for row in rows] == [there.getsockname()[1]]


def test_a_refusal_ends_the_handing_out_and_is_part_of_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted(socket.socket):
        left = 3

        def bind(self, address: tuple) -> None:  # type: ignore[override]
            if not Exhausted.left:
                raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
            Exhausted.left -= 1
            super().bind(address)

    monkeypatch.setattr(socket, "socket", Exhausted)
    handout = ephemeral.hand_out("tcp", "bind", 10)
    assert len(handout.ports) == 3
    assert handout.refused is not None
    assert handout.refused.name == "EADDRNOTAVAIL"
    assert "then EADDRNOTAVAIL" in str(handout)
    refused = ephemeral.hand_out("tcp", "connect", 10)
    assert (refused.ports, refused.refused) == ((), handout.refused)


@pytest.mark.parametrize(
    "arguments", [("icmp",), ("tcp", "send"), ("tcp", "bind", 0), ("tcp", "bind", 20001), ("tcp", "bind", True),
                  ("tcp", "bind", 5, "192.0.2.1"), ("tcp", "bind", 5, "0.0.0.0")],
)  # fmt: skip
def test_a_callers_mistake_is_told(arguments: tuple) -> None:
    with pytest.raises(BadInput, match="pass"):
        ephemeral.hand_out(*arguments)

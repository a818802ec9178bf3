"""Service names, held against the machine's own list, read here in another way; and without any list."""

import random
import socket
from pathlib import Path

import pytest
from rules import each

from sockets_lab.errors import BadInput
from sockets_lab.lessons.ports import services

LIST = Path("/etc/services")
has_list = pytest.mark.skipif(
    not LIST.exists() or not LIST.read_bytes().strip(), reason="this machine has no list in /etc/services"
)


def listed(protocol: str) -> dict[int, list[str]]:
    """Port -> names of its first line, the registered one first."""
    found: dict[int, list[str]] = {}
    for line in LIST.read_text(errors="replace").splitlines():
        words = line.partition("#")[0].split()
        if len(words) >= 2 and words[1].endswith("/" + protocol):
            found.setdefault(int(words[1].partition("/")[0]), [words[0], *words[2:]])
    return found


def missing(*_: object) -> int:
    raise OSError("port/proto not found")


@has_list
@each(services.TRANSPORTS)
def test_names_and_ports_are_those_of_the_list(protocol: str) -> None:
    names = listed(protocol)
    assert services.named_ports(protocol) == frozenset(names)
    for port, (name, *_) in names.items():
        assert services.service(port, protocol) == services.Service(port, protocol, name, True)
    for port in random.Random(3).sample(sorted(set(range(65536)) - set(names)), 50):
        assert services.service(port, protocol) == services.Service(port, protocol, None, True)
        assert str(services.service(port, protocol)) == "no name"


def test_without_a_list_the_answer_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getservbyport", missing)
    assert not services.names_known()
    assert services.service(80) == services.Service(80, "tcp", None, False)
    assert str(services.service(80)) == "unknown"
    assert services.named_ports("tcp") is None


def test_where_no_file_can_be_read_the_named_ports_are_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(services, "FILES", (tmp_path / "services", tmp_path))
    assert services.named_ports("tcp") is None


def test_a_damaged_list_is_read_as_far_as_it_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = b"http 80/tcp www\n#ssh 22/tcp\nhuge 70000/tcp\nnonsense\n\xff\xfe\nftp\t21/tcp\nx 9/tcpmux\ndomain 53/udp"
    (tmp_path / "services").write_bytes(text)
    monkeypatch.setattr(services, "FILES", (tmp_path / "services",))
    monkeypatch.setattr(services, "names_known", lambda: True)
    assert services.named_ports("tcp") == {21, 80}
    assert services.named_ports("udp") == {53}


def test_other_protocols_are_a_mistake() -> None:
    with pytest.raises(BadInput, match="pass 'tcp' or 'udp'"):
        services.service(80, "icmp")
    with pytest.raises(BadInput, match="pass 'tcp' or 'udp'"):
        services.named_ports("TCP")

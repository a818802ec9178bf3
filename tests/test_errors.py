"""What a refusal means: each name is this system's own, and real refusals get their name."""

import errno
import os
import socket

import pytest

from sockets_lab.errors import MEANINGS, BadInput, Refused, attempt, refusal

OURS = {"DEADLINE"}  # no errno: a deadline is Python's, not the kernel's


@pytest.mark.parametrize("name", [name for name in MEANINGS if name not in OURS])
def test_each_name_is_an_errno_and_comes_back(name):
    number = getattr(errno, name, None)
    if number is None:
        pytest.skip(f"this system has no {name}")
    assert refusal(OSError(number, os.strerror(number))) == Refused(name, MEANINGS[name])


def test_each_meaning_reads_as_the_end_of_a_sentence():
    for name, meaning in MEANINGS.items():
        assert name == name.upper()
        assert meaning == meaning.strip().rstrip(".")
        assert str(Refused(name, meaning)) == f"{name}: {meaning}"


@pytest.mark.parametrize(("theirs", "ours"), [("EWOULDBLOCK", "EAGAIN"), ("ENOTSUP", "EOPNOTSUPP")])
def test_two_names_for_one_refusal_are_one(monkeypatch, theirs, ours):
    monkeypatch.setitem(errno.errorcode, 99999, theirs)
    assert refusal(OSError(99999, "")) == Refused(ours, MEANINGS[ours])


def test_windows_spelling(monkeypatch):
    monkeypatch.setitem(errno.errorcode, 10048, "WSAEADDRINUSE")
    monkeypatch.setitem(errno.errorcode, 10035, "WSAEWOULDBLOCK")
    assert refusal(OSError(10048, "")).name == "EADDRINUSE"
    assert refusal(OSError(10035, "")) == Refused("EAGAIN", MEANINGS["EAGAIN"])


def test_what_is_not_explained_keeps_its_own_text():
    assert refusal(OSError(errno.ELOOP, "so many links")) == Refused("ELOOP", f"[Errno {errno.ELOOP}] so many links")
    assert refusal(OSError("no number at all")) == Refused("unknown", "no number at all")
    # The number of a name look-up is no errno, though it looks like one.
    assert refusal(socket.gaierror(errno.ENOENT, "no such name")).name == "unknown"


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
        assert attempt(other.accept) == Refused("DEADLINE", MEANINGS["DEADLINE"])
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

"""Good and bad port numbers, in the four places that may refuse them."""

import socket

import pytest
from rules import each

from sockets_lab.errors import BadInput, Refused
from sockets_lab.lessons.ports.sixteen_bits import try_number
from sockets_lab.model import Endpoint, checked_port


@each([65536, -1, 2**70, "80", 80.0, None, b"80"])
def test_python_refuses_these_before_the_kernel_is_asked(value: object) -> None:
    trial = try_number(value)
    expected = OverflowError if isinstance(value, int) else TypeError
    assert trial.python.startswith(expected.__name__)
    assert trial.kernel is None
    assert trial.field is None
    assert "never asked" in str(trial)
    with socket.socket() as sock, pytest.raises(expected):
        sock.bind(("127.0.0.1", value))


@each([65536, -1, 2**70, 80.0, None, b"80", True, "http"])
def test_the_course_refuses_with_the_sentence_that_it_raises(value: object) -> None:
    with pytest.raises(BadInput) as mistake:
        checked_port(value)
    assert try_number(value).course == str(mistake.value)


@each([(0, b"\0\0"), (80, b"\0P"), (443, b"\x01\xbb"), (65535, b"\xff\xff")])
def test_sixteen_bits_hold_these(value: int, field: bytes) -> None:
    trial = try_number(value)
    assert (trial.course, trial.python, trial.field, trial.lookup) == (value, None, field, value)
    assert int.from_bytes(field, "big") == value
    assert field.hex(" ") in str(trial)
    assert isinstance(trial.kernel, Endpoint | Refused)


def test_port_zero_comes_back_as_another() -> None:
    kernel = try_number(0).kernel
    assert kernel.port > 0


def test_true_is_a_number_for_python_and_none_for_the_course() -> None:
    trial = try_number(True)
    assert (trial.python, trial.field, trial.lookup) == (None, b"\0\1", None)
    assert isinstance(trial.course, str)
    assert trial.kernel == Endpoint("127.0.0.1", 1) or isinstance(trial.kernel, Refused)


def test_the_course_reads_digits_that_bind_does_not() -> None:
    assert try_number("80").course == 80


@each([65616, 65536])
def test_a_lookup_refuses_what_is_too_large_or_keeps_its_lowest_sixteen_bits(value: int) -> None:
    assert try_number(value).lookup in (None, value % 65536)
    assert try_number(str(value)).lookup == try_number(value).lookup

"""Signed requests, against HMAC worked out by hand, and against random and mutated bytes. No socket."""

import hashlib
import hmac
import struct

import pytest
from rules import each
from trials import for_all

from sockets_lab.errors import BadInput
from sockets_lab.lessons.knocking import Request, Verifier, compose, new_key, read
from sockets_lab.lessons.knocking.authorization import MEANINGS, SIZE

KEY, A, C = bytes(range(32)), "10.20.30.40", "90.100.110.120"
NOW, NONCE = 1_700_000_000.0, b"sixteen octets.."


def judged(data, source=A, now=NOW, verifier=None):
    return (verifier or Verifier(KEY, skew=10)).verify(data, source, now).name


def test_the_octets_are_those_that_the_text_promises():
    address, port = bytes([10, 20, 30, 40]), (2222).to_bytes(2, "big")
    fields = b"\x01" + struct.pack(">Q", 1_700_000_000_000) + NONCE + address + port
    padded = KEY.ljust(64, b"\0")  # RFC 2104 section 2, by hand
    inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in padded) + fields).digest()
    tag = hashlib.sha256(bytes(octet ^ 0x5C for octet in padded) + inner).digest()
    assert compose(KEY, A, 2222, NOW, NONCE) == fields + tag
    assert len(fields + tag) == SIZE == 63


def test_what_is_composed_is_accepted_once():
    verifier = Verifier(KEY)
    data = compose(KEY, A, 2222, NOW)
    verdict = verifier.verify(data, A, NOW)
    assert verdict.name == "accepted"
    assert verdict.request == read(data) == Request(NOW, data[9:25], A, 2222)
    assert [judged(data, source, NOW, verifier) for source in (A, A, C)] == ["replayed"] * 3
    assert judged(compose(KEY, A, 2222, NOW), A, NOW, verifier) == "accepted"  # another nonce


def test_every_verdict_has_its_name_and_its_meaning():
    good, seen = compose(KEY, A, 2222, NOW), Verifier(KEY)
    names = {
        judged(good): "accepted",
        judged(good[:-1]): "wrong length",
        judged(b"\x02" + good[1:]): "unknown version",
        judged(compose(new_key(), A, 2222, NOW)): "not authentic",
        judged(compose(KEY, A, 2222, NOW - 10.001)): "too old",
        judged(compose(KEY, A, 2222, NOW + 10.001)): "from the future",
        judged(good, C): "another source",
        [judged(good, A, NOW, seen) for _ in range(2)][1]: "replayed",
    }
    assert list(names) == list(names.values())
    assert set(names) == set(MEANINGS)


def test_every_cut_and_every_changed_bit_is_refused():
    good = compose(KEY, A, 2222, NOW)
    assert {judged(good[:length]) for length in range(SIZE)} == {"wrong length"}
    assert judged(good + b"\0") == "wrong length"
    for bit in range(8 * SIZE):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        assert judged(bytes(changed)) == ("unknown version" if bit < 8 else "not authentic")


def test_clocks_may_differ_by_the_skew_and_no_more():
    for difference, name in ((-10, "accepted"), (10, "accepted"), (-10.002, "too old"), (10.002, "from the future")):
        assert judged(compose(KEY, A, 2222, NOW + difference)) == name


def test_nonces_are_remembered_exactly_as_long_as_they_matter():
    verifier = Verifier(KEY, skew=10)
    data = compose(KEY, A, 2222, NOW + 10)  # by a clock that is fast
    assert judged(data, A, NOW, verifier) == "accepted"
    assert judged(data, A, NOW + 20, verifier) == "replayed"  # at the very last moment
    assert len(verifier._seen) == 1
    assert judged(data, A, NOW + 20.001, verifier) == "too old"
    assert len(verifier._seen) == 0


def test_a_clock_that_is_set_back_lets_no_forgotten_request_in_again():
    verifier = Verifier(KEY, skew=10)
    data = compose(KEY, A, 2222, NOW)
    assert judged(data, A, NOW, verifier) == "accepted"
    assert judged(b"", A, NOW + 100, verifier) == "wrong length"  # it forgets
    assert judged(data, A, NOW, verifier) == "too old"


def test_what_was_refused_is_not_used_up():
    verifier = Verifier(KEY)
    data = compose(KEY, A, 2222, NOW)
    for other in (data[:-1], bytes((2,)) + data[1:], data[:-1] + bytes((data[-1] ^ 1,))):
        assert verifier.verify(other, A, NOW).name != "accepted"
    assert judged(data, C, NOW, verifier) == "another source"
    assert len(verifier._seen) == 0
    assert judged(data, A, NOW, verifier) == "accepted"


def test_tags_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda *two: compared.append(two) or False)
    data = compose(KEY, A, 2222, NOW)
    assert judged(data) == "not authentic"
    assert compared == [(data[-32:], data[-32:])]


@each(
    [
        lambda: compose(b"short", A, 1, NOW), lambda: compose("x" * 32, A, 1, NOW),
        lambda: compose(KEY, "host", 1, NOW), lambda: compose(KEY, "::1", 1, NOW),
        lambda: compose(KEY, A, 0, NOW), lambda: compose(KEY, A, 65536, NOW),
        lambda: compose(KEY, A, 1, -1.0), lambda: compose(KEY, A, 1, float("nan")), lambda: compose(KEY, A, 1, 1e300),
        lambda: compose(KEY, A, 1, "now"), lambda: compose(KEY, A, 1, NOW, b"few"), lambda: Verifier(b""),
        lambda: Verifier(KEY, -1), lambda: Verifier(KEY).verify(b"", "nobody", NOW),
        lambda: Verifier(KEY).verify(b"", A, float("inf")), lambda: read(b""), lambda: read("text"),
    ]
)  # fmt: skip
def test_mistakes_of_the_caller_are_told(call):
    with pytest.raises(BadInput):
        call()


def test_whatever_bytes_come_there_is_a_verdict_and_only_the_key_opens():
    def check(data, source, now):
        verdict = Verifier(KEY).verify(data, source, now)
        assert verdict.name in MEANINGS.keys() - {"accepted"}
        assert verdict.request is None

    def draw(st):
        versioned = st.binary(min_size=SIZE - 1, max_size=SIZE - 1).map(b"\x01".__add__)
        return {
            "data": st.one_of(st.binary(max_size=200), versioned),
            "source": st.ip_addresses().map(str),
            "now": st.floats(0, 1e12),
        }

    for_all(check, draw)


def test_nothing_is_accepted_twice_whatever_the_clock_does_and_in_whatever_order_it_comes():
    def check(made, played, skew):
        verifier, accepted = Verifier(KEY, skew), set()
        requests = [compose(KEY, A, 1 + port, NOW + time) for port, time in made]
        for which, now in played:
            data = requests[which % len(requests)]
            verdict = verifier.verify(data, A, NOW + now)
            assert verdict.name in ("accepted", "replayed", "too old", "from the future")
            if verdict.name == "accepted":
                assert data not in accepted
                assert abs(verdict.request.time - (NOW + now)) <= skew + 0.001
                accepted.add(data)
            assert len(verifier._seen) <= len(accepted)

    def draw(st):
        seconds = st.integers(-30, 30)
        return {
            "made": st.lists(st.tuples(st.integers(0, 9), seconds), min_size=1, max_size=5),
            "played": st.lists(st.tuples(st.integers(0, 4), seconds), max_size=40),
            "skew": st.sampled_from([0, 1, 10]),
        }

    for_all(check, draw)

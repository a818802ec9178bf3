"""The lock of a knock sequence, without sockets and without a clock: order, window, one source and another."""

import itertools

import pytest
from rules import each
from trials import for_all

from sockets_lab.errors import BadInput
from sockets_lab.lessons.knocking import (
    Event,
    Heard,
    KeyLock,
    Knock,
    Lock,
    Verifier,
    compose,
    new_key,
    sequence_of,
)
from sockets_lab.lessons.knocking.locks import MOST_SOURCES, Openings

A, C = "10.20.30.40", "90.100.110.120"
THREE = "7000:udp 8000 9000:tcp"
RIGHT = sequence_of(THREE)


def told(lock, *knocks, source=A, begin=0.0, step=1.0):
    """Let a source knock once a second; return what the lock said each time."""
    times = itertools.count(begin, step)
    return [lock.hear(Heard(time, source, one)).what for time, one in zip(times, sequence_of(knocks), strict=False)]


def test_a_sequence_is_read_as_knock_writes_it():
    assert (Knock(7000, "udp"), Knock(8000), Knock(9000, "tcp")) == RIGHT
    assert sequence_of([7000, "8000:UDP", Knock(1)]) == (Knock(7000), Knock(8000, "udp"), Knock(1))
    assert sequence_of("1,2, 3:udp") == (Knock(1), Knock(2), Knock(3, "udp"))
    assert [str(one) for one in RIGHT] == ["7000:udp", "8000:tcp", "9000:tcp"]


@each(
    ["", "0", "70000", "7000:icmp", "x", "7000:tcp:udp", [], [0], range(1, 34), 7000, [None], -1]
)
def test_what_is_no_sequence_is_told(wrong):
    with pytest.raises(BadInput):
        sequence_of(wrong)


@each([-1, float("nan"), float("inf"), "10", True, None])
def test_what_is_no_time_is_told(seconds):
    with pytest.raises(BadInput):
        Lock(THREE, window=seconds)
    with pytest.raises(BadInput):
        Lock(THREE, open_for=seconds)


def test_the_right_sequence_opens_for_its_source_and_for_nobody_else():
    lock = Lock(THREE)
    assert told(lock, *RIGHT) == ["step", "step", "opened"]
    assert lock.openings.is_open(A, 2.0)
    assert not lock.openings.is_open(C, 2.0)
    assert lock.progress(A, 2.0) == 0


def test_it_shuts_again_and_can_be_opened_again():
    lock = Lock(THREE, open_for=30)
    told(lock, *RIGHT)
    assert lock.openings.next_time() == 32.0
    assert lock.openings.expire(31.999) == ()
    assert lock.openings.is_open(A, 31.999)
    assert not lock.openings.is_open(A, 32.0)
    assert lock.openings.expire(40.0) == (Event(32.0, A, "shut", because="its time is over"),)
    assert (lock.openings.expire(41.0), lock.openings.next_time()) == ((), None)
    assert told(lock, *RIGHT, begin=50.0)[-1] == "opened"
    assert told(lock, *RIGHT, begin=60.0)[-1] == "opened"  # it is open: the time begins anew
    assert [event.time for event in lock.openings.expire(92.0)] == [92.0]


@each([(one,) for one in itertools.permutations(RIGHT) if one != RIGHT])
def test_another_order_does_not_open(order):
    assert "opened" not in told(Lock(THREE), *order)


@each(
    [
        (["7000:udp", "1", "8000", "9000"], ["step", "wrong", "wrong", "wrong"]),  # a wrong knock resets
        (["7000:tcp", "8000", "9000"], ["wrong"] * 3),  # the right port by the wrong protocol
        (["7000:udp", "8000", "8000", "9000"], ["step", "step", "wrong", "wrong"]),
        (["7000:udp", "7000:udp", "8000", "9000"], ["step", "wrong", "step", "opened"]),  # it counts as the first
        (["7000:udp", "8000", "7000:udp", "8000", "9000"], ["step", "step", "wrong", "step", "opened"]),
        (["7000:udp", "8000", "9000", "9000"], ["step", "step", "opened", "wrong"]),
    ]
)
def test_wrong_knocks(knocks, answers):
    assert told(Lock(THREE), *knocks) == answers


def test_a_sequence_may_name_a_port_twice_and_may_be_one_knock():
    assert told(Lock("1 1 2"), "1", "1", "2") == ["step", "step", "opened"]
    assert told(Lock("5:udp"), "5:udp", "5", "5:udp") == ["opened", "wrong", "opened"]


def test_the_window_is_from_the_first_knock_to_the_last():
    for pause, answers in ((5.0, ["step", "step", "opened"]), (5.01, ["step", "step", "late"])):
        assert told(Lock(THREE, window=10), *RIGHT, step=pause) == answers
    lock = Lock("1 2", window=10)
    assert told(lock, "1") == ["step"]
    assert told(lock, "1", begin=10.5) == ["late"]  # too late for the second, and a new first
    assert told(lock, "2", begin=20.5) == ["opened"]


def test_a_clock_that_was_set_back_lets_nobody_in():
    lock = Lock("1 2", window=10)
    assert told(lock, "1", begin=100.0) == ["step"]
    assert told(lock, "2", begin=50.0) == ["late"]


def test_made_up_sources_do_not_fill_the_memory():
    lock = Lock("1 2")
    for number in range(3 * MOST_SOURCES):
        lock.hear(Heard(0.0, f"10.0.{number // 256}.{number % 256}", Knock(1)))

    def remembered(now):
        return [n for n in range(3 * MOST_SOURCES) if lock.progress(f"10.0.{n // 256}.{n % 256}", now)]

    assert remembered(10.0) == list(range(2 * MOST_SOURCES, 3 * MOST_SOURCES))
    assert remembered(10.1) == []


def test_openings_shut_in_the_order_in_which_they_are_due():
    openings = Openings(open_for=10)
    for time, source in ((3, C), (1, A), (2, "a third")):
        openings.open(source, time)
    assert [event.source for event in openings.expire(12)] == [A, "a third"]
    assert openings.next_time() == 13


def test_whoever_it_opens_for_has_just_knocked_the_sequence_in_time_whatever_others_did():
    """Random knocks of three sources at few ports, with random pauses: sound, complete, and each for itself."""

    def check(sequence, played, window):
        lock, alone = Lock(sequence, window), {who: Lock(sequence, window) for who in "xyz"}
        count, now, history = len(sequence), 0.0, {who: [] for who in "xyz"}
        for who, knock, pause in played:
            now += pause
            event = lock.hear(Heard(now, who, knock))
            assert event == alone[who].hear(Heard(now, who, knock))
            assert event.what in ("step", "wrong", "late", "opened")
            history[who].append((now, knock))
            last = history[who][-count:]
            complete = [one for _, one in last] == list(sequence) and now - last[0][0] <= window
            if event.what == "opened":
                assert complete
                history[who].clear()
            elif complete:  # the only other way: its first knocks were taken for the end of something else
                before = [one for _, one in history[who][:-count]]
                assert before, "a source without a past must get in"
            assert lock.progress(who, now) == event.place < count

    def draw(st):
        knocks = st.builds(Knock, st.integers(1, 2), st.sampled_from(["tcp", "udp"]))
        played = st.tuples(st.sampled_from("xyz"), knocks, st.sampled_from([0.0, 0.5, 3.0]))
        return {
            "sequence": st.lists(knocks, min_size=1, max_size=4).map(tuple),
            "played": st.lists(played, max_size=60),
            "window": st.sampled_from([0.0, 1.0, 10.0]),
        }

    for_all(check, draw)


def test_a_lock_with_a_key_opens_once_for_each_good_request_and_only_for_its_own_port():
    key, at = new_key(), Knock(62201, "udp")
    lock = KeyLock(Verifier(key), 2222, open_for=30)
    good, other = compose(key, A, 2222, 1000.0), compose(key, A, 2223, 1000.0)
    heard = [
        lock.hear(Heard(1000.0, source, knock, data))
        for source, knock, data in (
            (A, Knock(62201), good), (A, Knock(9, "udp"), good), (C, at, good), (A, at, good), (A, at, good),
            (A, at, other), (A, at, b""),
        )
    ]  # fmt: skip
    assert heard[:2] == [None, None]  # no matter of this lock
    assert [(event.what, event.because) for event in heard[2:]] == [
        ("refused", "another source"), ("opened", "accepted"), ("refused", "replayed"), ("refused", "another port"),
        ("refused", "wrong length"),
    ]  # fmt: skip
    assert lock.openings.next_time() == 1030.0
    assert [event.source for event in lock.openings.expire(1030.0)] == [A]

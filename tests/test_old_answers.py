"""Progress and hand-ins (version 1) from before choices had keys (`samples/`) are still read: they hold sentences.

The learner of sample n gave the answers n and n + 1, counted round, of each question's answers, in the order of
`samples/keys.json`; the last one left some of them out, and has no ticket. The first has solved every exercise.
"""

import json
import shutil
from pathlib import Path

import pytest

from sockets_lab import classroom
from sockets_lab.course import handing_in, progress
from sockets_lab.course.handing_in.sealing import ticket_of
from sockets_lab.course.lessons import LESSONS, by_table
from sockets_lab.course.questions import OLD_ANSWERS

SAMPLES, SECRET = Path(__file__).parent / "samples", "ab" * 32
KEYS = json.loads((SAMPLES / "keys.json").read_text())
WAYS = range(5)


def violations(way, name, predictions):
    """Name each answer that is not the key which stands at its place."""
    wrong = []
    for question, keys in KEYS[name].items():
        keys = keys.split()
        for place, key in enumerate(predictions[question]):
            left_out = way == 4 and key is None
            if not left_out and key != keys[(way + place) % len(keys)]:
                wrong.append((way, name, question, key))
    return wrong


@pytest.fixture
def old(tmp_path, monkeypatch):
    """Put the files of a learner where progress is kept."""

    def put(way):
        monkeypatch.setenv("SOCKETS_LAB_DATA", str(tmp_path))
        monkeypatch.setattr(progress, "_session", {})
        for name, content in json.loads((SAMPLES / f"progress-{way}.json").read_text()).items():
            (tmp_path / name).write_text(json.dumps(content))
        return tmp_path

    return put


def test_no_key_has_gone_and_none_is_an_old_sentence_of_another():
    now = {(one.table(question.key), question.key): {answer.key for answer in question.answers}
           for one in LESSONS for question in one.questions().PREDICTIONS}  # fmt: skip
    assert [(name, question) for name, keys in KEYS.items() for question, known in keys.items()
            if not set(known.split()) <= now[name, question]] == []  # fmt: skip
    assert set().union(*now.values()) & OLD_ANSWERS.keys() == set()


def test_every_old_answer_in_progress_is_read_as_its_key(old):
    wrong = []
    for way in WAYS:
        old(way)
        tables = by_table((one, progress.load(one.name)) for one in LESSONS)
        for name in KEYS:
            wrong += violations(way, name, tables[name]["predictions"])
    assert wrong == []


def test_an_old_file_is_written_with_keys_and_handed_in(old, tmp_path, monkeypatch):
    kept, own = old(0), ticket_of(SECRET, "sample 0")
    monkeypatch.setenv("SOCKETS_LAB_TICKET", f"{own.learner}:{own.key}")
    monkeypatch.delenv("SOCKETS_LAB_LEARNER")
    progress.remember("01_descriptors", "predictions", "next-number", ["lowest-free", "next-higher"])
    assert "stale-number" in (text := (kept / "01_descriptors.json").read_text())
    assert not [sentence for sentence in OLD_ANSWERS if f'"{sentence}"' in text]
    done = handing_in.hand_in(tmp_path)
    assert done.left_out == ()
    text = done.path.read_text()
    assert not [sentence for sentence in OLD_ANSWERS if f'"{sentence}"' in text]
    (read,) = classroom.merge(tmp_path, SECRET).hand_ins
    assert read == done.content
    assert sum(len(part.results) for part in read.parts.values()) == 33


def test_old_hand_ins_are_merged_and_counted_by_their_keys(tmp_path):
    for way in WAYS:
        shutil.copy(SAMPLES / f"handed-in-{way}.json", tmp_path)
    assert [one.learner for one in classroom.merge(tmp_path, SECRET).hand_ins] == [f"sample {way}" for way in WAYS[:4]]
    merged = classroom.merge(tmp_path).hand_ins
    assert [wrong for way in WAYS for name in KEYS
            for wrong in violations(way, name, merged[way].parts[name].predictions)] == []  # fmt: skip
    assert len(merged[0].parts["12_port_detective"].results) == 10
    for one in classroom.answers(merged):
        asked = one.key in KEYS.get(one.lesson.table(one.key), ())  # before choices had keys
        assert not asked or sum(one.measured.values()) >= 4, one.key

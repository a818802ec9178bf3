"""The class's files: 200 of them merged, each damaged or forged one named, none believed, none run."""

import contextlib
import json
import os
import random
import socket
import time
from copy import deepcopy
from html.parser import HTMLParser

import pytest
from header_samples import NO_HYPOTHESIS

from sockets_lab import classroom
from sockets_lab.classroom import figure as figures
from sockets_lab.classroom import figure_passports, reading, sample_class, tampering
from sockets_lab.course.handing_in import NotBelieved
from sockets_lab.course.handing_in.exporting import file_name
from sockets_lab.course.handing_in.schema import KIND
from sockets_lab.course.handing_in.sealing import key_of, seal
from sockets_lab.course.lessons import LESSONS
from sockets_lab.errors import BadInput

SECRET = sample_class.SECRET
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """200 files, 20 of them spoiled."""
    folder = tmp_path_factory.mktemp("class")
    return folder, classroom.write_class(folder)


@pytest.fixture(scope="module")
def merged(made):
    return classroom.merge(made[0], SECRET)


def someone(name="ada", seed=1):
    return sample_class.hand_in(name, random.Random(seed))


def sealed_again(data):
    return data | {"seal": seal(key_of(SECRET, data["learner"]), KIND, data)}


def put(folder, name, data):
    (folder / name).write_bytes(data if isinstance(data, bytes) else sample_class.written(data))


def test_of_200_files_180_are_merged_and_20_are_named_in_seconds(made):
    folder, told = made
    began = time.process_time()  # of this process: others may keep the machine busy
    merged = classroom.merge(folder, told.secret)
    assert time.process_time() - began < 10
    assert sorted(one.learner for one in merged.hand_ins) == sorted(told.learners)
    assert len(merged.hand_ins) == 180
    assert {one.file for one in merged.not_merged} == set(told.spoiled)
    assert len(set(told.spoiled.values())) == 20, "twenty manners"


def test_the_made_up_class_is_the_same_each_time(made, tmp_path):
    folder, told = made
    assert classroom.write_class(tmp_path) == told
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("secret", [SECRET, None], ids=["secret", "no secret"])
@pytest.mark.parametrize("manner", tampering.MANNERS)
def test_each_manner_of_forging_is_named_and_the_others_are_merged(tmp_path, manner, secret):
    own, other = someone("ada", 1), someone("ben", 2)
    put(tmp_path, "hand-in-ben.json", other)
    put(tmp_path, "hand-in-ada.json", tampering.MANNERS[manner](own, other, SECRET))
    merged = classroom.merge(tmp_path, secret)
    if secret is None and manner in ("no seal", "a seal of another key", "a result added"):
        assert len(merged.hand_ins) == 2, "without the secret a seal says nothing"
        assert not merged.seals_checked
        return
    assert [one.learner for one in merged.hand_ins] == ["ben"]
    ((file, why),) = ((one.file, one.because) for one in merged.not_merged)
    assert file == "hand-in-ada.json"
    assert why.endswith(".")
    assert why[0].isupper()
    assert "Error" not in why


def test_there_are_many_manners():
    assert len(tampering.MANNERS) >= 30


def test_nothing_in_a_file_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "class").mkdir()
    for name in ("a program", "a pickle"):
        put(tmp_path / "class", f"{name}.json", tampering.MANNERS[name](someone(), someone("ben", 2), SECRET))
    assert len(classroom.merge(tmp_path / "class", SECRET).not_merged) == 2
    assert not (tmp_path / "owned").exists()


def test_links_folders_pipes_and_sockets_are_named_and_nobody_waits(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    put(folder, "sound.json", someone())
    put(tmp_path, "outside.json", someone("ben", 2))
    (folder / "folder.json").mkdir()
    put(folder, ".hidden", b"left alone")
    expected = {"folder.json": "It is a folder."}
    if os.name == "posix":
        (folder / "link.json").symlink_to(tmp_path / "outside.json")
        (folder / "dangling.json").symlink_to(tmp_path / "nowhere")
        (folder / "loop.json").symlink_to("loop.json")
        os.mkfifo(folder / "pipe.json")
        expected |= dict.fromkeys(("link.json", "dangling.json", "loop.json"), "It is a link to another file.")
        expected |= {"pipe.json": "It is no plain file.", "socket.json": "It is no plain file."}
        here = os.getcwd()
        os.chdir(folder)  # the path of a Unix socket may not be long
        try:
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind("socket.json")
        finally:
            os.chdir(here)
    merged = classroom.merge(folder, SECRET)
    assert [one.learner for one in merged.hand_ins] == ["ada"]
    assert {one.file: one.because for one in merged.not_merged} == expected


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX alone")
def test_file_names_that_cannot_be_shown_are_spelled(tmp_path):
    for name in (b"\xff.json", b"a\nb.json", "a\u202eb.json".encode(), b"x" * 200):
        try:
            (tmp_path / os.fsdecode(name)).write_bytes(b"")
        except OSError:
            pytest.skip("this file system takes no such names")
    files = [one.file for one in classroom.merge(tmp_path, SECRET).not_merged]
    assert len(files) == 4
    assert all(file.isprintable() and len(file) <= 80 for file in files)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    put(tmp_path, "a.json", someone())
    (tmp_path / "a.json").chmod(0)
    assert classroom.merge(tmp_path, SECRET).not_merged[0].because == "This user may not or cannot read it."


def test_the_folder_itself_may_be_wrong(tmp_path):
    with pytest.raises(BadInput, match="ENOENT"):
        classroom.merge(tmp_path / "nowhere")
    put(tmp_path, "a.json", someone())
    with pytest.raises(BadInput, match="name a folder"):
        classroom.merge(tmp_path / "a.json")
    assert classroom.merge(tmp_path, SECRET).hand_ins[0].learner == "ada"


def test_who_hands_in_twice_counts_once_with_the_later_file(tmp_path):
    early = someone("ada", 1)
    late = sealed_again(early | {"moment": "2027-01-01T00:00:00Z"} | {"lessons": {}})
    put(tmp_path, "b-early.json", early)
    put(tmp_path, "a-late.json", late)
    merged = classroom.merge(tmp_path, SECRET)
    assert merged.hand_ins[0].parts == {}
    assert [one.file for one in merged.not_merged] == ["b-early.json"]
    assert "a-late.json" in merged.not_merged[0].because


def test_without_seals_nobody_can_tell_two_of_one_name_apart_so_neither_counts(tmp_path):
    put(tmp_path, "one.json", someone("ada", 1))
    put(tmp_path, "two.json", someone("Ada", 2))
    put(tmp_path, "copy.json", someone("ben", 3))
    put(tmp_path, file_name("ben"), someone("ben", 3))
    merged = classroom.merge(tmp_path)
    assert [one.learner for one in merged.hand_ins] == ["ben"]
    assert [one.file for one in merged.not_merged] == ["copy.json", "one.json", "two.json"]


def test_a_result_that_was_not_sealed_in_its_moment_is_merged_and_counted_so(tmp_path):
    data = someone()
    for part in data["lessons"].values():
        for entry in part["exercises"].values():
            entry["evidence"]["seal"] = ""
    put(tmp_path, "a.json", sealed_again(data))
    (one,) = classroom.merge(tmp_path, SECRET).hand_ins
    assert sum(at.solved for at in classroom.places(one)) > 0
    assert sum(at.sealed for at in classroom.places(one)) == 0


def test_a_seal_of_one_exercise_fits_no_other(tmp_path):
    data = next(one for one in (someone("ada", seed) for seed in range(50))
                if len(one["lessons"].get("02_binding", {}).get("exercises", {})) == 2)  # fmt: skip
    exercises = data["lessons"]["02_binding"]["exercises"]
    first, second = exercises
    exercises[second] = deepcopy(exercises[first])
    put(tmp_path, "a.json", sealed_again(data))
    assert "does not fit" in classroom.merge(tmp_path, SECRET).not_merged[0].because


def test_counts_are_those_of_a_plain_count(made, merged):
    """Counted here again from the files themselves, by nothing of ours."""
    sound = [json.loads((made[0] / file_name(name)).read_text()) for name in made[1].learners]
    counted = {(one.lesson.name, one.key): one for one in classroom.answers(merged.hand_ins)}
    assert len(counted) == sum(len(one.questions().PREDICTIONS) for one in LESSONS)
    for (name, key), one in counted.items():
        pairs = [data["lessons"][name]["predictions"].get(key, [None, None]) for data in sound
                 if name in data["lessons"]]  # fmt: skip
        both = [pair for pair in pairs if None not in pair]
        assert one.given == len(both)
        assert one.missed == sum(predicted != did for predicted, did in both)
        assert sum(one.measured.values()) == sum(did is not None for _, did in pairs)
    solved = sum(len(part["exercises"]) for data in sound for part in data["lessons"].values())
    assert sum(at.solved for one in merged.hand_ins for at in classroom.places(one)) == solved


def test_the_most_missed_come_first_and_few_answers_can_be_left_out(merged):
    counted = classroom.answers(merged.hand_ins)
    shares = [one.share for one in classroom.most_missed(counted)]
    assert shares == sorted(shares, reverse=True)
    assert all(one.given >= 50 for one in classroom.most_missed(counted, at_least=50))
    assert classroom.most_missed(classroom.answers([])) == []


def test_machines_are_put_together_by_what_they_can(merged):
    kinds = classroom.machines(merged.hand_ins)
    assert sum(len(kind.learners) for kind in kinds) == 180
    assert len(kinds) == len(sample_class.KINDS)
    differ = classroom.differing(kinds)
    assert "network namespaces" in differ
    assert "command-line tools" in differ, "there everywhere, with other values"
    assert "SO_REUSEPORT" not in differ
    assert classroom.differing(classroom.machines(merged.hand_ins[:1])) == []
    assert all(classroom.elsewhere(one) == 0 for one in merged.hand_ins)
    assert all(0 <= classroom.share_done(one) <= 1 for one in merged.hand_ins)


class Page(HTMLParser):
    """Collect the tags of a page and their attributes, as a browser would find them."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


def pictures(merged):
    counted = classroom.most_missed(classroom.answers(merged.hand_ins))
    kinds = classroom.machines(merged.hand_ins)
    return {
        "how far": figures.how_far(merged.hand_ins),
        "who is where": figures.who_is_where(merged.hand_ins, 0, 8),
        "missed": figures.missed(counted[:12]),
        "choices": figures.choices(counted[0]),
        "side by side": figure_passports.side_by_side(kinds),
        "values": figure_passports.values_that_differ(kinds),
        "answers": figures.answers_table(counted[:2]),
        "not merged": figures.not_merged(merged),
    }


@pytest.fixture(scope="module")
def shown(merged):
    return pictures(merged)


def test_pictures_say_in_words_what_they_show(merged, shown):
    for name, picture in shown.items():
        assert picture.png().startswith(PNG), name
        assert len(picture.alt) > 100, name
    assert "180 learners" in shown["how far"].alt
    assert "kind 1" in shown["values"].alt.lower()
    assert all(one.file in shown["not merged"].alt for one in merged.not_merged)


def test_what_learners_wrote_is_never_html(shown, tmp_path):
    evil = "<img src=x onerror=alert(1)>$\\frac$"
    data = someone(evil)
    data["passport"][1][1] = evil
    put(tmp_path, f"{file_name(evil)}", sealed_again(data))
    put(tmp_path, "<b>bold<script>.json", b"{")
    put(tmp_path, "ben.json", someone("ben", 2))
    spoiled = classroom.merge(tmp_path, SECRET)
    assert evil in [one.learner for one in spoiled.hand_ins]
    for name, picture in (*shown.items(), *pictures(spoiled).items()):
        page = Page()
        page.feed(picture.html())
        assert "script" not in page.tags, name
        assert "onerror" not in page.attributes, name
        assert page.tags.count("img") <= 1, name
        assert "<b>bold" not in picture.html().lower(), name
        assert picture.png().startswith(PNG), name


def test_no_hand_in_makes_a_picture_grow_beyond_measure(tmp_path):
    data = someone()
    data["passport"] = [[f"ability {number}", "yes", True] for number in range(12)]
    put(tmp_path, "a.json", sealed_again(data))
    assert "an ability that this course does not try" in classroom.merge(tmp_path, SECRET).not_merged[0].because
    many = classroom.Class((), tuple(classroom.NotMerged(f"{n}.json", "It is empty.") for n in range(5000)), True)
    assert len(figures.not_merged(many).rows) == 61


def test_an_empty_class_can_be_shown():
    nobody = classroom.Class((), (), True)
    assert figures.how_far(()).png().startswith(PNG)
    assert figures.who_is_where(()).png().startswith(PNG)
    assert figures.not_merged(nobody).alt.endswith("Every file counts..")
    assert figure_passports.side_by_side(()).png().startswith(PNG)
    assert figure_passports.values_that_differ(()).rows == ()
    assert figures.missed([]).png().startswith(PNG)


def bent(data, lot):
    """Put something that does not belong there into a random place of a hand-in."""
    junk = [None, True, -1, 2**70, "", "x" * 400, "\u202e", "\ud800", [], {}, [[]], {"a": 1}, 1.5, float("inf")]
    places, todo = [], [data]
    while todo:
        here = todo.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here))
        places += [(here, key) for key in keys]
        todo += [here[key] for key in keys if isinstance(here[key], dict | list)]
    for _ in range(lot.randint(1, 3)):
        here, key = lot.choice(places)
        here[key] = deepcopy(lot.choice(junk))
    return data


@pytest.mark.parametrize("secret", [SECRET, None], ids=["secret", "no secret"])
def test_whatever_stands_anywhere_in_a_file_nothing_but_our_own_refusal_comes(tmp_path, secret):
    lot, sound, path = random.Random(5), someone(), tmp_path / "a.json"
    for _ in range(600):
        put(tmp_path, "a.json", json.dumps(sealed_or_not(bent(deepcopy(sound), lot), lot)).encode())
        with contextlib.suppress(NotBelieved):
            assert reading.read(path, secret).says.learner


def sealed_or_not(data, lot):
    try:
        return sealed_again(data) if lot.random() < 0.5 and isinstance(data, dict) else data
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError, ValueError):
        return data


def test_any_bytes_and_any_json_are_refused_by_name(tmp_path):
    hypothesis = pytest.importorskip("hypothesis", reason=NO_HYPOTHESIS)
    from hypothesis import strategies

    path = tmp_path / "a.json"
    leaves = strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text()
    keys = strategies.sampled_from(sorted(someone())) | strategies.text(max_size=5)
    trees = strategies.recursive(
        leaves, lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(keys, inner, max_size=9))
    alike = strategies.fixed_dictionaries(dict.fromkeys(someone(), trees)).map(
        lambda data: data | {"kind": KIND, "version": 1})
    text = (trees | alike).map(lambda data: json.dumps(data).encode())

    @hypothesis.settings(max_examples=100, deadline=None, database=None)
    @hypothesis.given(strategies.binary(max_size=200) | text)
    def refused(data):
        path.write_bytes(data)
        with pytest.raises(NotBelieved):
            reading.read(path, SECRET)
        with pytest.raises(NotBelieved):
            reading.read(path)

    refused()


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_file_cut_off_anywhere_is_refused(tmp_path, cut):
    text = sample_class.written(someone())
    put(tmp_path, "a.json", text[: len(text) * cut // 40])
    with pytest.raises(NotBelieved):
        reading.read(tmp_path / "a.json", SECRET)


def test_any_byte_changed_anywhere_is_found_out_by_the_seal(tmp_path):
    """Whatever is changed: either the file says the same as before, or it is refused."""
    text, lot = sample_class.written(someone()), random.Random(9)
    for _ in range(400):
        place = lot.randrange(len(text))
        changed = text[:place] + bytes([lot.randrange(32, 127)]) + text[place + 1 :]
        put(tmp_path, "a.json", changed)
        try:
            reading.read(tmp_path / "a.json", SECRET)
            assert json.loads(changed) == json.loads(text)
        except NotBelieved:
            assert changed != text

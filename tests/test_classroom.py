"""The class's files: 200 of them merged, each damaged or forged one named, none believed, none run."""

import contextlib
import io
import json
import os
import random
import socket
import time
import tracemalloc
import zipfile
from copy import deepcopy
from html.parser import HTMLParser
from itertools import product

import pytest
from rules import each
from trials import amount, for_all

from sockets_lab import classroom
from sockets_lab.classroom import collecting, figure_passports, reading, sample_class
from sockets_lab.classroom import figure as figures
from sockets_lab.classroom.tampering import TAMPERINGS
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
    """200 files, 20 of them tampered with."""
    folder = tmp_path_factory.mktemp("class")
    return folder, classroom.write_sample_class(folder)


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
    assert {one.file for one in merged.not_merged} == set(told.tampered)
    assert len(set(told.tampered.values())) == 20, "twenty ways"


def test_the_sample_class_is_the_same_each_time(made, tmp_path):
    folder, told = made
    assert classroom.write_sample_class(tmp_path) == told
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@each([*product(TAMPERINGS, (SECRET, None))])
def test_each_way_of_forging_is_named_and_the_others_are_merged(way, secret, tmp_path):
    own, other = someone("ada", 1), someone("ben", 2)
    put(tmp_path, "hand-in-ben.json", other)
    put(tmp_path, "hand-in-ada.json", TAMPERINGS[way](own, other, SECRET))
    merged = classroom.merge(tmp_path, secret)
    if secret is None and way in ("no seal", "a seal of another key", "a result added"):
        assert len(merged.hand_ins) == 2, "without the secret a seal says nothing"
        assert not merged.seals_checked
        return
    assert [one.learner for one in merged.hand_ins] == ["ben"]
    ((file, why),) = ((one.file, one.because) for one in merged.not_merged)
    assert file == "hand-in-ada.json"
    assert why.endswith(".")
    assert why[0].isupper()
    assert "Error" not in why


def test_there_are_many_ways():
    assert len(TAMPERINGS) >= 30


def test_nothing_in_a_file_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "class").mkdir()
    for name in ("a program", "a pickle"):
        put(tmp_path / "class", f"{name}.json", TAMPERINGS[name](someone(), someone("ben", 2), SECRET))
    assert len(classroom.merge(tmp_path / "class", SECRET).not_merged) == 2
    assert not (tmp_path / "owned").exists()


def test_links_folders_pipes_and_sockets_are_named_and_nobody_waits(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    put(folder, "sound.json", someone())
    put(tmp_path, "outside.json", someone("ben", 2))
    (folder / "folder.json").mkdir()
    put(folder, ".hidden", b"left alone")
    expected = {"folder.json": "It is a folder with no file in it: nothing was handed in."}
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


def zipped(files, pack=zipfile.ZIP_DEFLATED):
    """Return an archive of name (or an entry's ZipInfo) to bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", pack) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def spread(folder, files):
    """Write path to bytes below a folder, and merge it. Returns: learners, file to reason."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        put(folder, name, data)
    merged = classroom.merge(folder, SECRET)
    return [one.learner for one in merged.hand_ins], {one.file: one.because for one in merged.not_merged}


ADA, BEN = (sample_class.written(someone(name, seed)) for seed, name in enumerate(("Ada", "Ben"), 1))
ADAS, BENS = "Ada L_123_assignsubmission_file_", "Ben K_124_assignsubmission_file_"
LITTER = {"Thumbs.db": b"\xd0\xcf\x11", "desktop.ini": b"[x]", "__MACOSX/._hand-in-Ada.json": b"\0\5\x16\7",
          ".DS_Store": b"\0", "hand-in-Ada.json:Zone.Identifier": b"[ZoneTransfer]"}  # fmt: skip
LEFT = {  # by platforms and file managers: all of it is Ada's and Ben's
    "Moodle": {f"{ADAS}/hand-in-ada.json": ADA, f"{BENS}/hand-in-ben.json": BEN},
    "Moodle, in the folder it is unpacked to": {f"net-101/{ADAS}/hand-in-ada.json": ADA, f"net-101/{BENS}/b.json": BEN},
    "Canvas": {"lada_LATE_123_456_hand-in-ada.json": ADA, "kben_124_457_hand-in-ben-1.json": BEN},
    "names": {"hand-in-ada (1).json": ADA, "Copy of hand-in-ben.json.txt": BEN},
    "no ending": {"ada": ADA, "Ben's": BEN},
    "litter": {"a.json": ADA, "b.json": BEN} | LITTER,
    "litter in a learner's folder": {f"{ADAS}/{name}": data for name, data in LITTER.items()}
                                    | {f"{ADAS}/a.json": ADA, "b.json": BEN},
    "the class's archive": {"c.zip": zipped({f"{ADAS}/a.json": ADA, f"{BENS}/b.json": BEN, f"{BENS}/": b""} | LITTER)},
    "learners' archives": {f"{ADAS}/a.zip": zipped({"a.json": ADA}), f"{BENS}/b": zipped({"x/b.json": BEN}, 0)},
    "archives in an archive": {"c.zip": zipped({"a.zip": zipped({"a.json": ADA}), "b.zip": zipped({"b.json": BEN})})},
    "line ends, a mark, NULs": {"a.json": b"\xef\xbb\xbf" + ADA.replace(b"\n", b"\r\n"), "b.json": BEN + b"\0" * 512},
    "UTF-16": {"a.json": ADA.decode().encode("utf-16"), "b.json": BEN.decode().encode("utf-16-be")},
    "a reader that lays it out anew": {"a.json": json.dumps(json.loads(ADA), sort_keys=True).encode(), "b.json": BEN},
}  # fmt: skip


@pytest.mark.parametrize("left", LEFT)
def test_what_platforms_and_file_managers_leave_is_read(tmp_path, left):
    assert spread(tmp_path, LEFT[left]) == (["Ada", "Ben"], {})


def test_the_archive_of_the_class_will_do_for_a_folder(tmp_path):
    put(tmp_path, "class.zip", LEFT["the class's archive"]["c.zip"])
    assert [one.learner for one in classroom.merge(tmp_path / "class.zip", SECRET).hand_ins] == ["Ada", "Ben"]


def test_what_cannot_be_read_is_named_where_it_lies_and_with_what_to_do(tmp_path):
    link, locked = zipfile.ZipInfo("link.json"), bytearray(zipped({"a.json": ADA}))
    link.external_attr = 0o120777 << 16
    locked[6] |= 1
    locked[locked.index(b"PK\1\2") + 8] |= 1
    (tmp_path / BENS).mkdir()
    learners, named = spread(tmp_path, {
        "a.json": ADA, "again/a (1).json": ADA.replace(b"\n", b"\r\n"), "none.zip": zipped({}),
        "empty.json": b"\xef\xbb\xbf\r\n", "locked.zip": bytes(locked), "links.zip": zipped({link: b"/etc/passwd"}),
        "up.zip": zipped({"../../b.json": b"{"}), "cut.zip": zipped({"a.json": ADA})[:-30],
        "old.zip": zipped({"a.json": ADA}, zipfile.ZIP_BZIP2), "a.tar.gz": b"\x1f\x8b\x08", "deep/" * 8 + "a.json": ADA,
        "essay.docx": zipped({"[Content_Types].xml": b"", "word/document.xml": b""}),
    })  # fmt: skip
    assert learners == ["Ada"]
    once, only = "ask for it once more", "ask for the file that the course wrote"
    assert named == {
        BENS: "It is a folder with no file in it: nothing was handed in.",
        "again/a (1).json": "It is a copy of a.json.",
        "none.zip": "It is an archive with no file in it: nothing was handed in.",
        "empty.json": f"It is empty: {once}.",
        "locked.zip/a.json": "It is locked with a password: ask for it without one.",
        "links.zip/link.json": "It is a link to another file.",
        "cut.zip": f"It is a damaged archive: {once}.",
        "old.zip/a.json": "It is packed in a way that is not read here: unpack it into this folder.",
        "a.tar.gz": "It is an archive of a kind that is not opened here: unpack it into this folder.",
        "deep/deep/deep/deep/deep/deep": "It is a folder in too many others: move it up.",
        "essay.docx": "It is a document, no hand-in.",
        "up.zip/../../b.json": f"It is no JSON, or only a part of it: {only}.",
    }
    assert not list(tmp_path.parent.glob("b.json")), "nothing is unpacked"


@pytest.mark.skipif(os.name != "posix", reason="links that anybody may make are POSIX's")
def test_no_link_to_a_folder_leads_out_of_the_class(tmp_path):
    (tmp_path / "class").mkdir()
    spread(tmp_path, {"outside/b.json": BEN})
    (tmp_path / "class" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "class" / "round").symlink_to(tmp_path / "class")
    assert spread(tmp_path / "class", {f"{ADAS}/a.json": ADA}) == (
        ["Ada"], dict.fromkeys(("link", "round"), "It is a link to another file."))


def test_archives_that_unpack_to_very_much_cost_little(tmp_path, monkeypatch):
    """A file of a GiB, many of them, archives in archives, and more files than are merged at a time."""
    monkeypatch.setattr(collecting, "UNPACKED", 2 << 20)
    bomb = inner = zipped({"a.json": b"\0" * (64 << 20)})
    for _ in range(8):
        inner = zipped({"inner.zip": inner, "other.zip": inner})
    began = time.process_time()
    tracemalloc.start()
    learners, named = spread(tmp_path, {
        "a.json": ADA, "bomb.zip": bomb, "inner.zip": inner,
        "z/many.zip": zipped(dict.fromkeys(map(str, range(6000)), b"")),
        "zeros.zip": zipped({f"{n}.json": bytes(collecting.LARGEST + 9) for n in range(20)})})  # fmt: skip
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert learners == ["Ada"]
    assert named["bomb.zip/a.json"] == "It is larger than 256 KiB."
    assert named["z/many.zip"].startswith("It is an archive of 6000 files, too many")
    assert named["zeros.zip/9.json"].startswith("The archives in this folder hold too much")
    assert any("too many others" in why for why in named.values())
    assert peak < 32 << 20
    assert time.process_time() - began < 10


def test_a_damaged_archive_never_ends_in_a_traceback(tmp_path):
    lot, sound = random.Random(3), zipped({"x/a.json": ADA[:2000], "b.zip": zipped({"b.json": BEN[:2000]})})
    for _ in range(500):
        data = bytearray(sound)
        for _ in range(lot.randint(1, 4)):
            data[lot.randrange(len(data))] = lot.randrange(256)
        put(tmp_path, "a.zip", bytes(data[: lot.choice([len(data), lot.randrange(len(data))])]))
        assert all(one.because.endswith(".") for one in classroom.merge(tmp_path, SECRET).not_merged)


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
def test_a_file_and_a_folder_that_may_not_be_read_are_named(tmp_path):
    put(tmp_path, "a.json", someone())
    (tmp_path / "a.json").chmod(0)
    (tmp_path / "b").mkdir(mode=0)
    why = "This user may not or cannot read it."
    assert classroom.merge(tmp_path, SECRET).not_merged == (
        classroom.NotMerged("a.json", why), classroom.NotMerged("b", why))


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
    counted = {(one.lesson.table(one.key), one.key): one for one in classroom.answers(merged.hand_ins)}
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
def test_whatever_stands_anywhere_in_a_file_nothing_but_our_own_refusal_comes(secret):
    lot, sound = random.Random(5), someone()
    for _ in range(amount("FUZZ", 60, 600)):
        data = json.dumps(sealed_or_not(bent(deepcopy(sound), lot), lot)).encode()
        with contextlib.suppress(NotBelieved):
            assert reading.read(data, secret).learner


def sealed_or_not(data, lot):
    try:
        return sealed_again(data) if lot.random() < 0.5 and isinstance(data, dict) else data
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError, ValueError):
        return data


def test_any_bytes_and_any_json_are_refused_by_name():

    def refused(data):
        for secret in (SECRET, None):
            with pytest.raises(NotBelieved):
                reading.read(data, secret)

    def cases(st):
        leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
        keys = st.sampled_from(sorted(someone())) | st.text(max_size=5)
        trees = st.recursive(
            leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=9))
        alike = st.fixed_dictionaries(dict.fromkeys(someone(), trees))
        alike = alike.map(lambda data: data | {"kind": KIND, "version": 1})
        return {"data": st.binary(max_size=200) | (trees | alike).map(lambda data: json.dumps(data).encode())}

    for_all(refused, cases)


def test_a_file_cut_off_anywhere_is_refused():
    text = sample_class.written(someone())
    for cut in range(1, 40):
        with pytest.raises(NotBelieved):
            reading.read(text[: len(text) * cut // 40], SECRET)


def test_any_byte_changed_anywhere_is_found_out_by_the_seal():
    """Whatever is changed: either the file says the same as before, or it is refused."""
    text, lot = sample_class.written(someone()), random.Random(9)
    for _ in range(amount("FUZZ", 60, 400)):
        place = lot.randrange(len(text))
        changed = text[:place] + bytes([lot.randrange(32, 127)]) + text[place + 1 :]
        try:
            reading.read(changed, SECRET)
            assert json.loads(changed) == json.loads(text)
        except NotBelieved:
            assert changed != text

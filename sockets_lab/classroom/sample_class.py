"""A sample class, to try the instructor's notebook with, and for the tests. The same for the same seed.

Names, answers and machines are random. Nothing is measured, so nothing here says what a kernel does.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sockets_lab.classroom.tampering import TAMPERINGS, written
from sockets_lab.course.handing_in.evidence import kind, mark, numbers_of, written_moment
from sockets_lab.course.handing_in.exporting import file_name
from sockets_lab.course.handing_in.schema import KIND, VERSION
from sockets_lab.course.handing_in.sealing import sealed, ticket_of
from sockets_lab.course.lessons import LESSONS, Lesson, by_table
from sockets_lab.kernel.machine import Ticket
from sockets_lab.kernel.machine.passport import LINES

SECRET = "5ec7e7" * 10 + "5ec7"  # of this class alone: a real one is made with classroom.new_secret
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gül", "Hana", "Iris", "Jan", "Kofi", "Lena", "Mia", "Noor",
         "Olga", "Pia", "Quin", "Rosa", "Sven", "Tara", "Uma", "Vito", "Wren", "Xena", "Yara", "Zoë")  # fmt: skip
ODD_NAMES = ("<b>Bold</b>", "O'Neill & Daughter", "$x_1$", 'Say "hi"', "../../up", "<script>alert(1)</script>")
BEGAN = datetime(2026, 9, 1, 9, tzinfo=UTC)
Machine = dict[str, tuple[str, bool | None]]
# What differs from a Linux laptop, in words, not measured: what the passport of each kind of machine may say.
KINDS: tuple[tuple[int, Machine], ...] = (
    (10, {}),
    (5, {"command-line tools": ("ss", True), "limit of descriptors": ("65536 now, 65536 at most", True),
         "network namespaces": ("refused: EPERM", False), "packet filter": ("refused: EPERM", False)}),
    (3, {"socket table": ("this process only, through psutil", False), "command-line tools": ("lsof", True),
         "limit of descriptors": ("256 now, any number at most", True),
         "network namespaces": ("refused: ENOSYS", False), "packet filter": ("refused: ENOSYS", False),
         "more loopback addresses": ("127.0.0.1 alone", False), "a port range per socket": ("not obeyed", False),
         "ports the kernel chooses": ("not told; 49152-65535 seen", True)}),
    (2, {"IPv6 on loopback": ("::1 is not here", False), "IPv4 on IPv6 sockets": ("a socket serves one", False),
         "names of services": ("there is no list", False)}),
)  # fmt: skip
USUAL: Machine = {
    "socket table": ("every process, through netlink", True), "command-line tools": ("ss, lsof", True),
    "limit of descriptors": ("1024 now, 1048576 at most", True), "IPv6 on loopback": ("::1 is here", True),
    "IPv4 on IPv6 sockets": ("one socket serves both", True),
    "ports below 1024": ("you may bind 1024 and above", False), "ports the kernel chooses": ("32768-60999", True),
    "names of services": ("there is a list", True), "SO_REUSEPORT": ("two sockets share a port", True),
    "more loopback addresses": ("all of 127.0.0.0/8", True), "a port range per socket": ("obeyed", True),
    "network namespaces": ("can be made", True), "packet filter": ("takes rules", True),
}  # fmt: skip
UNKNOWN = ("not known", None)


@dataclass(frozen=True)
class SampleClass:
    """What was written: the class's secret, the learners whose files are sound, and each other file's tampering."""

    secret: str
    learners: tuple[str, ...]
    tampered: dict[str, str]


def write_sample_class(folder: str | Path, files: int = 200, tampered: int = 20, seed: int = 6) -> SampleClass:
    """Write the files of a sample class into a folder, some of them damaged or forged.

    Args: files, 1 or more in all; tampered, how many of them, or all but those of odd names and the first, where these
    are fewer; each in another way, as long as there are other ways (`TAMPERINGS`).
    """
    lot, place = random.Random(seed), Path(folder)
    names = [ODD_NAMES[n] if n < len(ODD_NAMES) else f"{NAMES[n % len(NAMES)]} {n:03}" for n in range(files)]
    whole = {name: hand_in(name, lot) for name in names}
    usual = names[len(ODD_NAMES) :] or names[1:]
    chosen = set(lot.sample(usual, min(tampered, len(usual))))
    sound = [name for name in names if name not in chosen]
    ways = lot.sample(list(TAMPERINGS.items()), len(TAMPERINGS))
    how: dict[str, str] = {}
    for number, name in enumerate(name for name in names if name in chosen):
        way, tamper = ways[number % len(ways)]
        other = whole[lot.choice(sound)]
        (place / file_name(name)).write_bytes(tamper(whole[name], other, SECRET))
        how[file_name(name)] = way
    for name in sound:
        (place / file_name(name)).write_bytes(written(whole[name]))
    return SampleClass(SECRET, tuple(sound), how)


def hand_in(name: str, lot: random.Random, secret: str = SECRET) -> dict[str, Any]:
    """Make up what one learner hands in."""
    own = ticket_of(secret, name)
    machine = USUAL | lot.choices([one for _, one in KINDS], [weight for weight, _ in KINDS])[0]
    passport = [[line[0], *machine.get(line[0], UNKNOWN)] for line in LINES]
    here = mark((line[0], machine.get(line[0], UNKNOWN)[1]) for line in LINES)
    reach = min(len(LESSONS), 1 + int(lot.triangular(0, len(LESSONS), len(LESSONS) * 0.9)))
    moment = BEGAN + timedelta(days=90, minutes=lot.randrange(20_000))
    lessons = []
    for number, lesson in enumerate(LESSONS[:reach]):
        diligent = 0.5 if number == reach - 1 else 0.93
        results: dict[str, Any] = {}
        for task in lesson.questions().EXERCISES:
            if lot.random() < diligent:
                live = number == reach - 1 and lot.random() < 0.5
                days = 5 * (len(LESSONS) - number)
                ago = timedelta(seconds=5) if live else timedelta(days=days, minutes=lot.randrange(600))
                seen = moment - ago
                results[task.key] = {"live": live, "evidence": _evidence(own, lesson, task.key, seen, here)}
        lessons.append((lesson, {"predictions": _predictions(lesson, lot, diligent), "exercises": results}))
    data = {"kind": KIND, "version": VERSION, "course": "sample", "learner": name, "passport": passport,
            "lessons": by_table(lessons), "moment": written_moment(moment)}  # fmt: skip
    return sealed(own, KIND, data)


def _evidence(own: Ticket, lesson: Lesson, key: str, moment: datetime, here: str) -> dict[str, Any]:
    table = lesson.table(key)
    return sealed(own, kind(table, key), {
        "because": "sample", "learner": own.learner, "moment": written_moment(moment),
        "numbers": numbers_of(own.learner, table), "passport": here,
    })  # fmt: skip


def _predictions(lesson: Lesson, lot: random.Random, diligent: float) -> dict[str, list[str | None]]:
    """Draw answers: most machines did what is explained at most length; how many miss it differs by question."""
    made: dict[str, list[str | None]] = {}
    for asked in lesson.questions().PREDICTIONS:
        steady = random.Random(f"{lesson.name}/{asked.key}")
        usual, keys = max(asked.choices, key=lambda one: len(one.because)), [one.key for one in asked.answers]
        did, hard, tempting = usual.key, steady.uniform(0.05, 0.8), steady.choice(keys)
        if lot.random() < 0.03:
            did = lot.choice(keys)
        guess = lot.choice([tempting, lot.choice(keys)]) if lot.random() < hard else did
        if lot.random() < diligent:
            made[asked.key] = [None if lot.random() < 0.05 else guess, None if lot.random() < 0.03 else did]
    return made

"""Merge a folder of hand-ins into one class: who was believed, and which files were not, each with a sentence why."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sockets_lab.classroom.reading import Read, read, shown
from sockets_lab.course.handing_in.exporting import file_name
from sockets_lab.course.handing_in.schema import HandIn, NotBelieved
from sockets_lab.errors import BadInput, refusal

MOST = 5000  # files in a folder


@dataclass(frozen=True)
class NotMerged:
    """A file that does not count, and why: one sentence."""

    file: str
    because: str


@dataclass(frozen=True)
class Class:
    """The class: one hand-in for each learner, in the order of their names; the files that do not count.

    seals_checked: whether the class's secret was there, so that a seal had to fit.
    """

    hand_ins: tuple[HandIn, ...]
    not_merged: tuple[NotMerged, ...]
    seals_checked: bool


def merge(folder: str | Path, secret: str | None = None) -> Class:
    """Read every file of a folder; hidden ones (a dot first) are left alone. No file makes this raise.

    Args: secret, the class's (`read_secret`); without it seals are not checked. Raises: BadInput, for the folder.
    """
    try:
        names = sorted(one for one in os.listdir(folder) if not one.startswith("."))
    except OSError as error:
        raise BadInput(f"{shown(str(folder))} cannot be read ({refusal(error).name}): name a folder.") from error
    if len(names) > MOST:
        raise BadInput(f"There are {len(names)} files in this folder: merge {MOST} at most at a time.")
    believed: list[Read] = []
    refused: list[NotMerged] = []
    for name in names:
        try:
            believed.append(read(Path(folder) / name, secret))
        except NotBelieved as fault:
            refused.append(NotMerged(shown(name), _sentence(str(fault))))
    kept, doubles = _one_each(believed, secret is not None)
    hand_ins = tuple(sorted((one.says for one in kept), key=lambda one: (_same(one.learner), one.learner)))
    return Class(hand_ins, tuple(sorted([*refused, *doubles], key=lambda one: one.file)), secret is not None)


def _one_each(believed: Iterable[Read], seals_checked: bool) -> tuple[list[Read], list[NotMerged]]:
    """Keep one hand-in of each learner: the latest, where seals say that all of them are the learner's own."""
    by_name: dict[str, list[Read]] = {}
    for one in believed:
        by_name.setdefault(_same(one.says.learner), []).append(one)
    kept, doubles = [], []
    for several in by_name.values():
        *earlier, last = sorted(several, key=lambda one: (one.says.moment, one.file == file_name(one.says.learner)))
        different = [one for one in earlier if one.data != last.data]
        doubles += [_double(one, f"it is a copy of {last.file}") for one in earlier if one.data == last.data]
        if different and not seals_checked:
            others = "another file says that it is of the same learner, and without seals nobody can tell whose it is"
            doubles += [_double(one, others) for one in [*different, last]]
            continue
        later = f"the learner handed in again later, and that file counts: {last.file}"
        doubles += [_double(one, later) for one in different]
        kept.append(last)
    return kept, doubles


def _same(name: str) -> str:
    return name.casefold()


def _double(one: Read, because: str) -> NotMerged:
    return NotMerged(one.file, _sentence(because))


def _sentence(because: str) -> str:
    return because[:1].upper() + because[1:] + "."

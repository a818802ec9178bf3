"""Merge a folder of hand-ins into one class: who was believed, and which files were not, each with a sentence why."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sockets_lab.classroom.collecting import collect
from sockets_lab.classroom.reading import read
from sockets_lab.course.handing_in.exporting import file_name
from sockets_lab.course.handing_in.schema import HandIn, NotBelieved, need

Believed = tuple[str, HandIn]  # the file that says so, as it is shown, and what it says


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
    """Read every file of a folder, and of the folders and zip archives in it. No file makes this raise.

    Hidden files (a dot first) and those that file managers leave are passed over. A zip archive of the class will do
    for a folder. Args: secret, the class's (`read_secret`); without it seals are not checked. Raises: BadInput, for the
    folder.
    """
    believed: list[Believed] = []
    refused: list[NotMerged] = []
    for found in collect(folder):
        try:
            need(not found.fault, found.fault)
            believed.append((shown(found.name), read(found.data, secret)))
        except NotBelieved as fault:
            refused.append(_not_merged(shown(found.name), str(fault)))
    kept, doubles = _one_each(believed, secret is not None)
    hand_ins = tuple(sorted(kept, key=lambda one: (one.learner.casefold(), one.learner)))
    return Class(hand_ins, tuple(sorted([*refused, *doubles], key=lambda one: one.file)), secret is not None)


def shown(path: str) -> str:
    """Return a file's path as it can be shown: nothing invisible in it, and not too long."""
    safe = "".join(one if one.isprintable() else one.encode("unicode_escape", "replace").decode() for one in path)
    return safe if len(safe) <= 80 else f"{safe[:40]}...{safe[-37:]}"  # a platform's folder names the learner first


def _one_each(believed: Iterable[Believed], seals_checked: bool) -> tuple[list[HandIn], list[NotMerged]]:
    """Keep one hand-in of each learner: the latest, where seals say that all of them are the learner's own."""
    by_name: dict[str, list[Believed]] = {}
    for file, says in believed:
        by_name.setdefault(says.learner.casefold(), []).append((file, says))
    kept, doubles = [], []
    for several in by_name.values():
        *earlier, (counts, last) = sorted(several, key=_lateness)
        doubles += [_not_merged(file, f"it is a copy of {counts}") for file, says in earlier if says == last]
        different = [file for file, says in earlier if says != last]
        if different and not seals_checked:
            others = "another file says that it is of the same learner, and without seals nobody can tell whose it is"
            doubles += [_not_merged(file, others) for file in [*different, counts]]
            continue
        later = f"the learner handed in again later, and that file counts: {counts}"
        doubles += [_not_merged(file, later) for file in different]
        kept.append(last)
    return kept, doubles


def _lateness(one: Believed) -> tuple[object, ...]:
    """Sort by the moment; of one moment, the file with the course's own name or the shortest path comes last."""
    file, says = one
    return says.moment, file.endswith(file_name(says.learner)), -len(file)


def _not_merged(file: str, because: str) -> NotMerged:
    return NotMerged(file, because[:1].upper() + because[1:] + ".")

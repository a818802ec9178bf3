"""Collect a class's files as learning platforms and file managers leave them: in folders and archives, among litter.

No link is followed, nothing is unpacked onto the disk, and how much is read is bounded: files, bytes and depth.
"""

import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from sockets_lab.classroom.reading import LARGEST
from sockets_lab.course.handing_in.schema import NotBelieved, need
from sockets_lab.errors import BadInput, refusal

MOST = 5000  # files, of the folder and of all folders and archives in it
UNPACKED = 256 << 20  # bytes taken out of archives
DEEPEST = 6  # folders and archives in one another; platforms need three: the class, the learner, the learner's archive
LITTER = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "icon\r"}
ZIP = b"PK\3\4", b"PK\5\6"  # how an archive begins, and an empty one (APPNOTE.TXT section 4.3)
OTHERS = b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd"  # gzip, bzip2, xz, 7z, rar, zstd
LINK = "it is a link to another file"
UNPACK = "unpack it into this folder"
UNREADABLE = "this user may not or cannot read it"


@dataclass(frozen=True)
class Found:
    """A file: its path below the class's folder, through archives too, and its bytes or the fault that keeps them."""

    name: str
    data: bytes = b""
    fault: str = ""


def collect(place: str | Path) -> Iterator[Found]:
    """Find every file of a folder or a zip archive. Raises: BadInput, for the place itself, and nothing else."""
    root, search = Path(os.path.realpath(place)), _Search()
    alone = root.is_file() and zipfile.is_zipfile(root)
    try:
        names = [root.name] if alone else _sorted(os.listdir(root))
    except OSError as error:
        raise BadInput(f"{str(place)!r} cannot be read ({refusal(error).name}): name a folder.") from error
    if len(names) > MOST:
        raise BadInput(f"There are {len(names)} files in this folder: merge {MOST} at most at a time.")
    for name in names:
        yield from search.named(name, search.path(root if alone else root / name, name, 1))


class _Search:
    """How much may still be read; a generator for each kind of place, which raises NotBelieved for its faults."""

    def __init__(self) -> None:
        self.files, self.unpacked = MOST, UNPACKED

    def named(self, name: str, inside: Iterator[Found]) -> Iterator[Found]:
        """Yield what is found in a place, or the fault that ends the search there."""
        try:
            yield from inside
        except NotBelieved as fault:
            yield Found(name, fault=str(fault))
        except OSError:
            yield Found(name, fault=UNREADABLE)
        except Exception:  # noqa: BLE001  a damaged archive makes zipfile raise nearly anything
            yield Found(name, fault="it is a damaged archive: ask for it once more")

    def path(self, path: Path, name: str, depth: int) -> Iterator[Found]:
        mode = os.lstat(path).st_mode
        if not stat.S_ISDIR(mode):
            with _open_plain(path) as file:
                yield from self.file(file, name, depth)
            return
        need(os.path.realpath(path) == str(path), LINK)  # Windows has links that look like folders
        names = _sorted(os.listdir(path))
        self.enter(names, "a folder", depth)
        for one in names:
            yield from self.named(f"{name}/{one}", self.path(path / one, f"{name}/{one}", depth + 1))

    def file(self, file: BinaryIO, name: str, depth: int) -> Iterator[Found]:
        data = file.read(LARGEST + 1)
        if data.startswith(ZIP):
            with zipfile.ZipFile(file) as archive:
                yield from self.archive(archive, name, depth)
            return
        need(not data.startswith(OTHERS), f"it is an archive of a kind that is not opened here: {UNPACK}")
        need(len(data) <= LARGEST, f"it is larger than {LARGEST // 1024} KiB")
        yield Found(name, data)

    def archive(self, archive: zipfile.ZipFile, name: str, depth: int) -> Iterator[Found]:
        paths = {one.filename: one for one in archive.infolist() if not one.is_dir()}
        need(paths.keys().isdisjoint(("[Content_Types].xml", "mimetype")), "it is a document, no hand-in")
        names = _sorted(paths)
        self.enter(names, "an archive", depth)
        for one in names:
            yield from self.named(f"{name}/{one}", self.member(archive, paths[one], f"{name}/{one}", depth + 1))

    def member(self, archive: zipfile.ZipFile, one: zipfile.ZipInfo, name: str, depth: int) -> Iterator[Found]:
        need(not stat.S_ISLNK(one.external_attr >> 16), LINK)
        need(not one.flag_bits & 1, "it is locked with a password: ask for it without one")
        need(one.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),  # others unpack without bounds
             f"it is packed in a way that is not read here: {UNPACK}")  # fmt: skip
        with archive.open(one) as packed:
            data = packed.read(LARGEST + 1)
            if data.startswith(ZIP):
                data += packed.read(self.unpacked)
        self.unpacked -= len(data)
        need(self.unpacked > 0, f"the archives in this folder hold too much: {UNPACK}")
        yield from self.file(BytesIO(data), name, depth)

    def enter(self, names: list[str], kind: str, depth: int) -> None:
        """Count the files of a folder or an archive before any is read. Raises: NotBelieved."""
        need(bool(names), f"it is {kind} with no file in it: nothing was handed in")
        need(depth < DEEPEST, f"it is {kind} in too many others: move it up")
        need(len(names) <= self.files, f"it is {kind} of {len(names)} files, too many: leave only the hand-in in it")
        self.files -= len(names)


def _sorted(paths: Iterable[str]) -> list[str]:
    """Sort paths, without what file managers leave and hide."""
    return sorted(path for path in paths if not any(map(_is_litter, path.split("/"))))


def _is_litter(name: str) -> bool:
    hidden = name.startswith((".", "~$")) and name not in (".", "..")
    return hidden or name.lower() in LITTER or name.endswith(":Zone.Identifier")


def _open_plain(path: Path) -> BinaryIO:
    """Open a plain file: no link is followed, no pipe or device is waited for."""
    _plain(os.lstat(path).st_mode)
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = open(os.open(path, flags), "rb")  # noqa: SIM115  who asked for it closes it
    try:
        _plain(os.fstat(file.fileno()).st_mode)
    except NotBelieved:
        file.close()
        raise
    return file


def _plain(mode: int) -> None:
    need(not stat.S_ISLNK(mode), LINK)
    need(stat.S_ISREG(mode), "it is no plain file")

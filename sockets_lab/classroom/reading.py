"""Read one hand-in as what it is: a text from a stranger. Nothing in it is run; what is not sound is not believed.

Only a plain file is opened, only so many bytes are read, only JSON is understood, only so deep; then each field is
looked at (`course.handing_in.shapes`), then the personal numbers, then the seals.
"""

import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sockets_lab.course.handing_in.evidence import kind, numbers_of
from sockets_lab.course.handing_in.schema import KIND, HandIn, NotBelieved, need, shaped
from sockets_lab.course.handing_in.sealing import fits, key_of

LARGEST = 256 * 1024  # bytes: about six times a whole course
DEEPEST = 8  # levels of [ and {; a sound file has seven
LIVE = 120  # seconds: what is called live was seen at most so long before the file was written


@dataclass(frozen=True)
class Read:
    """A hand-in that was believed, and what it says byte by byte."""

    file: str
    data: bytes
    says: HandIn


def read(path: Path, secret: str | None = None) -> Read:
    """Read a file and believe it, or not. Raises: NotBelieved, with one sentence, and nothing else.

    Args: secret, of the class, to check the seals; without one they are not looked at.
    """
    data = _bytes(path)
    return Read(shown(path.name), data, believed(_parsed(data), secret))


def believed(data: Any, secret: str | None = None) -> HandIn:
    """Look at each field, the personal numbers, and the seals. Raises: NotBelieved."""
    says = shaped(data)
    for name, part in says.parts.items():
        own = numbers_of(says.learner, name)
        for key, result in part.results.items():
            need(result.learner == says.learner,
                 f"it says {says.learner}, but {result.learner} solved {name}, {key}")  # fmt: skip
            need(result.numbers == own, f"the personal numbers in {name}, {key}, are not those of {says.learner}")
            before = (says.moment - result.moment).total_seconds()
            need(before >= 0, f"exercise {name}, {key}, was solved after the file was written")
            need(not result.live or before <= LIVE, f"exercise {name}, {key}, is called live, and was seen long before")
    if secret is not None:
        _seals(says, data, key_of(secret, says.learner))
    return says


def shown(text: str) -> str:
    """Return a file's name as it can be shown: nothing invisible in it, and not too long."""
    safe = "".join(one if one.isprintable() else one.encode("unicode_escape", "replace").decode() for one in text)
    return safe if len(safe) <= 80 else f"{safe[:77]}..."


def _seals(says: HandIn, data: dict[str, Any], key: str) -> None:
    need(says.sealed, "it is not sealed: whoever wrote it had no ticket of this class")
    need(fits(key, KIND, data), f"its seal does not fit: it was changed, or not written with the ticket of "
                                f"{says.learner}")  # fmt: skip
    for name, part in says.parts.items():
        for task, result in part.results.items():
            entry = data["lessons"][name]["exercises"][task]["evidence"]
            need(not result.sealed or fits(key, kind(name, task), entry), f"the seal of {name}, {task}, does not fit")


def _bytes(path: Path) -> bytes:
    """Read a plain file, and no more than is allowed: no link is followed, no pipe or device is waited for."""
    try:
        _plain(os.lstat(path).st_mode)
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:
            _plain(os.fstat(file.fileno()).st_mode)
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, NotBelieved):
            raise
        raise NotBelieved("this user may not or cannot read it") from error
    need(len(data) <= LARGEST, f"it is larger than {LARGEST // 1024} KiB")
    need(bool(data.strip()), "it is empty")
    return data


def _plain(mode: int) -> None:
    need(not stat.S_ISLNK(mode), "it is a link to another file")
    need(not stat.S_ISDIR(mode), "it is a folder")
    need(stat.S_ISREG(mode), "it is no plain file")


def _parsed(data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotBelieved("it is no text in UTF-8") from error
    need(_depth(text) <= DEEPEST, "it is nested too deeply")
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_whole, parse_float=_no_number,
                          parse_constant=_no_number)  # fmt: skip
    except NotBelieved:
        raise
    except (ValueError, RecursionError) as error:
        raise NotBelieved("it is no JSON, or only a part of it") from error


def _depth(text: str) -> int:
    """Count how deep brackets are nested, before anything that could run out of stack looks at them."""
    deepest = depth = 0
    in_text = escaped = False
    for one in text:
        if escaped:
            escaped = False
        elif in_text:
            escaped, in_text = one == "\\", one != '"'
        elif one == '"':
            in_text = True
        elif one in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif one in "]}":
            depth -= 1
    return deepest


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        need(name not in found, "it says one thing twice")
        found[name] = value
    return found


def _whole(digits: str) -> int:
    need(len(digits) <= 17, "it has a number that is far too large")
    return int(digits)


def _no_number(_: str) -> NoReturn:
    raise NotBelieved("it has a number that is not whole")

"""Read one hand-in as what it is: a text from a stranger. Nothing in it is run; what is not sound is not believed.

Only so many bytes are read, only JSON is understood, only so deep; then each field is looked at
(`course.handing_in.schema`), then the personal numbers, then the seals.
"""

import json
import re
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, NoReturn

from sockets_lab.course.handing_in.evidence import kind, numbers_of
from sockets_lab.course.handing_in.schema import KIND, HandIn, NotBelieved, need, shaped
from sockets_lab.course.handing_in.sealing import fits, key_of

LARGEST = 256 * 1024  # bytes: about six times a whole course
DEEPEST = 8  # levels of [ and {; a sound file has seven
LIVE = 120  # seconds: what is called live was seen at most so long before the file was written
STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)  # of JSON, closed or cut off
PADDING = "\ufeff\0\x1a \t\r\n"  # what programs put around a text: marks of its encoding or its end, and space


def read(data: bytes, secret: str | None = None) -> HandIn:
    """Read the bytes of a file and believe them, or not. Raises: NotBelieved, with one sentence, and nothing else.

    Args: secret, of the class, to check the seals; without one they are not looked at.
    """
    need(len(data) <= LARGEST, f"it is larger than {LARGEST // 1024} KiB")
    parsed = _parsed(data)
    says = shaped(parsed)
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
        _seals(says, parsed, key_of(secret, says.learner))
    return says


def _seals(says: HandIn, data: dict[str, Any], key: str) -> None:
    need(says.sealed, "it is not sealed: whoever wrote it had no ticket of this class")
    need(fits(key, KIND, data), f"its seal does not fit: it was changed, or not written with the ticket of "
                                f"{says.learner}")  # fmt: skip
    for name, part in says.parts.items():
        for task, result in part.results.items():
            entry = data["lessons"][name]["exercises"][task]["evidence"]
            need(not result.sealed or fits(key, kind(name, task), entry), f"the seal of {name}, {task}, does not fit")


def _parsed(data: bytes) -> Any:
    try:
        text = data.decode(json.detect_encoding(data)).strip(PADDING)  # an editor may have saved it as UTF-16
    except UnicodeDecodeError as error:
        raise NotBelieved("it is no text, or a damaged one: ask for the file that the course wrote") from error
    need(bool(text), "it is empty: ask for it once more")
    need(_depth(text) <= DEEPEST, "it is nested too deeply")
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_whole, parse_float=_no_number,
                          parse_constant=_no_number)  # fmt: skip
    except NotBelieved:
        raise
    except (ValueError, RecursionError) as error:
        raise NotBelieved("it is no JSON, or only a part of it: ask for the file that the course wrote") from error


def _depth(text: str) -> int:
    """Count how deep brackets are nested, before anything that could run out of stack looks at them."""
    brackets = re.sub(r"[^][{}]+", "", STRING.sub("", text))
    return max(accumulate(1 if one in "[{" else -1 for one in brackets), default=0)


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

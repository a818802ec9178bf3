"""The class's secret, which the teacher keeps, and the tickets made from it, which the learners get."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from sockets_lab.course.handing_in.sealing import key_of
from sockets_lab.errors import BadInput, refusal
from sockets_lab.kernel.machine import is_name

DIGITS = 64  # of a secret, hexadecimal: 256 bits


def new_secret(path: str | Path) -> str:
    """Make a class's secret and keep it in a new file that this user alone can read. Raises: BadInput."""
    secret = secrets.token_hex(DIGITS // 2)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{secret}\n")
    except OSError as error:
        raise BadInput(f"{path} cannot be made ({refusal(error).name}): no secret is ever replaced.") from error
    return secret


def read_secret(path: str | Path) -> str:
    """Read a class's secret. Raises: BadInput."""
    try:
        secret = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: make a secret with classroom.new_secret(path).") from error
    if len(secret) != DIGITS or set(secret) - set("0123456789abcdef"):
        raise BadInput(f"{path} holds no secret of a class: make one with classroom.new_secret(path).")
    return secret


def tickets(secret: str, names: Iterable[str]) -> list[str]:
    """Make a ticket for each learner, to be given to that learner alone. Raises: BadInput, for a name that is none."""
    made: dict[str, str] = {}
    for name in names:
        if not is_name(name):
            raise BadInput(f"{name!r} cannot name a learner: pass 1 to 64 characters that can be seen.")
        if name.casefold() in made:
            raise BadInput(f"There are two learners called {name!r}: give one of them a longer name.")
        made[name.casefold()] = f"{name}:{key_of(secret, name)}"
    return list(made.values())

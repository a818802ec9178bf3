"""Join a class: keep the ticket that the teacher gave."""

import os
from pathlib import Path

from sockets_lab.errors import BadInput
from sockets_lab.kernel.machine import folder, read_ticket
from sockets_lab.kernel.machine.credentials import FILE, Ticket


def join(text: str) -> tuple[Ticket, Path]:
    """Keep a ticket in this user's data folder, readable by this user alone. Raises: BadInput, OSError.

    Kernels that run already keep their personal numbers: restart them.
    """
    own, place = read_ticket(text), folder()
    if place is None:
        raise BadInput("Nothing is kept on disk here: set SOCKETS_LAB_TICKET in the environment to your ticket.")
    place.mkdir(parents=True, exist_ok=True)
    path = place / FILE
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{own.learner}:{own.key}\n")
    return own, path

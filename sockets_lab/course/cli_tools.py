"""Run the tool that somebody at work would type, where it is installed."""

import shutil
import subprocess
from collections.abc import Sequence

DEADLINE = 10.0  # seconds


def enter(process: int) -> tuple[str, ...]:
    """Return the command that leads into the network stack of a node's process, before one that runs there."""
    return "nsenter", "--preserve-credentials", "--user", "--net", "--target", str(process)


def run(command: Sequence[str], reads: bytes = b"") -> str:
    """Run one command and return what it printed; a sentence instead where it is not installed or takes too long.

    Args: command, the program and its arguments, as for subprocess.run; no shell reads it; reads: its standard input.
    """
    program = shutil.which(command[0])
    if program is None:
        return f"{command[0]} is not installed here. On a machine that has it, the line above shows the same socket."
    try:
        line = [program, *command[1:]]
        done = subprocess.run(line, input=reads, capture_output=True, timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not answer within {DEADLINE:g} seconds."
    except OSError as error:
        return f"{command[0]} could not be started: {error.strerror}."
    said = (done.stdout + done.stderr).decode(errors="replace")
    return "\n".join(said.splitlines()).strip() or f"({command[0]} printed nothing)"

"""What a node's code prints, and what the programs that it starts print: kept until the cell that asked gets it."""

import io
import os
import sys

MOST = 1_000_000  # bytes of one answer; who prints more has a loop that runs away
CUT = "\n(more was printed, and is left out)\n"


class Output:
    """A file without a name in place of descriptors 1 and 2, so that the order in which things were printed stays."""

    def __init__(self) -> None:
        self.file = _nameless_file()
        for descriptor in (1, 2):
            os.dup2(self.file.fileno(), descriptor)
        written = io.FileIO(1, "w", closefd=False)
        sys.stdout = sys.stderr = io.TextIOWrapper(written, "utf-8", "replace", write_through=True)  # type: ignore[type-var]

    def take(self) -> str:
        """Return what was printed since the last time."""
        sys.stdout.flush()
        self.file.seek(0)
        raw = self.file.read(MOST + 1)
        self.file.truncate(0)
        self.file.seek(0)  # descriptors 1 and 2 share this position
        return raw[:MOST].decode("utf-8", "replace") + (CUT if len(raw) > MOST else "")


def _nameless_file() -> io.FileIO:
    try:
        return io.FileIO(os.memfd_create("output"), "r+")
    except (AttributeError, OSError):  # not Linux, or not allowed
        import tempfile

        return io.FileIO(os.dup(tempfile.TemporaryFile().fileno()), "r+")

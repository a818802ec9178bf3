"""Pictures of results. Three kinds, one interface: `Drawing` (diagrams), `Plot` (matplotlib), `Table`.

Each has `title` (a sentence that is the same on every run), `alt` (what the picture shows, in words and numbers),
`html()` for a live page and `png()` for a saved one. Nothing here opens a socket or knows a widget.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def _place_for_fonts() -> None:
    """Name a folder for matplotlib's list of fonts where the home cannot be written: it would complain in a cell."""
    with suppress(OSError, RuntimeError), tempfile.TemporaryFile(dir=Path.home()):
        return
    own = getattr(os, "getuid", int)()
    place = Path(tempfile.gettempdir()) / f"sockets-lab-{own}"
    with suppress(OSError):
        place.mkdir(mode=0o700, exist_ok=True)
        if place.stat().st_uid == own:
            os.environ.setdefault("MPLCONFIGDIR", str(place))


_place_for_fonts()

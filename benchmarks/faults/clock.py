"""The time of day is set back by an hour in the middle of a lesson, for the kernel and for all that it starts."""

import random
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kernels import Kernel, Said, cells, troubles

from faults.found import Found, each, lessons

HOUR = 3600  # seconds
# The kernel's stamps on captured packets come from the same clock, but not through libc
STAMPS = """
def follow():
    import os, struct
    from dataclasses import replace
    from sockets_lab.lab.capture import Capture
    plain, file = Capture.packets, open(os.environ["CLOCK_SET_BACK"], "rb", buffering=0)

    def packets(self):
        back, since = struct.unpack("=qq", os.pread(file.fileno(), 16, 0))
        return tuple(replace(one, time_ns=one.time_ns - back * 10**9 * (one.time_ns > since)) for one in plain(self))

    Capture.packets = packets

follow()
del follow
"""


def set_back(quick: bool) -> Found:
    """Set the clock back while a random cell runs."""
    fault, paths, times = "clock set back by an hour", lessons(quick), 1 if quick else 5
    if not shutil.which("gcc"):
        return Found(fault, "", "", [], "it takes gcc")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "clock.so")
        source = str(Path(__file__).with_name("clock.c"))
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), source], check=True)
        wrong = each(lambda path: _lesson(library, path), [path for _ in range(times) for path in paths])
    often = f"{times} times in the middle of each of {len(paths)} notebooks"
    return Found(fault, often, "each to its end, and no wait got longer", wrong)


def _lesson(library: Path, path: Path) -> Iterator[str]:
    chance, code = random.Random(), cells(path)
    moment = chance.randrange(len(code) - 1)  # not in the last: its end has to be seen
    with tempfile.NamedTemporaryFile() as clock:
        clock.write(bytes(16))
        clock.flush()
        inside = ["env", f"LD_PRELOAD={library}", f"CLOCK_SET_BACK={clock.name}"]
        with Kernel(inside) as kernel:
            yield from troubles([kernel.run(STAMPS)], ends=False)
            said = []
            for number, cell in enumerate(code):
                began, asked = time.monotonic(), kernel.start(cell[0])
                if number == moment:
                    time.sleep(chance.choice((0, chance.uniform(0, 0.5))))  # many a cell takes no longer
                    _write(clock.name)
                said.append(kernel.hear_out(asked, Said(*cell)))
                if number >= moment and time.monotonic() - began > 60:
                    yield f"cell {number} took a minute after the clock was set back in cell {moment}"
            yield from (f"set back in cell {moment}: {one}" for one in troubles(said))
            back = time.time() - float(kernel.run("import time; print(time.time())").text)
            if abs(back - HOUR) > 60:
                yield f"the kernel's clock was {back:.0f} s back in the end, and was to be {HOUR}"


def _write(name: str) -> None:
    """Write down by how much the clock is set back, and since when."""
    with open(name, "r+b") as clock:
        clock.write(struct.pack("=qq", HOUR, time.time_ns()))

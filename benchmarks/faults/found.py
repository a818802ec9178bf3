"""What a fault's function returns, and how lessons run side by side."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kernels import LESSONS, NOTEBOOKS

AT_ONCE = 8  # kernels; lessons mostly wait
ALL = [*LESSONS, NOTEBOOKS / "playground.ipynb"]
FEW = [path for path in ALL if path.stem in ("01_descriptors", "03_ports", "06_two_nodes", "playground")]


@dataclass(frozen=True)
class Found:
    """What came of one fault. often: how many times it was caused; seen: what was looked at; wrong: what did not hold.

    impossible: why it cannot be caused here, "" where it was.
    """

    fault: str
    often: str
    seen: str
    wrong: list[str]
    impossible: str = ""

    def told(self) -> str:
        """Say it in a line, and in one more for each thing that did not hold."""
        if self.impossible:
            return f"not caused  {self.fault}: {self.impossible}"
        sign = "DID NOT HOLD" if self.wrong else "held       "
        return "\n    ".join([f"{sign} {self.fault}. {self.often}. Seen: {self.seen}.", *self.wrong])


def lessons(quick: bool) -> list[Path]:
    """Return the notebooks that a fault is tried on."""
    return FEW if quick else ALL


def each(work: Callable[[Path], Iterable[str]], paths: Iterable[Path], at_once: int = AT_ONCE) -> list[str]:
    """Do something with each lesson, some at a time. Returns: what was wrong, by lesson; what it raised is wrong."""

    def named(path: Path) -> list[str]:
        try:
            return [f"{path.stem}: {one}" for one in work(path)]
        except Exception as broken:  # noqa: BLE001  reported, whatever it is
            return [f"{path.stem}: {type(broken).__name__}: {str(broken)[-300:]}"]

    with ThreadPoolExecutor(at_once) as pool:
        return [one for wrong in pool.map(named, paths) for one in wrong]

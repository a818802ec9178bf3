"""Find the course's notebooks, in the checkout or where the wheel put them; copy them, or open them in Jupyter."""

import shutil
import signal
import subprocess
import sys
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

from sockets_lab.errors import BadInput
from sockets_lab.kernel import HOME

FIRST = "00_start_here.ipynb"


def notebooks() -> Path:
    """Return their folder. Raises: BadInput, where they are not installed."""
    beside = Path(HOME, "notebooks", FIRST)
    installed = () if beside.exists() else files("sockets_lab") or ()
    for place in (beside, *(Path(str(one.locate())) for one in installed if one.name == FIRST)):
        if place.exists() and place.parent.name != "solutions":
            return place.parent
    raise BadInput("The notebooks are not installed here: install the course from its repository or its wheel.")


def copy(folder: str) -> int:
    """Copy the notebooks into a folder that is not there yet. Raises: BadInput."""
    try:
        shutil.copytree(notebooks(), folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    except OSError as error:
        raise BadInput(f"Nothing was copied to {folder}: {error.strerror}. Name a folder that is not there.") from None
    print(f"The notebooks are in {folder}: begin with {Path(folder, FIRST)}.")
    return 0


def start() -> int:
    """Open the first lesson in JupyterLab, and wait until that ends. Raises: BadInput, where it is not installed."""
    first = notebooks() / FIRST
    if find_spec("jupyterlab") is None:
        raise BadInput(f"JupyterLab is not here: pip install jupyterlab. The notebooks are in {first.parent}.")
    with subprocess.Popen([sys.executable, "-m", "jupyterlab", str(first)]) as jupyter:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for Jupyter, which then asks, or ends its kernels
        return jupyter.wait()

"""Start the course in a container: put it into the learner's volume, then become JupyterLab.

What is in the volume already is left as it is. Where nothing can be written there, the work lasts as long as the
container, and a sentence says so. JupyterLab listens on every address of the container, because that is where a
published port arrives. It answers only a browser that has asked for 127.0.0.1 or localhost, which is where the README's
line publishes it.
"""

import os
import sys
import tempfile
from pathlib import Path

from own_server import FOLDER, give

from sockets_lab.course.opening import FIRST, notebooks

OPTIONS = (
    "--no-browser", "--ip=0.0.0.0", "--port=8888", "--port-retries=0", "--ServerApp.allow_remote_access=False",
    f"--LabApp.default_url=/lab/tree/{FOLDER}/notebooks/{FIRST}",
)  # fmt: skip

try:
    give(notebooks(), Path.home())
except OSError as refused:
    home = os.environ["HOME"] = tempfile.mkdtemp(prefix="learner-")
    give(notebooks(), Path(home))
    why = f"{refused.filename}: {refused.strerror}"
    print(f"Your work is not kept ({why}): it is in {home}, and goes with this container.", flush=True)
os.chdir(Path.home())
os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *OPTIONS])

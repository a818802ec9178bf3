"""Start one learner's server: put the course into the own home, then become JupyterHub's single-user server.

It runs as the learner, so what it writes belongs to the learner. A file that is there already is left as it is; whoever
wants a lesson as it was deletes the notebook, and has it again at the next start.
"""

import os
import shutil
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parents[1] / "notebooks"
FOLDER = "sockets-lab"


def give(course: Path, home: Path) -> list[Path]:
    """Copy each notebook of a course that is not yet in a home. Returns: the copies, without those already there."""
    given = []
    for source in sorted(path for path in course.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts):
        copy = home / FOLDER / "notebooks" / source.relative_to(course)
        copy.parent.mkdir(parents=True, exist_ok=True)
        draft = copy.with_name(f".{copy.name}.{os.getpid()}")
        shutil.copyfile(source, draft)
        try:
            os.link(draft, copy)  # fails where there is one, so two starts at once cannot overwrite either
            given.append(copy)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return given


if __name__ == "__main__":
    home = Path.home()
    give(COURSE, home)
    # The learner's name gives own addresses and own numbers in the exercises; beside this file stands what lets kernels
    # talk over files. What the hub itself has set is left as it is.
    os.environ.setdefault("SOCKETS_LAB_LEARNER", os.environ.get("JUPYTERHUB_USER", ""))
    os.environ.setdefault("JUPYTER_CONFIG_PATH", str(Path(__file__).resolve().parent))
    os.chdir(home)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]])

"""What repo2docker makes of the repository, read in the Dockerfile that it prints; and the check in its image."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
POST_BUILD = ROOT / "binder" / "postBuild"


def test_the_dockerfile_takes_the_courses_versions():
    pytest.importorskip("repo2docker", reason="to check the image for Binder: pip install -r tests/requirements.txt")
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said = done.stdout.splitlines()
    python = (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    assert tuple(map(int, python.split("."))) >= (3, 11)
    wanted = [
        "KERNEL_PYTHON_PREFIX=${NB_PYTHON_PREFIX}",  # the server and its kernels have the same packages
        "COPY --chown=0:0 src/ ${REPO_DIR}/",  # the course, before `-e .` asks for it
        'pip install --no-cache-dir -r "binder/requirements.txt"',
        "RUN ./binder/postBuild",
    ]
    places = [next((number for number, line in enumerate(said) if part in line), None) for part in wanted]
    assert None not in places, f"not in the Dockerfile: {wanted[places.index(None)]}\n" + "\n".join(said)
    assert places == sorted(places)
    assert f"conda environment for python={python}" in done.stderr
    assert (ROOT / "binder" / "requirements.txt").read_text().split() == ["-r", "../requirements.txt"]


def test_the_image_is_refused_when_a_package_is_another(tmp_path):
    for line, expected in (("psutil==0.0.1", "psutil is "), ("# a comment", "")):
        (tmp_path / "requirements.txt").write_text(f"{line}\n-e .\n")
        done = subprocess.run([sys.executable, POST_BUILD], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == bool(expected)
        assert expected in done.stderr


def test_postbuild_is_marked_executable():
    assert sys.platform == "win32" or POST_BUILD.stat().st_mode & 0o111

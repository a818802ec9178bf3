"""What runs on other systems is what the README tells a newcomer to type, from the oldest Python that it promises."""

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "test.yml"
README = (ROOT / "README.md").read_text(encoding="utf-8")
JOB = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["newcomer"]
HOW = "to check the workflow's form: pip install -r tests/requirements.txt"


def printed(begin: str) -> list[str]:
    """The README's lines that begin so; a class is started by a line of its own, and takes a Linux host."""
    return [line for line in re.findall(rf"^    ({re.escape(begin)}.+)$", README, re.MULTILINE) if "deploy" not in line]


def test_each_system_runs_the_readmes_lines():
    typed = {system: [step["run"] for step in JOB["steps"] if step.get("if") == f"runner.os {system} 'Windows'"]
             for system in ("!=", "==")}  # fmt: skip
    assert typed == {"!=": printed("python3 -m venv"), "==": printed('cmd /c "py -m venv')}
    assert len(typed["!="]) == len(typed["=="]) == 2


def test_the_oldest_python_is_the_one_that_the_package_asks_for():
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert asked == f">={JOB['strategy']['matrix']['python'][0]}"
    systems = JOB["strategy"]["matrix"]["os"]
    assert [name.split("-")[0] for name in systems] == ["ubuntu", "macos", "windows"]


def refused(*files: Path) -> list[str]:
    """Return the names of the workflows that GitHub's schema does not take."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, timeout=60)
    found = sorted({path.name for path in files if f"{path.name}::" in done.stdout})
    assert bool(found) == bool(done.returncode), done.stdout + done.stderr
    return found


@pytest.mark.thorough
def test_githubs_schema_takes_the_workflow_and_refuses_a_wrong_job_step_and_event(tmp_path):
    pytest.importorskip("check_jsonschema", reason=HOW)
    text = WORKFLOW.read_text(encoding="utf-8")
    changes = [("runs-on:", "run-on:"), ("run: python3", "runs: python3"), ("[push", "[pull")]
    wrong = [text.replace(*one, 1) for one in changes]
    files = [tmp_path / f"{number}.yml" for number in range(3)]
    for path, content in zip(files, wrong, strict=True):
        path.write_text(content, encoding="utf-8")
    assert refused(WORKFLOW) == []
    assert refused(*files) == [path.name for path in files]


@pytest.mark.thorough
def test_the_start_ends_by_itself_where_it_shows_lesson_00_and_nowhere_else(tmp_path):
    browser = f"'{Path(sys.executable).as_posix()}' '{(ROOT / '.github' / 'browser.py').as_posix()}' %s"
    place = os.environ | {"BROWSER": browser, "HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    line = printed("python3 -m venv")[0].rpartition(" && ")[2].split()
    for lesson, ending in (("00_start_here", "Shutting down on /api/shutdown"), ("01_descriptors", "AssertionError")):
        command = [sys.executable, "-m", "jupyter", *line[1:-1], line[-1].replace("00_start_here", lesson)]
        command += ["--allow-root"] if os.name == "posix" and os.getuid() == 0 else []
        log = tmp_path / "log"
        with log.open("w") as file, subprocess.Popen(command, cwd=ROOT, env=place, stdout=file, stderr=file) as server:
            try:
                until = time.monotonic() + 60
                while ending not in log.read_text(encoding="utf-8") and server.poll() is None:
                    assert time.monotonic() < until, log.read_text(encoding="utf-8")
                    time.sleep(0.1)
                if lesson == "00_start_here":
                    assert server.wait(30) == 0
                assert ending in log.read_text(encoding="utf-8")
                assert (server.poll() is None) == (lesson != "00_start_here")
            finally:
                server.kill()

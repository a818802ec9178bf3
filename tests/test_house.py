"""The house: imports run downwards, importing is light, notebooks have the size and the end that lessons have."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sockets_lab"
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.parent.name == "notebooks" and path.name[0].isdigit()]
JUPYTER = {"ipywidgets", "IPython", "ipykernel", "anywidget"}
PICTURES = {"matplotlib", "numpy", "PIL"}
CALCULATING = {"headers.columns", "headers.sums"}  # they import numpy, and nobody imports them but to have them
GROUND = {"errors": 0, "lingering": 0, "model": 1, "guard": 2}
WITNESSES = {"table", "machine", "netlink"}
FLOORS = {"netns": 4, "nodes": 4, "classroom": 6, "course": 6, "figures": 6, "panels": 7}  # experiments stand on 5


def floor(module: str) -> int:
    """Return the floor of `sockets_lab.<module>`: errors 0 ... panels 7."""
    first = module.split(".")[0]
    return GROUND.get(first, 3 if first in WITNESSES else FLOORS.get(first, 5))


def imports(path: Path) -> list[str]:
    """List what a file imports, at its top or inside its functions."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports by dots: name the module whole"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=module_name)
def test_imports_run_downwards(path):
    here = floor(module_name(path))
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "sockets_lab" and rest:
            assert floor(rest) <= here, f"{module_name(path)} (floor {here}) imports {rest} (floor {floor(rest)})"
        assert top not in JUPYTER or here == 7, f"{module_name(path)} imports {name}: only panels know Jupyter"
        pictures = PICTURES - {"numpy"} if module_name(path) in CALCULATING else PICTURES
        assert top not in pictures or module_name(path).startswith("figures"), f"{name} belongs into figures"


def test_importing_the_package_and_every_experiment_is_light():
    experiments = {name for name in map(module_name, PACKAGE.rglob("*.py")) if name and floor(name) <= 5} - CALCULATING
    program = (
        "import importlib, sys, sockets_lab\n"
        f"for name in {experiments}: importlib.import_module('sockets_lab.' + name)\n"
        f"print(*({JUPYTER | PICTURES} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


def cells(path: Path, kind: str) -> list[dict]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_executed_and_clean(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert "widgets" not in notebook["metadata"]
    for cell in cells(path, "code"):
        assert not source(cell).strip() or cell["execution_count"], f"never run: {source(cell)!r}"
        assert not source(cell).rstrip().endswith(";"), "nbval compares what a semicolon hides: assign to _ instead"
        for output in cell["outputs"]:
            assert output["output_type"] != "error" or "raises-exception" in cell["metadata"].get("tags", ())
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), "run .ci/execute"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_cells_are_short_and_words_balance_code(path):
    code, prose = cells(path, "code"), cells(path, "markdown")
    assert max(len(source(cell).splitlines()) for cell in code) <= 15
    assert len(code) <= 45
    assert len(prose) >= len(code) / 3


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_pictures_carry_a_text_equivalent(path):
    outputs = [output for cell in cells(path, "code") for output in cell["outputs"]]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert pictures
    for picture in pictures:
        assert len(picture["metadata"]["image/png"]["alt"]) > 20


@pytest.mark.parametrize("path", [path for path in LESSONS if path.stem[:2] != "00"], ids=lambda path: path.stem)
def test_lessons_have_their_parts(path):
    code = "\n".join(map(source, cells(path, "code")))
    assert code.count("lesson.predict(") >= 2
    assert code.count("lesson.verdict(") >= 2
    assert code.count("lesson.check(") >= 2
    for part in ("lesson.panel()", "lesson.text_says()", "lesson.at_work(", "lesson.end()"):
        assert part in code
    assert source(cells(path, "markdown")[-1]).count("Words learned") == 1
    solution = path.parent / "solutions" / path.name
    solved = cells(solution, "code")
    for key in {call.split('"')[1] for call in code.split("lesson.check(")[1:]}:
        said = ["".join(cell["outputs"][0]["text"]) for cell in solved if f'check("{key}")' in source(cell)]
        assert said[0].startswith("Not yet"), f"{key}: the check must fail before the solution"
        assert said[-1].startswith("Done"), f"{key}: the check must pass after the solution"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_ignored_outputs_are_few(path):
    ignored = [cell for cell in cells(path, "code") if "nbval-ignore-output" in cell["metadata"].get("tags", ())]
    assert len(ignored) <= 2, "print relations, or show a picture, instead of what changes from run to run"

"""The house: imports run downwards, importing is light, notebooks have the size and the end that lessons have."""

import ast
import json
import subprocess
import sys
from pathlib import Path

from rules import each

from sockets_lab.course import lessons

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sockets_lab"
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.parent.name == "notebooks" and path.name[0].isdigit()]
JUPYTER = {"ipywidgets", "IPython", "ipykernel", "anywidget"}
PICTURES = {"matplotlib", "numpy", "PIL"}
FLOORS = ("meanings", "errors", "model", "guard", "headers", "kernel", "netns", "lab", "watch", "figures", "course",
          "panels", "lessons", "classroom", "playground", "__main__")  # fmt: skip
ORDER = [one.module for one in lessons.LESSONS]


def floor(module: str) -> tuple[int, int]:
    """Return where `sockets_lab.<module>` stands: its floor, and among the lessons its number."""
    first, _, rest = module.partition(".")
    lesson = rest.split(".")[0]
    return FLOORS.index(first), ORDER.index(lesson) if first == "lessons" and lesson else 0


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


def draws(module: str) -> bool:
    return module.startswith("figures") or module.split(".")[-1].startswith("figure")


def knows_jupyter(module: str) -> bool:
    return module.startswith("panels") or module.split(".")[-1].startswith("panel")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or
           path.stem != "__init__"}  # fmt: skip


def test_imports_run_downwards():
    """Only figure*.py draws, only panel*.py knows Jupyter, no experiment imports either, no lesson a later one."""
    up, drawing, jupyter, upstairs = [], [], [], []
    for module, path in MODULES.items():
        for name in imports(path):
            top, _, rest = name.partition(".")
            arrow = f"{module} -> {rest or name}"
            if top == "sockets_lab" and rest:
                looks = [part.startswith(("figure", "panel")) for part in rest.split(".")]
                experiment = not draws(module) and not knows_jupyter(module) and not module.startswith("course")
                up += [arrow] if floor(rest) > floor(module) else []
                upstairs += [arrow] if experiment and any(looks) else []
            drawing += [arrow] if top in PICTURES and not draws(module) else []
            jupyter += [arrow] if top in JUPYTER and not knows_jupyter(module) else []
    assert [up, drawing, jupyter, upstairs] == [[], [], [], []]


def test_a_folder_of_the_lessons_is_a_lesson():
    folders = {path.name for path in (PACKAGE / "lessons").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ORDER)
    for folder in ORDER:
        assert {f"lessons.{folder}.questions", f"lessons.{folder}.figure", f"lessons.{folder}.panel"} <= set(MODULES)


def test_importing_the_package_and_every_experiment_is_light():
    experiments = [name for name in MODULES if not draws(name) and not knows_jupyter(name)]
    program = (
        "import importlib, sys, sockets_lab\n"
        f"for name in {experiments}: importlib.import_module('sockets_lab.' + name)\n"
        f"print(*({JUPYTER | PICTURES} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


def test_what_the_package_offers_is_there_and_is_loaded_when_it_is_used():
    program = (
        "import sys, sockets_lab\n"
        "before = {name for name in sys.modules if name.startswith('sockets_lab.')}\n"
        "offered = dir(sockets_lab)\n"
        "print(len(before), *[name for name in offered if not hasattr(sockets_lab, name)])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["0"]


def cells(path: Path, kind: str) -> list[dict]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


@each(NOTEBOOKS)
def test_notebooks_are_committed_executed_and_clean(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert "widgets" not in notebook["metadata"]
    for cell in cells(path, "code"):
        assert not source(cell).strip() or cell["execution_count"], f"never run: {source(cell)!r}"
        assert not source(cell).rstrip().endswith(";"), "nbval compares what a semicolon hides: assign to _ instead"
        for output in cell["outputs"]:
            assert output["output_type"] != "error" or "raises-exception" in cell["metadata"].get("tags", ())
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), "run .ci/execute"


@each(LESSONS)
def test_cells_are_short_and_words_balance_code(path):
    code, prose = cells(path, "code"), cells(path, "markdown")
    assert max(len(source(cell).splitlines()) for cell in code) <= 15
    assert len(code) <= 45
    assert len(prose) >= len(code) / 3


@each(LESSONS)
def test_pictures_carry_a_text_equivalent(path):
    outputs = [output for cell in cells(path, "code") for output in cell["outputs"]]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert pictures
    for picture in pictures:
        assert len(picture["metadata"]["image/png"]["alt"]) > 20


@each([path for path in LESSONS if path.stem[:2] != "00"])
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


@each(NOTEBOOKS)
def test_ignored_outputs_are_few(path):
    ignored = [cell for cell in cells(path, "code") if "nbval-ignore-output" in cell["metadata"].get("tags", ())]
    assert len(ignored) <= 2, "print relations, or show a picture, instead of what changes from run to run"

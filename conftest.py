"""What all tests and notebooks share: what runs unless more is asked for, a learner who is the same everywhere, kernels
that start reliably, and what is compared where a machine cannot do all that the saved outputs show."""

import atexit
import os
import re
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

# Nothing here checks the syntax of URIs; to load the grammars for it takes each worker longer than to load the rest
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
pytest_plugins = ["nbval.plugin"]  # not by itself (-p no:nbval): it would load them before this line

from jupyter_client.manager import KernelManager  # noqa: E402

from sockets_lab.kernel.machine import descriptor_limits, has_dual_stack, has_ipv6, try_firewall, try_namespaces  # noqa: E402

# Before the first kernel starts: kernels inherit this, so per-learner numbers are those of the saved outputs, and no
# progress goes from one notebook to the next.
os.environ.update(SOCKETS_LAB_LEARNER="reader", SOCKETS_LAB_DATA="")

ROOT = Path(__file__).resolve().parent
WITH_NODES = re.compile(r"\bLab\(|detective\.take\(")  # what a notebook calls that makes nodes
WITH_FILTER = re.compile(r"import.*\b(detective|filtering|firewall|knocking|scanning)\b")  # what fills a filter
# Files that run with --everything, or when they are named; single tests say so by the marker
THOROUGH = {
    "tests/browser", "notebooks/solutions", "tests/test_binder.py", "tests/test_cluster.py", "tests/test_hub.py",
    "tests/test_hub_users.py", "tests/test_notebooks.py", "tests/test_own_kernels.py", "tests/test_refusals.py",
    "tests/test_slides.py", "tests/test_unbreakable.py", "tests/test_evidence.py",
    "tests/test_fourtuples_crowd.py", "tests/test_history.py", "tests/test_scanning_witnesses.py",
}  # fmt: skip
# Files whose tests are long and share nothing, so that workers may divide them
SPREAD = ("tests/test_notebooks.py", "tests/browser/test_notebook7.py")
LEFT_OUT = (
    "crowds, want of descriptors and memory, kill -9, other programs as witnesses at length, many random cases,\n"
    "poorer machines, a class's hub, the browser, slides, the solutions. They take 20 minutes, with --everything:\n"
    ".venv/bin/python -m pytest --everything"
)

# The address of a Unix-domain socket has room for about 100 bytes: with a long TMPDIR no kernel would answer (unix(7))
if os.name == "posix" and len(os.fsencode(tempfile.gettempdir())) > 50 and os.access("/tmp", os.W_OK):
    os.environ["TMPDIR"] = tempfile.tempdir = "/tmp"
_folder = tempfile.TemporaryDirectory(prefix="kernels-")
atexit.register(_folder.cleanup)
_plain_init = KernelManager.__init__


def _over_files(manager: KernelManager, *args: Any, **kwargs: Any) -> None:
    """Let a kernel talk through files instead of TCP ports.

    Jupyter picks five ports, lets go of them, and hopes that the kernel finds them free; while lessons bind ports by
    the thousand, one of them is now and then taken, and the kernel never answers.
    """
    kwargs = {"transport": "ipc", "connection_file": f"{_folder.name}/{uuid.uuid4().hex[:12]}.json"} | kwargs
    _plain_init(manager, *args, **kwargs)


if os.name == "posix":
    KernelManager.__init__ = _over_files  # type: ignore[method-assign]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for what takes long."""
    parser.addoption("--everything", action="store_true", help="run the tests that take long, too")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Run all of what was named. Workers get the option with the others, and what they start reads the environment."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        config.option.everything = True
    if config.option.everything:
        os.environ["SOCKETS_LAB_EVERYTHING"] = "1"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Choose how many tests run at once: they mostly wait, so more than there are cores; none beside a file or two."""
    named = config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    return 0 if named and len(config.args) < 3 else max(4, os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a file's tests to one worker, as --dist loadscope does; but those of a file in SPREAD to whoever is free."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if nodeid.startswith(SPREAD) else super()._split_scope(nodeid)

    return Scheduling(config, log)


def is_thorough(path: Path) -> bool:
    """Whether a file, or a folder that it is in, takes long as a whole."""
    inside = path.relative_to(ROOT)
    return any(one.as_posix() in THOROUGH for one in (inside, *inside.parents))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even load the files that take long."""
    return True if not config.option.everything and is_thorough(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose what runs, first what takes longest; do not compare what this machine cannot show.

    Where nodes or their high descriptors are refused, notebooks name this machine's loopback addresses, and say what
    differs. The browser comes last: Playwright keeps an event loop running, in which others cannot start theirs.
    """
    left_out = []
    if not config.option.everything:
        left_out = [item for item in items if item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: (item.path.parent.name == "browser", item.path.suffix != ".ipynb",
                                 not item.nodeid.startswith(SPREAD)))  # fmt: skip
    differ = [] if try_namespaces() is True and descriptor_limits()[1] >= 1024 else [WITH_NODES]
    differ += [] if try_firewall() is True else [WITH_FILTER]
    ipv6 = has_ipv6() and has_dual_stack()
    for item in items:
        if item.path.stem == "answers" and not ipv6 and '("::' in item.cell.source:  # type: ignore[attr-defined]
            item.options["check"] = False  # type: ignore[attr-defined]
        if item.path.suffix == ".ipynb" and any(one.search(item.path.read_text(encoding="utf-8")) for one in differ):
            item.options["check"] = False  # type: ignore[attr-defined]  # nbval's cells have them


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was left out, and how it is run."""
    if not config.option.everything:
        terminalreporter.section("left out")
        terminalreporter.write_line(LEFT_OUT)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What a test has opened, and is closed with it."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def held(stack: ExitStack) -> ExitStack:
    """The same, where a test speaks of what it holds."""
    return stack


@pytest.fixture
def panel(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The panel of the lesson whose module the tests call `panels`."""
    one = request.module.panels.make()
    yield one
    one.release()


@pytest.fixture
def leaves_nothing() -> Iterator[None]:
    """Fail where a test leaves a descriptor, a thread or a child process behind."""
    from leaks import nothing_left

    with nothing_left():
        yield

"""Run a learner's code in a node: a cell, whose names stay for the next one, or a function with its arguments."""

import ast
import io
import linecache
import os
import pickle
import sys
import traceback
from types import CodeType
from typing import Any

MOST = 1_000_000  # bytes of one answer; who prints more has a loop that runs away
CUT = "\n(more was printed, and is left out)\n"


class Runner:
    """The code of one node. Answers are tuples: "value" or "error", what was printed, pickled bytes, a traceback."""

    def __init__(self, node: dict[str, Any], lab: dict[str, Any]) -> None:
        self.node, self.lab = node, lab
        self.output = Output()
        self.names = vars(sys.modules["__main__"])  # so that functions defined in cells can be pickled
        self.names |= {"ME": node["address"], "ADDRESS": {one["name"]: one["address"] for one in lab["nodes"]}}
        self.cells = 0
        self.ready = False

    def execute(self, code: str) -> tuple:
        """Run a cell. Answers the representation of its last line's value, as text, or None."""
        try:
            self.cells += 1
            body, last = self._compiled(code)
            exec(body, self.names)
            value = eval(last, self.names) if last else None
            return ("value", self.output.take(), pickle.dumps(None if value is None else repr(value)), "")
        except BaseException as error:  # noqa: BLE001  an interrupt and an exit too: the node goes on
            return self.failed(error)

    def run(self, packed: bytes) -> tuple:
        """Call a function with arguments, pickled by cloudpickle. Answers its value."""
        try:
            import cloudpickle

            function, arguments = pickle.loads(packed)
            value = function(*arguments)
            return ("value", self.output.take(), cloudpickle.dumps(value), "")
        except BaseException as error:  # noqa: BLE001
            return self.failed(error)

    def failed(self, error: BaseException) -> tuple:
        """Answer with an exception as it was, and its traceback from the learner's own lines on."""
        frames = error.__traceback__
        while frames and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        text = "".join(traceback.format_exception(type(error), error, frames))
        return ("error", self.output.take(), portable(error), text)

    def get_ready(self) -> None:
        """Before the first code, let the guard know the lab's addresses; not earlier, because that takes a moment."""
        if not self.ready:
            from sockets_lab import guard

            if self.lab["kind"] == "namespaces":
                guard.admit(self.node["address"], [one["address"] for one in self.lab["nodes"]])
            self.ready = True

    def _compiled(self, code: str) -> tuple[CodeType, CodeType | None]:
        """Compile a cell, its last line apart where that is an expression; tracebacks will show its lines."""
        name = f"<{self.node['name']}, cell {self.cells}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        tree = ast.parse(code, name)
        ending = tree.body[-1] if tree.body else None
        if not isinstance(ending, ast.Expr):
            return compile(tree, name, "exec"), None
        del tree.body[-1]
        return compile(tree, name, "exec"), compile(ast.Expression(ending.value), name, "eval")


def portable(error: BaseException) -> bytes:
    """Pickle an exception; where that cannot be done, one that has its name and its words."""
    try:
        import cloudpickle

        packed: bytes = cloudpickle.dumps(error)
        pickle.loads(packed)
        return packed
    except Exception:  # noqa: BLE001  whatever stands in the way
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))


class Output:
    """A file without a name in place of descriptors 1 and 2, so that the order in which things were printed stays."""

    def __init__(self) -> None:
        self.file = _nameless_file()
        for descriptor in (1, 2):
            os.dup2(self.file.fileno(), descriptor)
        written = io.FileIO(1, "w", closefd=False)
        sys.stdout = sys.stderr = io.TextIOWrapper(written, "utf-8", "replace", write_through=True)  # type: ignore[type-var]

    def take(self) -> str:
        """Return what was printed since the last time."""
        sys.stdout.flush()
        self.file.seek(0)
        raw = self.file.read(MOST + 1)
        self.file.truncate(0)
        self.file.seek(0)  # descriptors 1 and 2 share this position
        return raw[:MOST].decode("utf-8", "replace") + (CUT if len(raw) > MOST else "")


def _nameless_file() -> io.FileIO:
    try:
        return io.FileIO(os.memfd_create("output"), "r+")
    except (AttributeError, OSError):  # not Linux, or not allowed
        import tempfile

        return io.FileIO(os.dup(tempfile.TemporaryFile().fileno()), "r+")

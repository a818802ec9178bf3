"""What a cell says where the machine has no more of what the lesson counts on: descriptors, memory, a port.

One sentence with what to do takes the traceback's place. To show that, Python would have to read files, and it would
end where the last descriptor was missing, which is chance.
"""

import errno
import re
import sys
from contextlib import suppress
from traceback import walk_tb
from types import TracebackType

from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from sockets_lab.errors import Refused, refusal
from sockets_lab.kernel.machine import descriptor_limits
from sockets_lab.lab import opened

AGAIN = "Restart the kernel, end what else runs on this machine, and begin again."
FEW = 256  # descriptors: with as many, Jupyter and a lesson get by
SPARE = 8 << 20  # bytes of addresses, given back where there are no others, so that the sentence can be shown
# Without a number: what the loader of libraries says, and the maker of threads
FILES = re.compile(r"too many open files", re.IGNORECASE)
MEMORY = re.compile(  # the last one: Python itself had none for its error
    r"cannot allocate memory|failed to map segment|can't start new thread|without (setting an )?exception( set)?$",
    re.IGNORECASE,
)


def register(shell: InteractiveShell | None = None) -> None:
    """Let the cells of this kernel say what was refused, once; without a kernel, do nothing."""
    _have_spare()
    shell = shell or get_ipython()
    if shell is not None and not shell.custom_exceptions:
        _load_what_tracebacks_need(shell)
        shell.set_custom_exc((Exception,), _show)


def _load_what_tracebacks_need(shell: InteractiveShell) -> None:
    """Let IPython make one that nobody sees: for its first one it opens files, and then no descriptor may be left."""
    try:
        raise LookupError
    except LookupError:
        shell.InteractiveTB.structured_traceback(*sys.exc_info())


def explained(error: BaseException) -> str:
    """Say in a sentence what was refused, and what to do; "" for any error of another kind.

    A module that memory was missing for is half loaded, and loading it once more fails in any way.
    """
    global _missed
    number, text = getattr(error, "errno", None), str(error)
    if number in (errno.EMFILE, errno.ENFILE) or FILES.search(text):
        return f"{_told(number or errno.EMFILE)}. {_more_descriptors()}"
    if isinstance(error, MemoryError) or number == errno.ENOMEM or MEMORY.search(text):
        _missed = _missed or not _demanded_by_a_cell(error)
        return _no_memory()
    if _missed and _while_loading(error):
        return f"{type(error).__name__}, as memory was missing before and a module is half loaded. {AGAIN}"
    lab = opened()
    if number == errno.EADDRINUSE and lab and lab.kind == "loopback":
        return (
            f"{_told(number)}. The nodes share this machine's ports, and a program that listens at 0.0.0.0 has its "
            "port at every address: take another number, in this cell and in those that follow."
        )
    return ""


def memory_missed() -> str:
    """Say so where memory was missing in this kernel before, and not only for a cell that asked for too much."""
    return _no_memory() if _missed else ""


_spare: bytes | None = None
_missed = False  # memory was missing in this kernel


def _have_spare() -> None:
    """Take addresses, once; no memory is used for them, as nothing is ever written there (a bytearray would be)."""
    global _spare
    with suppress(MemoryError):
        _spare = _spare or bytes(SPARE)


def _demanded_by_a_cell(error: BaseException) -> bool:
    """Tell whether it was the learner's own line that asked for memory."""
    return any(module == "__main__" for _, module in _places(error)[-1:])


def _while_loading(error: BaseException) -> bool:
    """Tell whether an error came up while a module was being loaded."""
    return any(function == "<module>" and module != "__main__" for function, module in _places(error))


def _places(error: BaseException) -> list[tuple[str, str | None]]:
    """List through which functions of which modules an error came, the innermost last."""
    return [(frame.f_code.co_name, frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__)]


def _no_memory() -> str:
    return f"{_told(errno.ENOMEM)}. {AGAIN}"


def _told(number: int) -> Refused:
    return refusal(OSError(number, ""))


def _more_descriptors() -> str:
    most = descriptor_limits()[0]
    if most >= FEW:
        return f"The limit here is {most}; when you restart the kernel, all are closed."
    return f"The limit here is {most}, too few for Jupyter and a lesson: start Jupyter again after `ulimit -n 1024`."


def _show(shell: InteractiveShell, kind: type, error: BaseException, trace: TracebackType, tb_offset: object) -> None:
    global _spare
    _spare = None
    sentence = explained(error)
    if sentence:
        error._render_traceback_ = lambda: [sentence]  # type: ignore[attr-defined]  # IPython asks for it
    shell.showtraceback((kind, error, trace), running_compiled_code=True)
    _have_spare()

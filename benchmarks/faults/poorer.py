"""Machines that lack something: every lesson once on each."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import machines
from kernels import Kernel, KernelDied, troubles, unclear

from faults.found import Found, each, lessons

BASE = 66  # descriptors that an idle kernel holds
STEPS = (16, 32, 64)  # descriptors that a lesson may have
# What Jupyter's log has where the kernel itself lacked what a message takes
JUPYTER_LACKS = ("MemoryError", "can't start new thread", "Too many open files")
LOGGED = 5.0  # seconds until it stands there
# MiB of addresses; an idle kernel takes 800, a lesson with its pictures 1,150, and up to 1,470 where it has threads
MEMORY = (850, 950, 1050, 1200, 1500)


def _whole(inside: Sequence[str], path: Path) -> Iterator[str]:
    """Run a lesson that is to come to its end."""
    with Kernel(inside) as kernel:
        yield from troubles(kernel.lesson(path))
        yield from (f"left: {one}" for one in kernel.left())


def _clear(inside: Sequence[str], path: Path) -> Iterator[str]:
    """Run a lesson that may miss what it needs, and then has to say so."""
    kernel = Kernel(inside)
    try:
        with kernel:
            try:
                yield from unclear(kernel.lesson(path))
            except (TimeoutError, ValueError) as broken:  # no message, or half of one
                if not _jupyter_lacked(kernel):
                    yield f"{broken}"
    except KernelDied as died:
        if "Traceback" in str(died):
            yield str(died)
    yield from (f"left: {one}" for one in kernel.left(5.0))


def _jupyter_lacked(kernel: Kernel) -> bool:
    """Whether Jupyter's log says that the kernel lacked something; half a message may arrive before it does."""
    until = time.monotonic() + LOGGED
    while time.monotonic() < until:
        if any(lack in kernel.log() for lack in JUPYTER_LACKS):
            return True
        time.sleep(0.05)
    return False


def _missing(fault: str, inside: Sequence[str]) -> Callable[[bool], Found]:
    def cause(quick: bool) -> Found:
        paths = lessons(quick)
        return Found(fault, f"once, each of {len(paths)} notebooks", "each to its end, nothing left",
                     each(partial(_whole, inside), paths))  # fmt: skip

    return cause


no_ipv6 = _missing("no IPv6", machines.NO_IPV6)
no_services = _missing("no /etc/services", machines.NO_SERVICES)
no_proc = _missing("no /proc at all", machines.NO_PROC)
hidden_proc = _missing("another user, from whom /proc hides all other processes", machines.HIDDEN_PROC)
no_namespaces = _missing("no namespaces", machines.NO_NAMESPACES)
read_only_home = _missing("read-only home folder", machines.READ_ONLY_HOME)


def descriptors(quick: bool) -> Found:
    """Give lessons few descriptors beside those of Jupyter; with 64 a lesson has to come to its end."""
    paths, wrong = lessons(quick), []
    for more in STEPS[quick:]:
        run = _whole if more == STEPS[-1] else _clear
        wrong += [f"{more}: {one}" for one in each(partial(run, machines.descriptors(BASE + more)), paths)]
    often = f"{', '.join(map(str, STEPS))} beside the {BASE} of Jupyter's kernel, each of {len(paths)} notebooks"
    seen = "with 64 to the end, with fewer a sentence, or Jupyter's kernel ends or falls silent"
    return Found("descriptor limit", often, seen, wrong)


def memory(quick: bool) -> Found:
    """Give the kernel little memory."""
    # matplotlib keeps a list of fonts for all who come later: one made without memory would lack most of them
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True)
    paths, wrong = lessons(quick), []
    for most in MEMORY[1::3] if quick else MEMORY:
        run = _whole if most == MEMORY[-1] else _clear
        wrong += [f"{most} MiB: {one}" for one in each(partial(run, machines.memory(most)), paths)]
    often = f"{', '.join(map(str, MEMORY))} MiB of addresses, each of {len(paths)} notebooks"
    return Found("memory limit", often,
                 "with the most to the end, with less a sentence, or Jupyter's kernel ends or falls silent", wrong)

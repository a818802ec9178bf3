"""Machines that lack something: every lesson once on each."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import machines
from kernels import ROOT, HalfMessage, Kernel, KernelDied, MessageLost, Said, cells, troubles, unclear

from faults.found import Found, each, lessons

STEPS = (16, 32, 64)  # descriptors that a lesson may have
# What Jupyter says, in its log or in a cell, where the kernel itself lacked what a message or its history takes
JUPYTER_LACKS = ("MemoryError", "can't start new thread", "Too many open files")
HISTORY_LACKS = "unable to open database file"
LOGGED = 5.0  # seconds until it stands there
# MiB of addresses; an idle kernel takes 800, a lesson with its pictures 1,150, and up to 1,470 where it has threads
MEMORY = (850, 950, 1050, 1200, 1500)


def _whole(inside: Sequence[str], path: Path) -> Iterator[str]:
    """Run a lesson that is to come to its end."""
    with Kernel(inside) as kernel:
        yield from troubles(kernel.lesson(path))
        yield from (f"left: {one}" for one in kernel.left())


def _clear(gone: list[Path], inside: Sequence[str], path: Path) -> Iterator[str]:
    """Run a lesson that may miss what it needs, and then has to say so. gone: gets the path where Jupyter cannot."""
    kernel, heard = Kernel(inside), list[Said]()
    try:
        with kernel:
            try:
                for cell in cells(path):
                    said = kernel.run(*cell)
                    heard.append(replace(said, text="") if _is_jupyters(said) else said)
            except MessageLost:  # the cell did end
                gone.append(path)
            except (TimeoutError, HalfMessage, KernelDied) as broken:
                gone.append(path)
                hangs = isinstance(broken, TimeoutError) and not kernel.replies(LOGGED)
                ended_in_silence = isinstance(broken, KernelDied) and "Traceback" not in kernel.log()
                if hangs or not (ended_in_silence or _jupyter_lacked(kernel, str(broken))):
                    yield str(broken)[:300]
    except KernelDied as died:  # before its first cell
        gone.append(path)
        if "Traceback" in str(died) and not any(lack in str(died) for lack in JUPYTER_LACKS):
            yield str(died)
    yield from unclear(heard)
    yield from (f"left: {one}" for one in kernel.left(5.0))


def _is_jupyters(said: Said) -> bool:
    """Whether what was printed is a traceback of Jupyter's own threads, without a line of the course or the cell."""
    text = "" if said.error else said.text
    lacks, ours = (*JUPYTER_LACKS, HISTORY_LACKS), (str(ROOT / "sockets_lab"), "ipykernel_")
    return "Traceback" in text and any(lack in text for lack in lacks) and not any(one in text for one in ours)


def _jupyter_lacked(kernel: Kernel, told: str) -> bool:
    """Whether Jupyter says that the kernel lacked something: in half a message, in one behind it, or in its log."""
    until = time.monotonic() + LOGGED
    while time.monotonic() < until:
        if any(lack in told + kernel.log() for lack in JUPYTER_LACKS):
            return True
        told += kernel.overheard(0.2)
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
no_firewall = _missing("no packet filter", machines.NO_FIREWALL)
read_only_home = _missing("read-only home folder", machines.READ_ONLY_HOME)


def descriptors(quick: bool) -> Found:
    """Give lessons few descriptors beside those of Jupyter; with the most a lesson has to come to its end."""
    with Kernel() as kernel:
        held = int(kernel.run("import os; print(len(os.listdir('/proc/self/fd')) - 1)").text)
    return _scarce("descriptor limit", f"descriptors beside the {held} of Jupyter's kernel", STEPS[quick:],
                   lambda more: machines.descriptors(held + more), lessons(quick))  # fmt: skip


def memory(quick: bool) -> Found:
    """Give the kernel little memory."""
    # matplotlib keeps a list of fonts for all who come later: one made without memory would lack most of them
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True)
    return _scarce("memory limit", "MiB of addresses", MEMORY[1::3] if quick else MEMORY, machines.memory,
                   lessons(quick))  # fmt: skip


def _scarce(
    fault: str, unit: str, steps: Sequence[int], machine: Callable[[int], list[str]], paths: list[Path]
) -> Found:
    """Run the lessons with so little, step by step, that they may lack it; not with the last step."""
    wrong, told = [], []
    for step in steps:
        gone: list[Path] = []
        run = partial(_whole if step == steps[-1] else partial(_clear, gone), machine(step))
        wrong += [f"{step}: {one}" for one in each(run, paths)]
        told.append(f"{step} ({len(gone)} kernels ended or fell silent)" if gone else str(step))
    often = f"{', '.join(told)} {unit}, each of {len(paths)} notebooks"
    seen = "with the most to the end, with less a sentence, or Jupyter's kernel ends or falls silent"
    return Found(fault, often, seen, wrong)

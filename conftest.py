"""What all tests and notebooks share: a learner who is the same everywhere, kernels that start reliably, and what is
compared where a machine cannot do all that the saved outputs show."""

import atexit
import os
import re
import tempfile
import uuid
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from sockets_lab.kernel.machine import descriptor_limits, try_firewall, try_namespaces

# Before the first kernel starts: kernels inherit this, so per-learner numbers are those of the saved outputs, and no
# progress goes from one notebook to the next.
os.environ.update(SOCKETS_LAB_LEARNER="reader", SOCKETS_LAB_DATA="")

WITH_NODES = re.compile(r"\bLab\(|detective\.take\(")  # what a notebook calls that makes nodes
WITH_FILTER = re.compile(r"import.*\b(detective|filtering|firewall|knocking|scanning)\b")  # what fills a filter

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run notebooks without comparing what they print, where nodes, their high descriptors or their filter are refused.

    They then name this machine's loopback addresses, and say what differs.
    """
    differ = [] if try_namespaces() is True and descriptor_limits()[1] >= 1024 else [WITH_NODES]
    differ += [] if try_firewall() is True else [WITH_FILTER]
    for item in items:
        if item.path.suffix == ".ipynb" and any(one.search(item.path.read_text(encoding="utf-8")) for one in differ):
            item.options["check"] = False  # type: ignore[attr-defined]  # nbval's cells have them

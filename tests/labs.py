"""Labs for tests: where this machine has network namespaces, a lab that cannot be had is a failure and no skip."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sockets_lab.kernel.machine import try_firewall, try_namespaces
from sockets_lab.lab import Lab

HAS_STACKS = try_namespaces() is True and os.environ.get("SOCKETS_LAB_NODES") != "loopback"
needs_namespaces = pytest.mark.skipif(not HAS_STACKS, reason="network namespaces are refused here")

# Both kinds of nodes. Where they can have stacks of their own, to share one is what a poorer machine does
KINDS = [pytest.param("namespaces", marks=needs_namespaces),
         pytest.param("loopback", marks=pytest.mark.thorough if HAS_STACKS else ())]  # fmt: skip


@contextmanager
def open_lab(**plan: str) -> Iterator[Lab]:
    """Open a lab of nodes with stacks of their own. Skips where there are none."""
    if not HAS_STACKS:
        pytest.skip("network namespaces are refused here")
    with Lab(**plan) as lab:
        yield lab


@contextmanager
def filtered_lab(**plan: str) -> Iterator[Lab]:
    """Open a lab whose nodes have the kernel's filter. Skips where there is none."""
    if HAS_STACKS and try_firewall() is not True:
        pytest.skip("this kernel has no packet filter")
    with open_lab(**plan) as lab:
        yield lab

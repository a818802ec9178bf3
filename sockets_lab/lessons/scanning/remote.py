"""Scan from a node, and see here how far it is.

A node's process has two threads: one runs the scan, and the other answers short questions meanwhile. So the scan leaves
its progress where the other finds it, and looks there whether it shall stop.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from sockets_lab.errors import BadInput, Refused
from sockets_lab.lab import Node
from sockets_lab.lessons.scanning.outcome import TICK, Progress, Scan
from sockets_lab.lessons.scanning.scan_options import ALL, Ports
from sockets_lab.lessons.scanning.tcp import scan
from sockets_lab.lessons.scanning.udp import udp_scan

PATIENCE = 24 * 3600.0  # seconds; a slow scan takes its time, and can be stopped
SCANS: dict[str, Callable[..., Scan | Refused]] = {"tcp": scan, "udp": udp_scan}

_latest: deque[Progress] = deque(maxlen=1)  # in the node's process: one, or none yet
_stop = threading.Event()


def scan_from(
    node: Node, address: str, ports: Ports = ALL, protocol: str = "tcp",
    progress: Callable[[Progress], object] | None = None, stop: threading.Event | None = None, **how: Any,
) -> Scan | Refused:  # fmt: skip
    """Scan from a node; the other arguments are those of `scan` or `udp_scan`, and so is what comes back.

    Args: protocol: "tcp" or "udp". progress is called here, as long as the node scans; stop is asked here.
    Raises: BadInput; NodeError, where the node has ended.
    """
    if not isinstance(node, Node):
        raise BadInput(f"{node!r} is no node: pass one of a lab's, as lab.A.")
    if protocol not in SCANS:
        raise BadInput(f"{protocol!r} is no protocol to scan: pass one of {', '.join(SCANS)}.")
    node.call(begin)
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(node.run, partial(work, **how), protocol, address, ports, patience=PATIENCE)
        try:
            while not wait([running], TICK).done:
                if progress is not None and (now := node.call(latest)) is not None:
                    progress(now)
                if stop is not None and stop.is_set():
                    node.call(end)
            if progress is not None and running.exception() is None and (last := node.call(latest)):
                progress(last)
        finally:
            if not running.done():  # whoever waits was interrupted: so is the scan
                node.call(end)
        found: Scan | Refused = running.result()
        return found


def work(protocol: str, address: str, ports: Ports, **how: Any) -> Scan | Refused:
    return SCANS[protocol](address, ports, progress=_latest.append, stop=_stop, **how)


def begin() -> None:
    """Make ready for a scan, in the node."""
    _latest.clear()
    _stop.clear()


def latest() -> Progress | None:
    """Return how far the scan in this node is; None where it has only begun."""
    return _latest[0] if _latest else None


def end() -> None:
    """Stop the scan in this node."""
    _stop.set()

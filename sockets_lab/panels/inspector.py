"""The inspector: a live view beside the notebook of the sockets that this kernel holds."""

from typing import TYPE_CHECKING

from ipykernel.kernelapp import IPKernelApp

if TYPE_CHECKING:
    from sockets_lab.panels.dock import Dock

CHANNELS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


def inspector() -> "Dock":
    """Open a live view of this kernel's sockets beside the notebook; a second one takes the place of the first."""
    from sockets_lab.panels.dock import Dock  # when it is first used: anywidget takes a moment to import

    return Dock(jupyters_ports())


def jupyters_ports() -> frozenset[int]:
    """Return the ports through which Jupyter talks to this kernel; none without a kernel, or where it uses files."""
    if not IPKernelApp.initialized():
        return frozenset()
    kernel = IPKernelApp.instance()
    inner = getattr(kernel.iopub_thread, "_pipe_port", 0)  # through which child processes print
    channels = [getattr(kernel, channel) for channel in CHANNELS] if kernel.transport == "tcp" else []
    return frozenset((*channels, inner)) - {0}

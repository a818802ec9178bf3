"""`%%node A` on top of a cell: run the cell in node A of the open lab. `--bg` lets it work in the background.

The names that it makes stay in the node for its next cell. `%node_result A` waits for what works in the background.
`%%packets A` on top of any cell draws, below it, what crossed A's cable while the cell ran.
"""

from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from sockets_lab.errors import BadInput
from sockets_lab.figures.ladder import MOST, ladder
from sockets_lab.lab import Lab, LabUnavailable, Reply, opened
from sockets_lab.panels.show import show as show_picture

SETTLING = 0.05  # seconds in which what is still on its way arrives
USAGE = "Write %%node and the node's name, as in %%node A; add --bg to let it work in the background."


def register(shell: InteractiveShell | None = None) -> None:
    """Make `%%node` and `%node_result` known to this kernel, once; without a kernel, do nothing."""
    shell = shell or get_ipython()
    if shell is not None and "node" not in shell.magics_manager.magics["cell"]:
        shell.magics_manager.register_function(node, "cell", "node")
        shell.magics_manager.register_function(node_result, "line", "node_result")
        shell.magics_manager.register_function(packets, "cell", "packets")


def node(line: str, cell: str) -> None:
    """Run this cell in a node of the open lab."""
    __tracebackhide__ = True
    name, *options = line.split() or [""]
    if not name or options not in ([], ["--bg"]):
        raise BadInput(USAGE)
    if options:
        _lab()[name].start(cell)
    else:
        show(_lab()[name].execute(cell))


def node_result(line: str) -> None:
    """Wait for the cell that a node runs in the background, and show what it gave back."""
    __tracebackhide__ = True
    if len(line.split()) != 1:
        raise BadInput("Write %node_result and the node's name, as in %node_result A.")
    show(_lab()[line.strip()].result())


def packets(line: str, cell: str) -> None:
    """Run this cell, and draw what crossed a node's cable meanwhile; also where the cell fails."""
    __tracebackhide__ = True
    shell = get_ipython()
    if len(line.split()) != 1 or shell is None:
        raise BadInput("Write %%packets and the node at whose cable to look, as in %%packets A.")
    lab = _lab()
    try:
        listening = lab[line.strip()].capture()
    except LabUnavailable as missing:  # the cell itself works without
        print(f"No packets are shown. {missing.step.capitalize()} is not possible here: {missing.because}.")
        shell.run_cell(cell)
        return
    with listening as capture:
        shell.run_cell(cell)
        crossed = capture.wait(MOST, deadline=SETTLING)
    show_picture(ladder(crossed, lab.addresses))


def show(reply: Reply) -> None:
    """Show what a node's cell printed and its value; raise its exception with the node's own lines."""
    __tracebackhide__ = True
    print(reply.output, end="")
    if reply.error is not None:
        lines = reply.traceback.rstrip().splitlines()
        reply.error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]  # IPython asks for this
        raise reply.error
    if reply.value is not None:
        print(reply.value)


def _lab() -> Lab:
    lab = opened()
    if lab is None:
        raise BadInput('There is no open lab: make one first, as lab = Lab(A="10.20.30.40", B="50.60.70.80").')
    return lab

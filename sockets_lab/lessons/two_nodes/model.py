"""A bench of live nodes: open, try and close single descriptors, and handle the cables."""

from contextlib import ExitStack

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel import descriptors
from sockets_lab.kernel.descriptors import Entry
from sockets_lab.lab.capture import Captured
from sockets_lab.lessons.two_nodes import ends
from sockets_lab.lessons.two_nodes.example import BRIEF, open_lab
from sockets_lab.lessons.two_nodes.views import View, hosts
from sockets_lab.model import Endpoint

SLOW = 8_000  # bits a second
SHARE = 0.5  # of the packets, on a lossy cable
CABLES = ("cut", "mended", "slow", "lossy")


class NodesModel:
    """Nodes A, B and C of a lab of its own. All methods name a node by its name; no call waits longer than 50 ms."""

    def __init__(self) -> None:
        self.lab = open_lab()
        self.cables: dict[str, str] = {}
        self._watching = ExitStack()
        self._captures: list = []

    def close(self) -> None:
        """End the lab, and with it all that is open. Calling it again does no harm."""
        self.unwatch()
        self.lab.close()

    def view(self) -> View:
        """Read all nodes' tables now."""
        return hosts(self.lab, self.cables)

    def listen(self, name: str, port: int) -> int | Refused:
        """Listen at a node's address. Returns: the descriptor, the lowest free one."""
        node = self.lab[name]
        return node.run(ends.listen, Endpoint(node.address, port))

    def connect(self, name: str, port: int, to: Endpoint, number: int) -> int | Refused:
        """Connect from a node's address and port (0 = its kernel chooses), by a descriptor of one's choice."""
        node = self.lab[name]
        here = Endpoint(node.address, port)
        return node.run(ends.connect, here, to, number, BRIEF)

    def accept(self, name: str, number: int) -> int | Refused:
        """Accept what waits at a listener of this node. Raises: BadInput, where it has none."""
        host = self.view()[name]
        listeners = [host.number_of(row) for row in host.rows if row.state == "LISTEN"]
        waiting = [host.number_of(row) for row in host.rows if row.state == "LISTEN" and row.receive_queue]
        if not listeners:
            raise BadInput(f"Nobody listens at {name}: click Listen first.")
        return self.lab[name].run(ends.accept, (waiting or listeners)[0][0], number, BRIEF)

    def write(self, name: str, number: int, data: bytes) -> int | Refused:
        """Hand bytes to a descriptor of a node's process. Returns: how many its kernel took."""
        return self.lab[name].run(ends.write, number, data)

    def read(self, name: str, number: int) -> bytes | Refused:
        """Take what has come for a descriptor of a node's process."""
        return self.lab[name].run(ends.read, number, BRIEF)

    def give_back(self, name: str, number: int) -> Refused | None:
        """Close a descriptor of a node's process."""
        return self.lab[name].run(ends.close, number)[0]

    def what_is(self, name: str, number: int) -> Entry | Refused:
        """Ask a node's kernel what a number stands for in that node's process."""
        return self.lab[name].run(descriptors.entry, number)

    def handle_cable(self, name: str, what: str) -> Refused | None:
        """Do one of CABLES to a node's cable."""
        node = self.lab[name]
        act = {"cut": node.cut, "mended": node.mend, "slow": lambda: node.slow(SLOW), "lossy": lambda: node.lose(SHARE)}
        refused = act[what]()
        if refused is None:
            self.cables[name] = "" if what == "mended" else what
        return refused

    def watch(self) -> None:
        """Keep what the nodes send from now on. Raises: LabUnavailable, where that cannot be captured."""
        self._captures = [self._watching.enter_context(node.capture()) for node in self.lab.nodes]

    def unwatch(self) -> None:
        """Stop that."""
        self._captures = []
        self._watching.close()

    def packets(self) -> tuple[Captured, ...]:
        """Return what was sent since the last call: each packet once, as it left its sender, lost ones too."""
        sent = (packet for capture in self._captures for packet in capture.packets() if packet.outgoing)
        return tuple(sorted(sent, key=lambda packet: packet.time_ns))

"""What the learner predicts in lesson 06."""

from sockets_lab.course.questions import IMPOSSIBLE, Choice, Prediction, answer, evidence, impossible, require
from sockets_lab.errors import Refused
from sockets_lab.lessons import two_nodes


def _remote_number() -> str:
    found = evidence(two_nodes.try_number(), "the connection")
    if isinstance(found.free, Refused):
        return answer({"EBADF": "refused", "ENOTSOCK": "refused"}, found.free.name)
    return "received" if isinstance(found.at_server, bytes) else "lost"


def _same_number() -> str:
    found = evidence(two_nodes.try_number(), "the second connection")
    if isinstance(found.taken, Refused):
        return "refused"
    at_b, at_c = isinstance(found.at_server, bytes), isinstance(found.at_third, bytes)
    require(at_b or at_c, "what A wrote came out at neither of the two")
    return "both" if at_b and at_c else "B" if at_b else "C"


def _unplugged() -> str:
    found = two_nodes.pull_the_plug()
    if isinstance(found, Refused):
        return IMPOSSIBLE
    alive = isinstance(found.arrived, bytes)  # with the plug back in
    require("no row" not in found.states or not alive, "a node's table does not show a connection that was still there")
    there = [state == "ESTABLISHED" for state in found.states]
    return "both" if all(there) else "one" if any(there) else "neither"


def _third_node() -> str:
    found = two_nodes.third_node()
    if isinstance(found, Refused) or found.seen is None:
        return IMPOSSIBLE
    if found.heard:
        return "everything"
    require("ARP" in found.seen or found.watched, "the capture on C's cable saw not even C's own packets")
    return "arp" if "ARP" in found.seen else "nothing"


PREDICTIONS = (
    Prediction(
        "foreign-number",
        "922 is the descriptor of a socket at B. A process at A has no descriptor 922 and writes to descriptor 922. "
        "What happens?",
        (Choice("received", "B receives the data", "On this system a descriptor reaches another node."),
         Choice("refused", "A's kernel returns an error", "A's kernel looks up 922 in the descriptor table of A's "
                "process and finds nothing: EBADF, bad file descriptor. It sent no packet, and B's kernel was not "
                "involved."),
         Choice("lost", "the data is accepted and lost", "A process at A used that descriptor already.")),
        _remote_number,
    ),
    Prediction(
        "same-number",
        "Now a process at A makes another connection, to C, and gives it the descriptor 922. B's socket is still "
        "open with its own descriptor 922. A writes to descriptor 922. Which node receives the data?",
        (Choice("B", "B receives it", "On this system the nodes share their descriptors."),
         Choice("C", "C receives it", "In A's process 922 refers to the connection to C. Each process has its own "
                "descriptor table, so a process at B can use the same number for another socket."),
         Choice("both", "B and C receive it", "On this system the nodes share their descriptors."),
         Choice("refused", "neither, A's kernel returns an error", "The second connection could not be made here.")),
        _same_number,
    ),
    Prediction(
        "unplugged",
        "The connection is open, and no data is sent. You pull B's cable out of the switch. "
        "What do the socket tables of A and B say about the connection?",
        (Choice("both", "both say ESTABLISHED", "B's kernel sees at once that the link is down, but TCP is not "
                "informed. A connection is one entry in each of the two tables. TCP notices when data or a keepalive "
                "gets no answer (RFC 9293 section 3.8.4); keepalive is off by default."),
         Choice("one", "only one says ESTABLISHED", "One kernel ended the connection because its link is down."),
         Choice("neither", "neither says ESTABLISHED", "Both kernels ended the connection at once.")),
        _unplugged,
        (impossible("there is no cable here", "The nodes share this machine's own network stack, so there is no cable "
                    "to pull. With a cable, both tables still say ESTABLISHED: TCP has not noticed."),),
    ),
    Prediction(
        "third-node",
        "A and B connect and exchange data. C's cable ends in the same switch. What arrives on C's cable?",
        (Choice("nothing", "nothing arrives", "A already knew B's MAC address, so it did not need to ask for it."),
         Choice("arp", "only a broadcast arrives, asking who has B's address", "The lab puts A and B on one link, so "
                "A asks every host on the link for B's MAC address (ARP). The switch then forwards frames only to the "
                "right cable. For an address outside its link, a host asks for its gateway's MAC address instead."),
         Choice("everything", "all of their packets arrive", "This switch forwards every frame on every cable, as a "
                "hub does.")),
        _third_node,
        (impossible("there is no cable here", "The nodes share this machine's own network stack, so C has no cable "
                    "to capture on. With a switch, C sees the ARP broadcast that asks who has B's address, and "
                    "nothing else."),),
    ),
)  # fmt: skip

"""What the learner predicts in lesson 07."""

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
        "922 is the number of the socket at B. A process at A, which has opened no such number, writes to "
        "descriptor 922. What happens?",
        (Choice("received", "B receives it", "On this system a number reaches another node."),
         Choice("refused", "A's kernel refuses", "EBADF, bad file descriptor. A's kernel looks 922 up in the table "
                "of A's process, and there is nothing. No packet was sent, and nothing at B was even asked."),
         Choice("lost", "it is taken, and nobody receives it", "Something at A had that number already.")),
        _remote_number,
    ),
    Prediction(
        "same-number",
        "Now a process at A makes another connection, to C, and gives it the number 922. B's socket is still "
        "open under its 922. A writes to descriptor 922. Who receives it?",
        (Choice("B", "B", "On this system numbers are shared between nodes."),
         Choice("C", "C", "In A's process 922 is the connection to C. That a process at B has this number too, for "
                "another thing, is no contradiction: they are two tables."),
         Choice("both", "both", "On this system numbers are shared between nodes."),
         Choice("refused", "nobody: the kernel refuses", "The second connection could not be made here.")),
        _same_number,
    ),
    Prediction(
        "unplugged",
        "The connection is open, and nobody says anything. Somebody pulls B's cable out of the switch. "
        "What do the socket tables of A and B say of the connection then?",
        (Choice("both", "both say ESTABLISHED", "A connection is two entries, one in each table, and nothing in "
                "between. As long as nobody sends, no kernel can notice."),
         Choice("one", "only one says ESTABLISHED", "One kernel was told that its cable is out, and gave up."),
         Choice("neither", "neither has it", "Both kernels gave the connection up at once.")),
        _unplugged,
        (impossible("there is no cable here", "The nodes share this machine's own network stack, so nothing can be "
                    "pulled out. With a cable, both tables go on to say ESTABLISHED: nobody has noticed yet."),),
    ),
    Prediction(
        "third-node",
        "A and B connect, and talk. C's cable ends in the same switch. What comes along C's cable of that?",
        (Choice("nothing", "nothing of it", "A knew already where B is, so it had nothing to ask."),
         Choice("arp", "a question to all: who B's address belongs to", "Before A can send to B it asks everybody on "
                "the switch which of them has B's address (ARP). After the answer the switch knows at which cable "
                "each of them is, and sends on only there."),
         Choice("everything", "every word", "This switch sends everything to everybody, as a hub does.")),
        _third_node,
        (impossible("there is no cable here", "The nodes share this machine's own network stack, so C has no cable "
                    "to listen on. With a switch, C hears the question who has B's address, which goes to all, and "
                    "nothing else."),),
    ),
)  # fmt: skip

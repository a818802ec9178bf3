"""What the learner predicts in lesson 07."""

from sockets_lab.course.questions import Prediction
from sockets_lab.errors import Refused
from sockets_lab.lessons import two_nodes

NO_CABLE = "there is no cable here"


def _remote_number() -> str:
    found = two_nodes.try_number()
    if isinstance(found, Refused) or isinstance(found.free, Refused):
        return "A's kernel refuses"
    return "B receives it" if isinstance(found.at_server, bytes) else "it is taken, and nobody receives it"


def _same_number() -> str:
    found = two_nodes.try_number()
    if isinstance(found, Refused) or isinstance(found.taken, Refused):
        return "nobody: the kernel refuses"
    at_b, at_c = isinstance(found.at_server, bytes), isinstance(found.at_third, bytes)
    return "both" if at_b and at_c else "B" if at_b else "C" if at_c else "nobody: the kernel refuses"


def _unplugged() -> str:
    found = two_nodes.pull_the_plug()
    if isinstance(found, Refused):
        return NO_CABLE
    there = [state == "ESTABLISHED" for state in found.states]
    return "both say ESTABLISHED" if all(there) else "only one says ESTABLISHED" if any(there) else "neither has it"


def _third_node() -> str:
    found = two_nodes.third_node()
    if isinstance(found, Refused) or found.seen is None:
        return NO_CABLE
    if found.heard:
        return "every word"
    return "a question to all: who B's address belongs to" if "ARP" in found.seen else "nothing of it"


PREDICTIONS = (
    Prediction(
        "foreign-number",
        "922 is the number of the socket at B. A process at A, which has opened no such number, writes to "
        "descriptor 922. What happens?",
        ("B receives it", "A's kernel refuses", "it is taken, and nobody receives it"),
        _remote_number,
        {
            "A's kernel refuses": "EBADF, bad file descriptor. A's kernel looks 922 up in the table of A's process, "
            "and there is nothing. No packet was sent, and nothing at B was even asked.",
            "B receives it": "On this system a number reaches another node.",
            "it is taken, and nobody receives it": "Something at A had that number already.",
        },
    ),
    Prediction(
        "same-number",
        "Now a process at A makes another connection, to C, and gives it the number 922. B's socket is still "
        "open under its 922. A writes to descriptor 922. Who receives it?",
        ("B", "C", "both", "nobody: the kernel refuses"),
        _same_number,
        {
            "C": "In A's process 922 is the connection to C. That a process at B has this number too, for another "
            "thing, is no contradiction: they are two tables.",
            "B": "On this system numbers are shared between nodes.",
            "both": "On this system numbers are shared between nodes.",
            "nobody: the kernel refuses": "The second connection could not be made here.",
        },
    ),
    Prediction(
        "unplugged",
        "The connection is open, and nobody says anything. Somebody pulls B's cable out of the switch. "
        "What do the socket tables of A and B say of the connection then?",
        ("both say ESTABLISHED", "only one says ESTABLISHED", "neither has it", NO_CABLE),
        _unplugged,
        {
            "both say ESTABLISHED": "A connection is two entries, one in each table, and nothing in between. As long "
            "as nobody sends, no kernel can notice.",
            "only one says ESTABLISHED": "One kernel was told that its cable is out, and gave up.",
            "neither has it": "Both kernels gave the connection up at once.",
            NO_CABLE: "The nodes share this machine's own network stack, so nothing can be pulled out. With "
            "a cable, both tables go on to say ESTABLISHED: nobody has noticed yet.",
        },
    ),
    Prediction(
        "third-node",
        "A and B connect, and talk. C's cable ends in the same switch. What comes along C's cable of that?",
        ("nothing of it", "a question to all: who B's address belongs to", "every word", NO_CABLE),
        _third_node,
        {
            "a question to all: who B's address belongs to": "Before A can send to B it asks everybody on the switch "
            "which of them has B's address (ARP). After the answer the switch knows at which cable each of them is, "
            "and sends on only there.",
            "nothing of it": "A knew already where B is, so it had nothing to ask.",
            "every word": "This switch sends everything to everybody, as a hub does.",
            NO_CABLE: "The nodes share this machine's own network stack, so C has no cable to listen on. "
            "With a switch, C hears the question who has B's address, which goes to all, and nothing else.",
        },
    ),
)  # fmt: skip

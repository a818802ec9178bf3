"""Faults on the way: rules that drop, refuse or lead astray, a cable, and a machine with somebody else's address."""

from functools import partial

from sockets_lab.lab.firewall import Rule
from sockets_lab.lessons.detective import kernel_settings
from sockets_lab.lessons.detective.case import ADDRESSES, Case, Fault, no_stacks, no_translation, only_read
from sockets_lab.model import Endpoint

FEW_PORTS, BLOCKED = 128, 48  # of A's ephemeral ports, and how many of them B does not let in
NARROW = 600  # bytes that pass the switch; an answer of LONG bytes does not
LONG = 1200
RULES = "B's rules"


def filtered(case: Case, verdict: str = "drop") -> None:
    """Let B's filter stop what is for the service, by too wide a range; another port has to stay shut."""
    port, lot = case.inner.port, case.random
    private = port + lot.randrange(100, 200)
    office = "office" if case.level == 1 else f"office-{case.service_name}"
    case.serve(office, port=private)
    case.shut.append(Endpoint(case.B.address, private))
    known = [Rule("accept", "tcp", port - lot.randrange(1, 10))] if lot.random() < 0.5 else []
    wide = Rule(verdict, "tcp", (port - lot.randrange(10, 50), port + lot.randrange(1, 50)))
    case.add_rules(*known, Rule("drop", "tcp", private), wide)
    case.serve()


def stateless(case: Case) -> None:
    """Let requests in and no answers out: the rule for the way out names the port on the wrong side."""
    port = case.inner.port
    case.serve()
    case.add_rules(Rule("accept", "tcp", port))
    case.add_rules(Rule("accept", "tcp", port), Rule("drop", "tcp", source_port=(port - 20, port + 20)), hook="output")


def astray(case: Case) -> None:
    """Let B lead what comes to the service's port on to an address that no machine has any more."""
    case.serve()
    case.add_rules(Rule("dnat", "tcp", case.inner.port, to=Endpoint("50.60.70.81", case.inner.port)), hook="prerouting")


def source_port(case: Case) -> None:
    """Let B drop by the customer's port, of which A's kernel takes another one each time."""
    first = case.random.randrange(50001 - BLOCKED, 50000)
    case.serve()
    case.add_rules(Rule("drop", "tcp", case.inner.port, source_port=(first, first + BLOCKED)))
    if not case.shares_stack:
        case.others["kernel of A"].restart(ephemeral_ports=f"{first - 40} {first - 41 + FEW_PORTS}")


def lossy(case: Case) -> None:
    """Let B's cable lose packets by chance."""
    case.serve()
    case.B.lose(case.random.uniform(0.2, 0.35))


def narrow(case: Case) -> None:
    """Let long packets vanish at the switch, without a word to the sender."""
    case.size = LONG
    case.serve()
    case.cable.set_mtu(NARROW)


def two_hosts(case: Case) -> None:
    """Let another machine take B's address, and be the first of which A hears."""
    case.serve()
    other = case.lab["C"]
    other.call(kernel_settings.write, "second_address", ADDRESSES["B"])
    other.call(kernel_settings.greet, ADDRESSES["B"], ADDRESSES["A"])


NETWORK = (
    Fault("firewall", "a firewall drops what is for the service", filtered,
          "On Tuesday the office asked for its port to be closed to the outside, and it was.",
          "The service listens, and its queue is empty. What drops the segments before? `firewall.held(case.B)`.",
          ("silence",), {RULES: r"input.*dport [^;]*drop"}, "rules", ("rules",)),
    Fault("reject", "a firewall rejects what is for the service, so that it looks closed",
          partial(filtered, verdict="reject"),
          "A consultant has tidied up the firewall: what is not needed is refused politely now.",
          "Refused, and yet the service listens at the right place. Which rule can refuse? `firewall.held(case.B)`.",
          ("refused",), {RULES: "reject"}, "rules", ("rules",)),
    Fault("stateless", "a rule lets requests in and no answers out", stateless,
          "Since the last inspection there are rules for the way out as well, in pairs with those for the way in.",
          "The requests arrive: B's table has connections in SYN_RECV. What happens to the answers on their way out?",
          ("silence",), {RULES: "output.*sport [^;]*drop"}, "rules", ("rules",)),
    Fault("astray", "a rule leads the customers to an address that the service has left", astray,
          "The service was on another machine until Tuesday. It was moved here, and nothing else was changed.",
          "The service hears nothing. Which chain of `firewall.held(case.B)` sees packets before any program does?",
          ("silence",), {RULES: "dnat"}, "rules", ("rules",), no_translation),
    Fault("source-port", "a rule drops customers by the port from which they come", source_port,
          "Some are served at once, and some are not, and the same ones are served when they come again.",
          "Come several times, and note the customer's own port, in the packets. Compare with the rules.",
          ("silence", "served"), {RULES: "sport [^;]*drop"}, "whole", ("rules", "kernel of A"),
          only_read),
    Fault("lossy", "the cable loses packets", lossy,
          "The server was moved to the other rack, with the cable that was at hand.",
          "Come several times, and look at the packets: is the same segment sent twice? No table at B explains it.",
          ("silence", "served", "no answer"), {"packets": ""}, "whole", ("cable of B",), no_stacks),
    Fault("narrow", "long answers vanish on the way, and no message says so", narrow,
          "The answers have become longer since Tuesday. The short ones before were never a trouble.",
          "The request arrives, and the answer stays unsent at B. How does it differ from the packets that pass?",
          ("no answer",), {"B's sockets": "unsent: [1-9]", "packets": ""}, "whole", ("cable of B", "kernel of B"),
          no_stacks),
    Fault("two-hosts", "another machine has the server's address too", two_hosts,
          "A printer was set up next door. It works, which is more than we had hoped.",
          "Who refuses? Compare the hardware address that A's kernel uses for B's address with those of the machines.",
          ("refused", "silence"), {"kernels": r"second_address = \d"}, "whole", ("kernel of C", "kernel of A"),
          no_stacks, ("C",)),
)  # fmt: skip

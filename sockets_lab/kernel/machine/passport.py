"""The passport: every ability that a lesson depends on, tried here and now."""

from collections.abc import Callable
from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.kernel import table
from sockets_lab.kernel.machine import probes
from sockets_lab.kernel.machine.namespaces import try_firewall, try_namespaces


@dataclass(frozen=True)
class Ability:
    """One line of the passport.

    Args:
        name: what it is; value: what was found here, as text.
        present: True, False, or None = could not be found out.
        how: how it was found out.
        lesson: the notebook that depends on it, or "every lesson".
        without: what differs on a machine that lacks it.
    """

    name: str
    value: str
    present: bool | None
    how: str
    lesson: str
    without: str


def passport() -> tuple[Ability, ...]:
    """Try everything that the lessons depend on, here and now: one ability each, in the order of the lessons."""
    return tuple(Ability(name, *probe(), how, lesson, without) for name, probe, how, lesson, without in LINES)


def _socket_table() -> tuple[str, bool]:
    whole = table.covers_machine()
    return f"{'every process' if whole else 'this process only'}, through {table.source()}", whole


def _tools() -> tuple[str, bool]:
    return ", ".join(probes.tools()) or "none", bool(probes.tools())


def _limits() -> tuple[str, bool]:
    soft, hard = probes.descriptor_limits()
    return ("no limit", False) if soft == probes.UNLIMITED else (f"{soft} now, {_number(hard)} at most", True)


def _number(limit: int) -> str:
    return "any number" if limit == probes.UNLIMITED else str(limit)


def _ephemeral() -> tuple[str, bool | None]:
    told = probes.ephemeral_range()
    if told is not None:
        return f"{told[0]}-{told[1]}", True
    seen = probes.handed_out()
    if isinstance(seen, Refused):
        return seen.name, None
    return f"not told; {seen[0]}-{seen[1]} seen", None


def _lowest() -> tuple[str, bool]:
    lowest = probes.lowest_port()
    return f"you may bind {lowest} and above", lowest <= probes.SYSTEM_PORTS.start


def _tried(trial: Callable[[], bool | Refused | None], yes: str) -> Callable[[], tuple[str, bool | None]]:
    def probe() -> tuple[str, bool | None]:
        outcome = trial()
        if isinstance(outcome, Refused):
            return f"refused: {outcome.name}", False
        return (yes, True) if outcome else ("no answer", None)

    return probe


def _plain(probe: Callable[[], bool], yes: str, no: str) -> Callable[[], tuple[str, bool]]:
    return lambda: (yes, True) if probe() else (no, False)


# name, probe, how it is found out, lesson, what differs without it
Probe = Callable[[], tuple[str, bool | None]]
LINES: tuple[tuple[str, Probe, str, str, str], ...] = (
    ("socket table", _socket_table, "asked the kernel, else psutil", "every lesson",
     "you see the rows of your own programs only"),
    ("command-line tools", _tools, f"looked for {', '.join(probes.TOOLS)}", "every lesson",
     "the same facts come from the course's own tables"),
    ("limit of descriptors", _limits, "asked with getrlimit", "01_descriptors",
     "a socket is a handle there, and no small number runs out"),
    ("IPv6 on loopback", _plain(probes.has_ipv6, "::1 is here", "::1 is not here"), "bound ::1, port 0",
     "02_binding", "the IPv6 trials show how they are refused"),
    ("IPv4 on IPv6 sockets", _plain(probes.has_dual_stack, "one socket serves both", "a socket serves one"),
     "bound ::ffff:127.0.0.1, port 0", "02_binding", "a server needs one socket for each family"),
    ("ports below 1024", _lowest, "tried to bind 1, 2, 3, ... on loopback", "03_ports",
     "binding one is refused with EACCES: it needs a privilege"),
    ("ports the kernel chooses", _ephemeral, "read its setting, else bound port 0 often", "03_ports",
     "the range is measured from the ports that are handed out"),
    ("names of services", _plain(probes.has_service_names, "there is a list", "there is no list"),
     "looked up http, domain, ssh", "03_ports", "ports are shown by number, with the name unknown"),
    ("SO_REUSEPORT", _plain(probes.has_reuse_port, "two sockets share a port", "not obeyed"),
     "bound two sockets to one port", "04_conflicts", "the trials with this option show how it is refused"),
    ("more loopback addresses", _plain(probes.loopback_addresses, "all of 127.0.0.0/8", "127.0.0.1 alone"),
     "bound 127.0.0.2, port 0", "05_fourtuples", "every learner and every client uses 127.0.0.1"),
    ("a port range per socket", _plain(probes.has_local_port_range, "obeyed", "not obeyed"),
     "set IP_LOCAL_PORT_RANGE, bound port 0", "05_fourtuples", "the limit of ports is reckoned, and not reached"),
    ("network namespaces", _tried(try_namespaces, "can be made"), "made one in a process that ended at once",
     "06_two_nodes", "the nodes share this machine's loopback"),
    ("packet filter", _tried(try_firewall, "takes rules"), "gave one rules that were gone at once",
     "11_filtering_and_forwarding", "a simulated firewall decides over the course's clients"),
)  # fmt: skip

"""What the text says about port conflicts, measured."""

from sockets_lab.course.questions import Claim, require
from sockets_lab.errors import Refused
from sockets_lab.lessons import conflicts
from sockets_lab.lessons.conflicts import ELSEWHERE, BindRequest, Elsewhere, Outcome, in_use, inherit, stage


def _one_process_only() -> tuple[str, str]:
    plain = stage(BindRequest(), BindRequest(), two_programs=True)
    both = BindRequest(reuse_port=True, listens="before")
    shared = stage(both, both, two_programs=True)
    return (
        f"two programs, no option: {_told(plain)}; both with SO_REUSEPORT: {_told(shared)}",
        "only in part" if plain.refused else "false",
    )


def _told(outcome: Outcome) -> str:
    """Say which of two programs got a port. Raises: NotMeasured, where they never asked for the same one."""
    step = outcome.refused
    require(not outcome.disturbed, "other programs held the port in every trial")
    require(step is None or in_use(step), f"it never came to a conflict: {step}")
    if step is None or step.refused is None:
        return "both get the port"
    return f"the {'first' if step.socket == 1 else 'second'} one's {step.call} fails with {step.refused.name}"


def _inherited() -> tuple[str, str]:
    result = inherit()
    who = [program for program, client in result.accepted if not isinstance(client, Refused)]
    text = f"one listener, inherited by a second process: clients were accepted by {', '.join(who) or 'neither'}"
    require(len(set(who)) == 2, text)
    return text, "false"


def _elsewhere(system: str) -> Elsewhere:
    return next(one for one in ELSEWHERE if one.system == system)


def _datagrams() -> tuple[str, str]:
    both = BindRequest(protocol="udp", reuse_address=True)
    plain = stage(BindRequest(protocol="udp"), BindRequest(protocol="udp"))
    return (
        f"UDP, no option: {_told(plain)}; both with SO_REUSEADDR: {_told(stage(both, both))}",
        "only in part" if plain.refused else "false",
    )


def _same_ip() -> tuple[str, str]:
    names = ("wildcard, then specific", "dual-stack ::, then 0.0.0.0", "two loopback addresses")
    found = {name: stage(*conflicts.requests_of("TCP", name, "no")) for name in names}
    met = {name: one for name, one in found.items() if one.refused is None or in_use(one.refused)}
    require(met, "none of the pairs of addresses can be bound here")
    told = [f"{name}: {_told(one) if name in met else f'not tried, {one.refused}'}" for name, one in found.items()]
    return "; ".join(told), "only in part" if any(one.refused for one in met.values()) else "true here"


def _same_protocol() -> tuple[str, str]:
    outcome = stage(BindRequest(), BindRequest(protocol="udp"))
    return f"TCP and UDP, same address and port: {_told(outcome)}", "true here" if outcome.refused is None else "false"


BSD, WINDOWS = _elsewhere("FreeBSD"), _elsewhere("Windows")

CLAIMS = (
    Claim("Only one process may bind to an IP address and port.", _one_process_only, "socket(7); measured"),
    Claim("No two processes serve one port.", _inherited, "fork(2); measured"),
    Claim("The rule is the same for UDP.", _datagrams, "measured; cpython issue 81409: asyncio dropped the option"),
    Claim("A port conflict is about the same IP address.", _same_ip, "ip(7), ipv6(7); measured"),
    Claim("A port conflict is about the same protocol.", _same_protocol, "measured"),
    Claim("The rule is the same on FreeBSD and macOS.", lambda: (f"not measured: {BSD.says}", "differs"), BSD.source),
    Claim("The rule is the same on Windows.", lambda: (f"not measured: {WINDOWS.says}", "differs"), WINDOWS.source),
)

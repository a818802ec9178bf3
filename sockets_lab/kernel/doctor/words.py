"""Say what the doctor found: headings with their lines, for a terminal, a picture or a program."""

import time
from collections import Counter

from sockets_lab.kernel.doctor.advice import advice, listing, remarks
from sockets_lab.kernel.doctor.holders import Holder, Process
from sockets_lab.kernel.doctor.report import Report

MOST = 20  # rows that are written out
RULES = {
    "listener": "A listener excludes every bind whose address overlaps, also with SO_REUSEADDR. Two can share a port "
    "where both set SO_REUSEPORT and belong to one user.",
    "datagrams": "A UDP socket excludes every bind whose address overlaps, unless both set SO_REUSEADDR, or both "
    "SO_REUSEPORT.",
    "time-wait": "A connection in TIME_WAIT excludes a bind without SO_REUSEADDR.",
    "bound": "A bound socket excludes every bind whose address overlaps, even if it never listens.",
    "client": "The kernel chose this port for a client's connection, and a bind is refused while that is open.",
    "connection": "A connection keeps the port of its listener in use after the listener is closed.",
}


def sections(report: Report) -> dict[str, list[str]]:
    """Return the headings with their lines, in the order in which a reader asks."""
    named = {
        "Your message": [report.asked.message] if report.asked.message else [],
        "Can you have it now?": _binds(report),
        "Who is in the way?": _rows(report) + ([RULES[report.cause]] if report.cause in RULES else []),
        "Where is it reachable from?": _reach(report),
        "What does a client meet?": _visits(report),
        "What kind of port is it?": _port(report),
        "What does this system not report?": _unknown(report),
        "What is it?": [sentence(report), *remarks(report)],
        "What can you do?": advice(report),
    }
    return {heading: lines for heading, lines in named.items() if lines}


def _binds(report: Report) -> list[str]:
    lines: dict[str, list[str]] = {}
    for one in report.binds:
        said = f"no ({one.refused.name})" if one.refused else "yes"
        lines.setdefault(one.way, []).append(f"with {one.option} {said}" if one.option else said)
    return [f"{way}: {', '.join(said)}" for way, said in lines.items()]


def _rows(report: Report) -> list[str]:
    lines = [row(one) for one in report.holders[:MOST]] or ["No row of the socket table has this port."]
    rest = Counter(one.row.state for one in report.holders[MOST:])
    return lines + [f"and {count:,} more in {state}" for state, count in rest.items()]


def row(one: Holder) -> str:
    """Write one row: its endpoints, its state, its processes."""
    remote = f" -> {one.row.remote}" if one.row.remote.port else ""
    ends = f", ends in {one.ends_in:.0f} s" if one.ends_in is not None else ""
    place = " (the port is the peer's)" if one.at_peer else " (in another network namespace)" if one.elsewhere else ""
    return f"{one.row.protocol} {one.row.local}{remote} {one.row.state}{ends}{place}: {held(one)}"


def held(one: Holder) -> str:
    if one.processes is None:
        return f"another user's ({one.user})" if one.user else "this system does not report whose"
    if not one.processes:
        return "the kernel's own, no process holds it"
    return " and ".join(map(_process, one.processes))


def _process(one: Process) -> str:
    day = "%H:%M:%S" if time.time() - one.since < 86400 else "%Y-%m-%d %H:%M"
    since = f", since {time.strftime(day, time.localtime(one.since))}" if one.since else ""
    state = {"T": ", stopped", "t": ", stopped", "Z": ", its first thread has ended"}.get(one.state, "")
    return f"{one.program} (pid {one.pid}{f', user {one.user}' if one.user else ''}{since}{state})"


def _reach(report: Report) -> list[str]:
    lines = (f"{one.row.protocol} {one.where}: {_from(one)}" for one in report.holders if one.waits)
    return list(dict.fromkeys(lines)) or ["From nowhere: no socket waits on this port."]


def _from(one: Holder) -> str:
    address = one.row.local.unmapped.address
    if one.elsewhere:
        return "from inside another network namespace (a container's), or through a port published from there"
    if address.startswith("127.") or address == "::1":
        return "from this machine only"
    if not one.row.local.is_wildcard:
        return "at this address only, from every host that can reach it"
    families = {True: "IPv6 only", False: "IPv4 and IPv6", None: "IPv6, and IPv4 unless the socket is IPv6 only"}
    over = "IPv4" if address == "0.0.0.0" else families[one.ipv6_only]
    return f"from everywhere that a firewall allows, over {over}"


def _visits(report: Report) -> list[str]:
    if not report.visits:
        return ["Not tried: nothing is sent to UDP, and the course connects to loopback addresses only."]
    words = {"ECONNREFUSED": "refused"}
    return [f"{one.endpoint}: {words.get(one.outcome, one.outcome)}, after {one.seconds * 1000:.1f} ms"
            for one in report.visits]  # fmt: skip


def _port(report: Report) -> list[str]:
    port, low_high = report.asked.port, report.ephemeral
    kind = "System" if port < 1024 else "User" if port < 49152 else "Dynamic"  # RFC 6335 section 6
    lines = [f"{report.name or 'no name'}; one of the {kind} ports (RFC 6335)"]
    if low_high:
        low, high = low_high
        chosen = "may" if low <= port <= high and not report.reserved else "does not"
        reserved = ", and the port is reserved" if report.reserved else ""
        lines.append(f"The kernel {chosen} choose it for a client: its ephemeral range is {low}-{high}{reserved}")
    return lines


def _unknown(report: Report) -> list[str]:
    lines = []
    if not report.whole:
        lines.append("This system lists the sockets of your own processes only: others may hold the port.")
    if any(one.processes is None for one in report.holders):
        lines.append(f"It does not name another user's process; an administrator sees it: {listing(report)}")
    if report.ephemeral is None:
        lines.append("It does not report its ephemeral range, its reserved ports, or when TIME_WAIT ends.")
    return lines


def sentence(report: Report) -> str:
    """Say in one sentence what it is."""
    what, way = str(report.asked), report.in_the_way
    holder, where = (held(way[0]), way[0].where) if way else ("", "")
    others = f", and {len(way) - 1:,} more rows" if len(way) > 1 else ""
    ends = f", for {ends:.0f} s more" if (ends := max((one.ends_in or 0 for one in way), default=0)) else ""
    if report.cause == "privileged":
        return f"{what} is privileged: you may bind ports from {report.lowest} on."
    because = next((one.refused.because for one in report.refused if one.refused), "")
    return {
        "free": f"{what} is yours to have.",
        "filtered": f"{what} is yours to have, but a client meets no closed port: a firewall filters it.",
        "forbidden": f"{what} is forbidden: {because}.",
        "absent": f"{what} cannot be bound: {because}.",
        "hidden": f"{what} is taken, and this system shows no row of it.",
        "listener": f"{what} is taken: {holder} listens at {where}{others}.",
        "datagrams": f"{what} is taken: {holder} receives at {where}{others}.",
        "time-wait": f"{what} is held by connections in TIME_WAIT{ends}; no process has them.",
        "bound": f"{what} is taken: {holder} is bound to {where} and does not listen{others}.",
        "client": f"{what} is taken: it is a client's port, of a connection of {holder}{others}.",
        "connection": f"{what} is taken: {holder} has a connection here whose listener is closed{others}.",
    }[report.cause]

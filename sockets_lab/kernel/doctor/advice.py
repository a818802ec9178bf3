"""What else bears on a port, and what you can do: commands for this system, which the doctor never runs."""

import os
import sys

from sockets_lab.kernel.doctor.holders import user_name
from sockets_lab.kernel.doctor.report import FILTERED, Report
from sockets_lab.kernel.doctor.trying import Visit

FIREWALL = {"linux": "sudo nft list ruleset", "darwin": "sudo pfctl -s rules",
            "win32": "netsh advfirewall show currentprofile"}  # fmt: skip


def remarks(report: Report) -> list[str]:
    """Say what else bears on it, a sentence each."""
    said = []
    processes = report.processes
    if any(one.state in ("T", "t") for one in processes):
        said.append("A process is stopped: the kernel still takes connections in its name, until the queue is full.")
    if any(len(one.processes or ()) > 1 for one in report.in_the_way):
        said.append("Several processes hold one socket, as after a fork: it is closed when the last of them closes it.")
    if report.shares:
        said.append(f"A program that sets {' or '.join(report.shares)} can bind it now.")
    if report.refused and (ways := [one.way for one in report.binds if not one.option and not one.refused]):
        said.append(f"Still yours at {', '.join(ways)}.")
    said += [_filtered(report, one) for one in report.visits ]
    if any(one.row.protocol != report.asked.protocol for one in report.holders):
        said.append("TCP and UDP count their ports separately: the other protocol's rows are not in the way.")
    if any(one.elsewhere for one in report.holders):
        said.append("Another network namespace, such as a container's, has its own ports: its rows are not in the way.")
    return [one for one in said if one]


def _filtered(report: Report, visit: Visit) -> str:
    """Say why a client meets something else than a listener's answer or a closed port's; "" = it does not."""
    listener = report.listener_at(visit.endpoint)
    waiting, room = (listener.row.receive_queue, listener.row.send_queue) if listener else (None, None)
    if visit.outcome == "no answer" and waiting and room is not None and waiting > room:
        return f"The accept queue of {visit.endpoint} is full ({waiting} wait, the backlog is {room}): call accept."
    if visit.outcome == "no answer":
        return f"A firewall drops what comes to {visit.endpoint}."
    if visit.outcome in FILTERED or (visit.outcome == "ECONNREFUSED" and listener):
        return f"A firewall rejects what comes to {visit.endpoint}."
    return ""


def advice(report: Report) -> list[str]:
    """List what to type or to change, for this system; what needs an administrator begins with sudo."""
    port, linux, said = report.asked.port, sys.platform == "linux", []
    said += [_ending(report, pid) for pid in sorted({one.pid for one in report.processes})]
    if any(one.processes is None for one in report.in_the_way) or report.cause == "hidden":
        said.append(f"See whose it is: {listing(report)}")
    if any(one.program.startswith("docker-pr") for one in report.processes):
        said.append(f"A container publishes it: docker ps --filter publish={port}")
    if "SO_REUSEADDR" in report.shares and report.asked.protocol == "tcp":
        said.append("Set SO_REUSEADDR before bind; on Linux and macOS socket.create_server does.")
    if report.cause == "client" and linux:
        said.append(f"Keep it back from clients from now on: sudo sysctl -w net.ipv4.ip_local_reserved_ports={port}")
    if report.cause == "privileged" and linux:
        said.append(f"Allow it to every user: sudo sysctl -w net.ipv4.ip_unprivileged_port_start={port}")
    if any(_filtered(report, one) for one in report.visits):
        said.append(f"Read the firewall's rules: {FIREWALL.get(sys.platform, 'see its manual')}")
    for pid in sorted({owner.pid for one in report.holders if one.elsewhere for owner in one.processes or ()}):
        said.append(f"Look from inside the other namespace: sudo nsenter -t {pid} -n ss -ltun")
    if not report.is_free:
        said.append("Or take another port: bind port 0, and the kernel chooses a free one.")
    return said or ["Bind it. Another program can be faster: only a bind that succeeded is yours."]


def _ending(report: Report, pid: int) -> str:
    one = next(each for each in report.processes if each.pid == pid)
    sudo = "sudo " if os.name != "nt" and os.geteuid() and one.user != user_name(os.geteuid()) else ""
    kill = f"taskkill /PID {pid}" if os.name == "nt" else f"{sudo}kill {pid}"
    again = f", or let it go on: {sudo}kill -CONT {pid}" if one.state in ("T", "t") else ""
    return f"End {one.program}: {kill}{again}"


def listing(report: Report) -> str:
    """Return the command with which an administrator sees every process at the port."""
    port, protocol = report.asked.port, report.asked.protocol
    if os.name == "nt":
        return f"netstat -ano -p {protocol} | findstr :{port}"
    if sys.platform == "linux":
        return f"sudo ss -nap{protocol[0]} 'sport = :{port}'"
    return f"sudo lsof -nP -i{protocol.upper()}:{port}"

"""Pid 1 of a lab: a network stack that holds the switch, the cables to the nodes, and the parent of their processes.

The switch is a bridge of the kernel. To each node leads a cable (a veth pair): its near end "p0", "p1", ... is a port
of the bridge, its far end "eth0" is the node's only interface.
"""

import os
import signal
import socket
from typing import Any

from sockets_lab.netns import cables, host, rtnetlink, settings
from sockets_lab.netns.channel import Channel, RefusedStep, step

BRIDGE = "switch"
GO = b"g"


def main(channel: Channel, lab: dict[str, Any]) -> None:
    """Build the lab, tell the notebook, then do what it asks of the cables until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        processes = build(channel, lab)
        channel.send(("ready", processes))
    except (RefusedStep, EOFError) as refused:
        if isinstance(refused, RefusedStep):
            channel.send(refused.message)
        return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # pid 1 inherits orphans: let the kernel bury them
    while True:
        try:
            channel.send(obey(*channel.receive()[0]))
        except EOFError:
            return


def obey(function: str, *arguments: Any) -> tuple:
    """Do one thing with a cable, by the name of its function in `cables`; answer ("done",) or what was refused."""
    try:
        with step(function):
            getattr(cables, function)(*arguments)
    except RefusedStep as refused:
        return refused.message
    return ("done",)


def build(channel: Channel, lab: dict[str, Any]) -> list[int]:
    """Make switch, nodes and cables, all nodes at the same time.

    Returns: the nodes' process ids, as they are seen outside of the lab.
    Raises: RefusedStep; EOFError, where a node has refused, and has said so itself.
    """
    settings.make_plain()
    with step("bridge"):
        rtnetlink.make_bridge(BRIDGE)
        rtnetlink.set_up(BRIDGE)
    started: list[tuple[int, socket.socket]] = []
    for node in lab["nodes"]:
        started.append(_fork_node(channel, lab, node, [line for _, line in started]))
    for number, (node, (process, line)) in enumerate(zip(lab["nodes"], started, strict=True)):
        _hear(line)
        with step(f"cable to {node['name']}"):
            rtnetlink.make_cable(f"p{number}", cables.INTERFACE, process, node["mac"])
            rtnetlink.plug_in(f"p{number}", BRIDGE)
            rtnetlink.set_up(f"p{number}")
        line.sendall(GO)
    processes = [int(_hear(line)) for _, line in started]
    for number, (_, line) in enumerate(started):
        with step(f"port {number} of the switch"):
            cables.wait_until_up(f"p{number}")
        line.close()
    for node in lab["nodes"]:
        os.close(node["work"])
        os.close(node["service"])
    return processes


def _fork_node(
    channel: Channel, lab: dict[str, Any], node: dict[str, Any], earlier: list[socket.socket]
) -> tuple[int, socket.socket]:
    """Fork a node. Returns: its process id as seen here, and the line on which it says how far it is.

    Args: earlier, the lines to other nodes, of which this one shall keep no copy.
    """
    line, its_line = socket.socketpair()
    with step(f"fork of {node['name']}"):
        process = os.fork()
    if process == 0:
        try:
            for one in (*earlier, line):
                one.close()
            host.main(channel, its_line, lab, node)
        finally:
            os._exit(0)  # whatever happens, this process never becomes a second switch
    its_line.close()
    return process, line


def _hear(line: socket.socket) -> bytes:
    word = line.recv(64)
    if not word:
        raise EOFError
    return word

"""The socket table as Linux lists it in files, for the protocols of which the kernel does not tell over netlink.

These rows have queues and inodes, but no devices. Read only. Source: proc_pid_net(5).
"""

import socket
import struct

from sockets_lab.kernel.table.sock_diag import STATES
from sockets_lab.model import Endpoint, SocketRow

FOLDER = "/proc/thread-self/net"  # of this thread's network namespace; /proc/net is that of the process's first thread


def works(protocol: str) -> bool:
    """Tell whether there is a file of this protocol."""
    try:
        with open(f"{FOLDER}/{protocol}", "rb"):
            return True
    except OSError:
        return False


def rows(protocol: str, folder: str = FOLDER) -> list[SocketRow]:
    """Read the rows of one protocol, IPv4 first. Args: folder: of a process, whose network namespace is then read."""
    found = []
    for name in (protocol, f"{protocol}6"):
        try:
            with open(f"{folder}/{name}", encoding="ascii") as file:
                found += [_row(protocol, line.split()) for line in file.readlines()[1:]]
        except OSError:  # this kernel has no IPv6
            continue
    return found


def _row(protocol: str, fields: list[str]) -> SocketRow:
    _, local, remote, state, queues, _, _, _, _, inode, *_ = fields
    send_queue, receive_queue = (int(part, 16) for part in queues.split(":"))
    named = STATES[protocol].get(int(state, 16), "CLOSE")
    room = None if named == "LISTEN" else send_queue  # of a listener the file does not tell the backlog
    return SocketRow(protocol, _endpoint(local), _endpoint(remote), named, receive_queue, room, int(inode))


def _endpoint(text: str) -> Endpoint:
    """Read an address that is written as numbers of 32 bits, and a port."""
    address, port = text.split(":")
    packed = struct.pack(f"={len(address) // 8}I", *(int(address[at : at + 8], 16) for at in range(0, len(address), 8)))
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return Endpoint.trusted(socket.inet_ntop(family, packed), int(port, 16))

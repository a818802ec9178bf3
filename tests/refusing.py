"""Run a command where the kernel refuses something, as a container's seccomp filter does it. Linux, x86-64 and ARM.

Usage: python tests/refusing.py namespaces|ipv6|firewall|udp_diag COMMAND...

namespaces: unshare and setns answer EPERM, clone3 answers ENOSYS. ipv6: a socket of that family answers EAFNOSUPPORT,
as it does where the kernel was built without. firewall: a netlink socket to the packet filter answers EPROTONOSUPPORT,
as where the kernel was built without netfilter. The filter stays on whatever the command starts.
udp_diag: netlink knows no UDP, as where the kernel was built without: Python asks it for DCCP instead, which it lacks.
Source: seccomp(2), prctl(2); the default profile of container engines.
"""

import ctypes
import os
import platform
import socket
import struct
import sys
import tempfile
from pathlib import Path

UNSHARE, SETNS, CLONE3, SOCKET = {
    "x86_64": (272, 308, 435, 41),
    "aarch64": (97, 268, 435, 198),
}[platform.machine()]
CALL, FIRST_ARGUMENT, THIRD_ARGUMENT = 0, 16, 32  # where the filter finds them
NETLINK_NETFILTER = 12
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
EPERM, ENOSYS, EPROTONOSUPPORT, EAFNOSUPPORT = (0x00050000 | number for number in (1, 38, 93, 97))
ALLOW = 0x7FFF0000
FILTERS = {
    "namespaces": (
        (LOAD, 0, 0, CALL),
        (JUMP_IF_EQUAL, 3, 0, UNSHARE),
        (JUMP_IF_EQUAL, 2, 0, SETNS),
        (JUMP_IF_EQUAL, 2, 0, CLONE3),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, EPERM),
        (RETURN, 0, 0, ENOSYS),
    ),
    "ipv6": (
        (LOAD, 0, 0, CALL),
        (JUMP_IF_EQUAL, 0, 3, SOCKET),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_IF_EQUAL, 0, 1, socket.AF_INET6),
        (RETURN, 0, 0, EAFNOSUPPORT),
        (RETURN, 0, 0, ALLOW),
    ),
    "firewall": (
        (LOAD, 0, 0, CALL),
        (JUMP_IF_EQUAL, 0, 5, SOCKET),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_IF_EQUAL, 0, 3, socket.AF_NETLINK),
        (LOAD, 0, 0, THIRD_ARGUMENT),
        (JUMP_IF_EQUAL, 0, 1, NETLINK_NETFILTER),
        (RETURN, 0, 0, EPROTONOSUPPORT),
        (RETURN, 0, 0, ALLOW),
    ),
}
WITHOUT_UDP = """
import socket
_send = socket.socket.send
def send(self, data, *flags):
    asks = self.family == socket.AF_NETLINK and self.proto == 4 and data[4:6] == b"\\x14\\0" and data[17] == 17
    return _send(self, data[:17] + b"\\x21" + data[18:] if asks else data, *flags)
socket.socket.send = send
"""
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2


class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_char_p))


def refuse(what: str) -> None:
    """Put a filter on this process."""
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in FILTERS[what])
    text = ctypes.create_string_buffer(packed, len(packed))
    program = Filter(len(FILTERS[what]), ctypes.cast(text, ctypes.c_char_p))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    if sys.argv[1] == "udp_diag":
        folder = tempfile.mkdtemp()
        Path(folder, "sitecustomize.py").write_text(WITHOUT_UDP)
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])
    else:
        refuse(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])

"""Run a command where namespaces are refused, as a container's seccomp filter does it. Linux, x86-64 and ARM.

Usage: python tests/refusing.py COMMAND...

unshare and setns answer EPERM, clone3 answers ENOSYS; the filter stays on whatever the command starts.
Source: seccomp(2), prctl(2); the default profile of container engines.
"""

import ctypes
import os
import platform
import struct
import sys

UNSHARE, SETNS, CLONE3 = {"x86_64": (272, 308, 435), "aarch64": (97, 268, 435)}[platform.machine()]
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
EPERM, ENOSYS, ALLOW = 0x00050000 | 1, 0x00050000 | 38, 0x7FFF0000
PROGRAM = (
    (LOAD, 0, 0, 0),  # the number of the call
    (JUMP_IF_EQUAL, 3, 0, UNSHARE),
    (JUMP_IF_EQUAL, 2, 0, SETNS),
    (JUMP_IF_EQUAL, 2, 0, CLONE3),
    (RETURN, 0, 0, ALLOW),
    (RETURN, 0, 0, EPERM),
    (RETURN, 0, 0, ENOSYS),
)
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2


class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_char_p))


def refuse() -> None:
    """Put the filter on this process."""
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in PROGRAM)
    text = ctypes.create_string_buffer(packed, len(packed))
    what = Filter(len(PROGRAM), ctypes.cast(text, ctypes.c_char_p))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, FILTER, ctypes.byref(what), 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse()
    os.execvp(sys.argv[1], sys.argv[1:])

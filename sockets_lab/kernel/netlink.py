"""Speak to the Linux kernel over netlink: one request, and the messages of its answer.

A message is a header of 16 bytes and a payload; a part that comes with one `recv` holds many messages.
Source: netlink(7).
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator

HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port id
ERROR_NUMBER = struct.Struct("=i")
ATTRIBUTE = struct.Struct("=HH")  # nlattr: length with these four bytes, type
ATTRIBUTE_KIND = 0x3FFF  # of its type: the two bits above say how the value is written
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP = 0x1, 0x4, 0x10, 0x300
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400  # of a request that makes something
NLMSG_ERROR, NLMSG_DONE = 2, 3
BUFFER = 1 << 16  # bytes; the kernel makes no part larger than 32 KiB
MSG_TRUNC = 0x20  # as a plain number: the enumeration of `socket` takes longer than the whole call


class Interrupted(Exception):
    """The kernel says that what it listed changed meanwhile, so that the list fits no single moment."""


def command(protocol: int, kind: int, payload: bytes, flags: int = 0) -> None:
    """Tell the kernel to do something, and wait until it has said that it is done. Raises: OSError, its refusal."""
    for _ in ask(protocol, kind, payload, dump=False, flags=NLM_F_ACK | flags):
        pass


def opened(protocol: int) -> socket.socket:
    """Open a netlink socket, for one question or for many.

    It never waits: the kernel makes each part of an answer within `send` or `recv`, so that none is under way.
    """
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)


def send(kernel: socket.socket, kind: int, payload: bytes, flags: int = 0) -> None:
    """Send one request. Args: kind: the type of its message; flags: NLM_F_... beside NLM_F_REQUEST."""
    kernel.send(HEADER.pack(HEADER.size + len(payload), kind, NLM_F_REQUEST | flags, 1, 0) + payload)


def receive(kernel: socket.socket) -> bytes:
    """Receive one part of an answer. Raises: OSError, EMSGSIZE where it came cut off, EAGAIN where none comes."""
    part, _, truncated, _ = kernel.recvmsg(BUFFER)
    if truncated & MSG_TRUNC:
        raise OSError(errno.EMSGSIZE, "a part of the answer is larger than the buffer")
    return part


def ask_for_one(kernel: socket.socket, kind: int, payload: bytes) -> bytes:
    """Send one request through an open socket, and return the payload of the one message of its answer.

    Nothing stands between the two system calls and whoever asks thousands of times. Raises: OSError.
    """
    send(kernel, kind, payload)
    part = kernel.recv(BUFFER)  # one message is never as large
    if HEADER.unpack_from(part)[1] == NLMSG_ERROR:
        next(messages(part))  # raises
    return part[HEADER.size :]


def ask(protocol: int, kind: int, payload: bytes, dump: bool, flags: int = 0) -> Iterator[bytes]:
    """Send one request and yield the payload of each message of the answer.

    Args:
        protocol: the netlink protocol, such as NETLINK_SOCK_DIAG; kind: the type of the request's message.
        dump: ask for all there are, in several parts up to NLMSG_DONE; False: for one, in one part.
        flags: more NLM_F_... flags of the request.
    Raises: OSError, with the number that the kernel answers, and those of `receive`; Interrupted, after the last
        message.
    """
    with opened(protocol) as kernel:
        send(kernel, kind, payload, flags | (NLM_F_DUMP if dump else 0))
        more, torn = True, False
        while more:
            more = dump
            for answered, its_flags, message in messages(receive(kernel)):
                torn = torn or bool(its_flags & NLM_F_DUMP_INTR)
                if answered == NLMSG_DONE:
                    more = False
                else:
                    yield message
    if torn:
        raise Interrupted  # only now, so that a caller who gives up asking again has every message that came


def messages(part: bytes, ends_with_errno: bool = True) -> Iterator[tuple[int, int, bytes]]:
    """Split one part into messages: type, flags, payload.

    Args: ends_with_errno: NLMSG_DONE carries an errno, as at the end of a list that the kernel could not make; behind
        logged packets it carries something else.
    Raises: OSError, for a message of type NLMSG_ERROR, or such a NLMSG_DONE, that carries an errno.
    """
    telling = (NLMSG_ERROR, NLMSG_DONE) if ends_with_errno else (NLMSG_ERROR,)
    offset = 0
    while offset + HEADER.size <= len(part):
        length, kind, flags, _, _ = HEADER.unpack_from(part, offset)
        payload = part[offset + HEADER.size : offset + length]
        if kind in telling and len(payload) >= ERROR_NUMBER.size:
            number = -ERROR_NUMBER.unpack_from(payload)[0]
            if number:
                raise OSError(number, os.strerror(number))
        yield kind, flags, payload
        offset += aligned(max(length, HEADER.size))


def aligned(length: int) -> int:
    """Round up to a multiple of four bytes, where the next message or attribute begins."""
    return (length + 3) & ~3


def attribute(kind: int, value: bytes) -> bytes:
    """Pack one attribute: length, type, value, and zeros up to the next multiple of four."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value.ljust(aligned(len(value)), b"\0")


def attributes(packed: bytes) -> dict[int, bytes]:
    """Read a row of attributes: type -> value."""
    return dict(listed(packed))


def listed(packed: bytes) -> Iterator[tuple[int, bytes]]:
    """Read a row of attributes in which a type may come more than once: type and value of each."""
    offset = 0
    while offset + ATTRIBUTE.size <= len(packed):
        length, kind = ATTRIBUTE.unpack_from(packed, offset)
        yield kind & ATTRIBUTE_KIND, packed[offset + ATTRIBUTE.size : offset + length]
        offset += aligned(max(length, ATTRIBUTE.size))

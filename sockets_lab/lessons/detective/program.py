"""A small program of a broken machine, run as a file by a process of its own: a service, a forwarder, or a visitor.

Its settings come as the first line of its standard input, in JSON; when that input ends, so does the program. What it
has to say goes to its standard output, a line each: that is its log. It needs nothing but the standard library.
"""

import errno
import json
import os
import socket
import struct
import sys
import threading
import time
from contextlib import suppress

TICK = 0.2  # seconds between two rounds of a visitor who stays
PAUSE = 0.05  # seconds before the next accept, when one has failed
PATIENCE = 1.0  # seconds in which a visitor's connection is there, or is given up
BUFFER = 1 << 14  # bytes that the kernel keeps of a long answer, on either side
READY = "ready"


def main() -> None:
    """Read the settings, and be what they say."""
    settings = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    with suppress(OSError), open("/proc/self/comm", "w") as comm:  # its name in lists of processes. Linux only
        comm.write(settings["name"])
    if limit := settings.get("descriptors"):
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    say(f"process {_number()}")
    try:
        ROLES[settings["role"]](settings)
    except OSError as error:
        say(f"{settings['role']}: {name_of(error)}")
    os._exit(1)


def say(line: str) -> None:
    print(line, flush=True)


def name_of(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def serve_tcp(settings: dict) -> None:
    """Answer all that connect and say something: `at_once` clients at one time, the others wait."""
    places = threading.BoundedSemaphore(settings["at_once"])
    forgotten: list[socket.socket] = []
    said = ""
    with bound(settings, socket.SOCK_STREAM) as listener:
        listener.listen(settings["backlog"])
        say(READY)
        while True:
            places.acquire()
            try:
                client, _ = listener.accept()
            except OSError as error:
                places.release()
                if said != (said := f"accept: {name_of(error)}"):
                    say(said)
                time.sleep(PAUSE)
                continue
            work = forward if settings["role"] == "forwarder" else attend
            threading.Thread(target=work, args=(client, settings, places, forgotten), daemon=True).start()


def attend(client: socket.socket, settings: dict, places: threading.BoundedSemaphore, forgotten: list) -> None:
    """Serve one client: each of its lines is answered, and after the first the service is done, unless it stays.

    Settings: those of `programs.SETTINGS`; takes: seconds of work; size: bytes of the answer, filled up with blanks.
    """
    answer = settings["answer"].ljust(settings.get("size", 0)) + "\n"
    try:
        client.settimeout(settings["patience"])
        if settings.get("size", 0) > BUFFER:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        while heard := client.recv(4096):
            if settings.get("target"):
                with socket.create_connection(tuple(settings["target"]), settings["patience"]) as backend:
                    backend.sendall(b"order\n")
                    backend.recv(4096)
            time.sleep(settings.get("takes", 0))
            client.sendall(answer.encode())
            if not heard.startswith(b"stay"):
                break
    except OSError as error:
        say(f"client: {name_of(error)}")
    finally:
        if settings["closes"]:
            client.close()
        else:
            forgotten.append(client)
        places.release()


def forward(client: socket.socket, settings: dict, places: threading.BoundedSemaphore, _: list) -> None:
    """Take one connection on to the target: what either end says, until one of them is done."""
    host, port = settings["target"]
    try:
        with client, socket.create_connection((host, port), PATIENCE) as server:
            server.settimeout(None)
            threading.Thread(target=_pump, args=(client, server), daemon=True).start()
            _pump(server, client)
    except OSError as error:
        say(f"{host} port {port}: {name_of(error)}")
    finally:
        places.release()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while octets := source.recv(65536):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)


def serve_udp(settings: dict) -> None:
    """Answer every datagram by one."""
    with bound(settings, socket.SOCK_DGRAM) as sock:
        say(READY)
        while True:
            _, sender = sock.recvfrom(4096)
            with suppress(OSError):
                sock.sendto(f"{settings['answer']}\n".encode(), sender)


def bound(settings: dict, kind: int) -> socket.socket:
    """Return a socket at the address and port of the settings; where it cannot be had, say so and end."""
    address = settings["address"]
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    try:
        if ":" in address:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(settings["ipv6_only"]))
        # Where SO_REUSEPORT is missing, this option would let others take a port that is in use
        if settings["reuse_address"] and hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.get("reuse_port"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((address, settings["port"]))
    except OSError as error:
        sock.close()
        say(f"bind {address} port {settings['port']}: {name_of(error)}")
        os._exit(1)
    return sock


def visit(settings: dict) -> None:
    """Connect again and again, until `count` connections are there, or `tries` have failed, and hold all of them.

    says: what is said along each, again and again; "" = nothing. returns: comes again when it is closed.
    """
    held: list[socket.socket | None] = []
    left = settings["tries"]
    while len(held) < settings["count"] and left:
        if sock := _connected(settings):
            held.append(sock)
            time.sleep(0 if settings["says"] or len(held) > 1 else PAUSE)  # the service takes it before others wait
        else:
            left = 0 if settings.get("full") else left - 1
    say(READY)
    while True:
        time.sleep(TICK)
        for place, one in enumerate(held):
            if not (one and _stays(one, settings)) and settings.get("returns"):
                held[place] = _connected(settings)  # what is lost is closed


def _connected(settings: dict) -> socket.socket | None:
    sock = socket.socket()
    sock.settimeout(PATIENCE)
    try:
        if settings.get("source"):
            sock.bind((settings["source"], settings.get("from_port", 0)))
        if settings.get("vanishes"):  # with a reset: nothing is left of it at this end
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if not settings.get("reads", True):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        sock.connect(tuple(settings["target"]))
        if settings["says"]:
            sock.sendall(settings["says"].encode())
            if settings.get("reads", True):
                sock.recv(4096)
    except OSError as error:
        sock.close()
        say(f"connect: {name_of(error)}")
        settings["full"] = error.errno == errno.EADDRNOTAVAIL
        return None
    return sock


def _stays(sock: socket.socket, settings: dict) -> bool:
    """Speak along a connection, or listen; tell whether it is still there."""
    try:
        sock.settimeout(PATIENCE if settings["says"] else 0)
        sock.sendall(settings["says"].encode() if settings.get("reads", True) else b"")
        return not settings.get("reads", True) or sock.recv(4096) != b""
    except (TimeoutError, BlockingIOError):
        return True
    except OSError:
        return False


ROLES = {"tcp": serve_tcp, "udp": serve_udp, "forwarder": serve_tcp, "visitor": visit}


def _end_with_input() -> None:
    """End when whoever started this program is gone, or wants it to end."""
    sys.stdin.read()
    os._exit(0)


def _number() -> int:
    """Return this process's number as the notebook sees it: a lab's own count of processes begins anew."""
    with suppress(OSError, ValueError):
        return int(os.readlink("/proc/self"))
    return os.getpid()


if __name__ == "__main__":
    main()

"""A small program of a broken machine, run as a file by a process of its own: a service, a forwarder, or a visitor.

Its settings come as the first line of its standard input, in JSON; when that input ends, so does the program. What it
has to say goes to its standard output, a line each: that is its log. It needs nothing but the standard library; the
forwarder is the course's own.
"""

import errno
import json
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

TICK = 0.2  # seconds between two questions of a visitor who stays
PAUSE = 0.05  # seconds before the next accept, when one has failed
PATIENCE = 1.0  # seconds in which a visitor's connection is there, or is given up
READY = "ready"


def main() -> None:
    """Read the settings, and be what they say."""
    settings = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    with suppress(OSError):  # its name in the lists of processes; Linux only. Source: proc_pid_comm(5)
        Path("/proc/self/comm").write_text(settings["name"])
    if limit := settings.get("descriptors"):
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    say(f"process {_number()}")
    try:
        ROLES[settings["role"]](settings)
    except (OSError, ValueError) as error:  # the latter from the course's own code, of an endpoint
        say(f"{settings['role']}: {name_of(error) if isinstance(error, OSError) else error}")
    os._exit(1)


def say(line: str) -> None:
    print(line, flush=True)


def name_of(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def serve_tcp(settings: dict[str, Any]) -> None:
    """Answer everybody who connects and says something: `at_once` clients at one time, the others wait.

    backlog: of the listener. patience: seconds for a client to say something; None = for ever. closes: whether a
    client's socket is closed when it has been served; a program that forgets to will run out of descriptors.
    """
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
            threading.Thread(target=attend, args=(client, settings, places, forgotten), daemon=True).start()


def attend(client: socket.socket, settings: dict[str, Any], places: Any, forgotten: list[socket.socket]) -> None:
    """Serve one client: each of its lines is answered, and after the first the service is done, unless it stays."""
    try:
        client.settimeout(settings["patience"])
        while heard := client.recv(4096):
            client.sendall(settings["answer"].encode())
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


def serve_udp(settings: dict[str, Any]) -> None:
    """Answer every datagram by one."""
    with bound(settings, socket.SOCK_DGRAM) as sock:
        say(READY)
        while True:
            _, sender = sock.recvfrom(4096)
            with suppress(OSError):
                sock.sendto(settings["answer"].encode(), sender)


def bound(settings: dict[str, Any], kind: int) -> socket.socket:
    """Return a socket at the address and port of the settings. Raises: OSError."""
    address = settings["address"]
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    try:
        if ":" in address:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(settings["ipv6_only"]))
        # Where SO_REUSEPORT is missing, this option would let others take a port that is in use.
        if settings["reuse_address"] and hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, settings["port"]))
    except OSError as error:
        sock.close()
        say(f"bind {address} port {settings['port']}: {name_of(error)}")
        os._exit(1)
    return sock


def forward(settings: dict[str, Any]) -> None:
    """Take connections on to another endpoint, whether or not anybody is there."""
    sys.path[:] = settings["path"]
    from sockets_lab import guard
    from sockets_lab.lessons.filtering.forwarding import Forwarder
    from sockets_lab.model import Endpoint

    if settings["lab"]:
        guard.admit(settings["lab"][0], settings["lab"])
    with Forwarder(Endpoint(settings["address"], settings["port"]), Endpoint(*settings["target"])):
        say(READY)
        threading.Event().wait()


def visit(settings: dict[str, Any]) -> None:
    """Connect again and again, until `count` connections are there, and hold all of them.

    tries: how often it may fail before that; once only, where no port is left. says: what is said along each of them,
    again and again; "" = a visitor who keeps silent. source: the address from which, None = the kernel chooses.
    """
    held: list[socket.socket] = []
    left = settings["tries"]
    while len(held) < settings["count"] and left:
        sock = socket.socket()
        sock.settimeout(PATIENCE)
        try:
            if settings["source"]:
                sock.bind((settings["source"], 0))
            sock.connect(tuple(settings["target"]))
        except OSError as error:
            sock.close()
            say(f"connect: {name_of(error)}")
            left = 0 if error.errno == errno.EADDRNOTAVAIL else left - 1
            continue
        held.append(sock)
        _ask(sock, settings["says"])
    say(READY)
    while True:
        time.sleep(TICK)
        for sock in held:
            _ask(sock, settings["says"])


def _ask(sock: socket.socket, words: str) -> None:
    if words:
        with suppress(OSError):
            sock.sendall(words.encode())
            sock.recv(4096)


ROLES = {"tcp": serve_tcp, "udp": serve_udp, "forwarder": forward, "visitor": visit}


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

"""The doctor against causes made on purpose: each is named, with the process that holds the port."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from labs import filtered_lab, needs_namespaces
from machines import AS_NOBODY, ROOT
from using import click
from using import said as shown

from sockets_lab import errors, panels, table
from sockets_lab.kernel import doctor
from sockets_lab.kernel.connecting import reset_on_close, until
from sockets_lab.kernel.doctor import question
from sockets_lab.kernel.machine import ephemeral_range, has_dual_stack, has_ipv6
from sockets_lab.kernel.table import sock_diag
from sockets_lab.lab import firewall
from sockets_lab.lab.firewall import Rule, incoming
from sockets_lab.model import Endpoint

DEADLINE = 20.0
HOME = "127.0.0.1"
LINUX = pytest.mark.skipif(not sock_diag.works("tcp"), reason="this kernel tells no sockets over netlink")
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another")
PORT_NUMBER = "print(s.getsockname()[1], flush=True); sys.stdin.read()"
LISTEN = f"import socket, sys; s = socket.create_server(('127.0.0.1', 0)); {PORT_NUMBER}"
# The listener's thread goes on after the first thread of its process has ended
LEADERLESS = """
import ctypes, socket, sys, threading
def serve():
    s = socket.create_server(("127.0.0.1", 0))
    print(s.getsockname()[1], flush=True)
    sys.stdin.read()
    import os; os._exit(0)
threading.Thread(target=serve).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def free_port():
    with socket.socket() as sock:
        sock.bind((HOME, 0))
        return sock.getsockname()[1]


@contextmanager
def program(code, *before):
    """Run a program that prints a port and holds it: (port, process)."""
    child = subprocess.Popen([*before, sys._base_executable, "-I", "-S", "-c", code], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)  # fmt: skip
    with child:
        try:
            yield int(child.stdout.readline()), child
        finally:
            child.send_signal(getattr(signal, "SIGCONT", 0))
            child.stdin.close()
            child.wait(DEADLINE)


@contextmanager
def bound(address=HOME, kind=socket.SOCK_STREAM, listens=True, port=0, only=None, option=None):
    with socket.socket(Endpoint(address, 0).family, kind) as sock:
        if only is not None:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        if option:
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.bind((address, port))
        if listens:
            sock.listen()
        yield sock.getsockname()[1]


@contextmanager
def connection(keep, reuse=True):
    """Make a connection and keep one end open, "server" or "client", or neither: keep tells who closes last."""
    with ExitStack() as stack:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            listener.bind((HOME, 0))
            listener.listen()
            client = stack.enter_context(socket.create_connection(listener.getsockname(), DEADLINE))
            server = stack.enter_context(listener.accept()[0])
        ports = server.getsockname()[1], client.getsockname()[1]
        if keep:
            reset_on_close(client)
            reset_on_close(server)
        else:
            server.close()
            client.recv(1)
            client.close()
            assert until(lambda: [row.state for row in table.at_port(ports[0])] == ["TIME_WAIT"], DEADLINE)
        yield ports


def said(text, cause, *parts):
    """Ask the doctor, compare the cause, and find the parts in what it says; return the report."""
    report = doctor.examine(text)
    words = json.dumps(doctor.sections(report))
    assert report.cause == cause, words
    assert [part for part in map(str, parts) if part not in words] == [], words
    assert report.is_free == (cause in ("free", "filtered"))
    return report


def ways(report):
    """Return the ways in which a bind without any option is granted."""
    return [one.way for one in report.binds if not one.option and not one.refused]


def test_nothing_at_all():
    report = said(free_port(), "free", "yours to have", "refused")
    assert {one.outcome for one in report.visits} == {"ECONNREFUSED"}
    assert ("::1" in ways(report)) == has_ipv6()


def test_listeners_by_their_addresses():
    with bound() as port:
        report = said(port, "listener", f"listens at {HOME}:{port}", f"pid {os.getpid()}", "from this machine only")
        assert report.visits[0].outcome == "answered"
        assert f"kill {os.getpid()}" in " ".join(doctor.sections(report)["What can you do?"]) or os.name == "nt"
        if sys.platform == "linux":  # a specific address, and another beside it
            assert said(f"127.0.0.2:{port}", "free").visits[0].outcome == "ECONNREFUSED"
            said(f"0.0.0.0:{port}", "listener")
    with bound("0.0.0.0") as port:
        said(f"{HOME}:{port}", "listener", f"0.0.0.0:{port} (every IPv4 address)", "over IPv4")
    if has_ipv6():
        with bound("::", only=1) as port:
            report = said(port, "listener", f"[::]:{port} (every IPv6 address)", "IPv6 only")
            assert ways(report)[:2] == [HOME, "0.0.0.0"]
        with bound("::1") as port:
            assert ways(said(port, "listener", f"[::1]:{port}"))[:2] == [HOME, "0.0.0.0"]
    if has_dual_stack():
        with bound("::", only=0) as port:
            report = said(port, "listener", f"[::]:{port} (every address)", "IPv4 and IPv6")
            assert ways(report) == []


def test_udp_beside_tcp():
    with bound(kind=socket.SOCK_DGRAM, listens=False) as port:
        said(f"{port}/udp", "datagrams", f"receives at {HOME}:{port}", os.getpid())
        said(port, "free", "count their ports separately", os.getpid())


@LINUX
def test_bound_and_shared():
    with bound(listens=False) as port:
        said(port, "bound", "does not listen", os.getpid())
    with bound(option=socket.SO_REUSEPORT) as port:
        said(port, "listener", "A program that sets SO_REUSEPORT can bind it now")
    with bound() as port:
        assert "SO_REUSEPORT can" not in json.dumps(doctor.sections(said(port, "listener")))


@LINUX
def test_connections():
    with connection("both") as (server, client):
        said(server, "connection", "whose listener is closed", os.getpid())
    with socket.create_server((HOME, 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        reset_on_close(client)
        port = client.getsockname()[1]
        said(port, "client", "client's port", os.getpid(), "ip_local_reserved_ports")
        said(listener.getsockname()[1], "listener", "no process holds it")  # before accept
    with connection(None) as (server, client):
        report = said(server, "time-wait", "ends in", "SO_REUSEADDR can bind it now", "no process")
        assert 0 < report.holders[0].ends_in <= 61
        assert any(one.at_peer for one in said(client, "free", "the port is the peer's").holders)


@LINUX
def test_processes():
    with program(LISTEN) as (port, child):
        said(port, "listener", f"pid {child.pid}, user")
        child.send_signal(signal.SIGSTOP)
        assert until(lambda: doctor.examine(port).processes[0].state == "T", DEADLINE)
        said(port, "listener", "stopped", f"kill -CONT {child.pid}")
    with program(LEADERLESS) as (port, child):
        assert until(lambda: doctor.examine(port).processes[0].state == "Z", DEADLINE)
        said(port, "listener", f"pid {child.pid}", "its first thread has ended")
    with socket.create_server((HOME, 0)) as listener:
        code = f"import sys, socket; s = socket.socket(fileno={listener.fileno()}); {PORT_NUMBER}"
        child = subprocess.Popen([sys._base_executable, "-I", "-S", "-c", code], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, pass_fds=[listener.fileno()])  # fmt: skip
        with child:
            port = int(child.stdout.readline())
            said(port, "listener", "Several processes hold one socket", f"pid {child.pid}", f"pid {os.getpid()}")
            child.stdin.close()


@LINUX
@as_root
def test_other_users():
    with program(LISTEN, *AS_NOBODY) as (port, child):
        said(port, "listener", f"pid {child.pid}, user nobody")
    with bound() as port:
        asks = asked_as_nobody(f"report = doctor.examine({port})")
        assert asks[:2] == ["listener", None]
        assert "another user's (root)" in asks[2]
        assert f"sudo ss -napt 'sport = :{port}'" in asks[2]
    lowest = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(encoding="ascii"))
    assert asked_as_nobody("report = doctor.examine(80)")[0] == "privileged" or lowest <= 80  # as in some containers


@LINUX
@as_root
@needs_namespaces
def test_another_network_namespace():
    with program(LISTEN.replace(HOME, "0.0.0.0"), "unshare", "--net") as (port, child):
        report = said(port, "free", "in another network namespace", f"pid {child.pid}", f"nsenter -t {child.pid}")
        assert report.holders[0].elsewhere


def asked_as_nobody(code):
    """Ask in a fork that becomes another user, because that user may not be able to read this Python."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.closerange(3, writing)
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            names = {"doctor": doctor}
            exec(code, names)
            report = names["report"]
            processes = report.holders[0].processes if report.holders else ()
            seen = None if processes is None else len(processes)
            os.write(writing, json.dumps([report.cause, seen, json.dumps(doctor.sections(report))]).encode())
        except BaseException as error:  # noqa: BLE001
            os.write(writing, json.dumps([repr(error)]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = json.loads(pipe.read())
    os.waitpid(pid, 0)
    return answer


def reserve(port):
    """Inside a node: reserve a port, and look at it; this network stack is the node's own."""
    Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text(f"{port}", encoding="ascii")
    return doctor.examine(port)


def listens_and_asks(listens):
    """Inside a node: look at port 8000, with a listener or without."""
    if not listens:
        return doctor.examine(8000)
    with socket.create_server(("127.0.0.1", 8000)):
        return doctor.examine(8000)


def test_firewalls_and_reserved_ports():
    with filtered_lab(A="10.0.0.1", B="10.0.0.2") as lab:
        port = (ephemeral_range() or (32768, 60999))[0]
        report = lab.A.call(reserve, port)
        assert report.reserved
        assert "the port is reserved" in json.dumps(doctor.sections(report))
        for rule, words in ((Rule("drop", "tcp", 8000), "A firewall drops"), (Rule("reject", "tcp", 8000), "rejects"),
                            (Rule("reject", "tcp", 8000, answer="host"), "A firewall rejects")):  # fmt: skip
            assert firewall.apply(lab.A, incoming(rule)) is None
            report = lab.A.call(listens_and_asks, True)
            assert (report.cause, words in json.dumps(doctor.sections(report))) == ("listener", True), report.visits
        assert lab.A.call(listens_and_asks, False).cause == "filtered"


@LINUX
def test_a_full_accept_queue_is_no_firewall():
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((HOME, 0))
        listener.listen(0)
        stack.enter_context(socket.create_connection(listener.getsockname(), DEADLINE))
        said(listener.getsockname()[1], "listener", "accept queue", "no answer")


MESSAGES = {
    "OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 8001): address already in use":
        (8001, "127.0.0.1", "EADDRINUSE"),
    "Error: listen EADDRINUSE: address already in use :::8001": (8001, "::", "EADDRINUSE"),
    "listen tcp 127.0.0.1:8001: bind: address already in use": (8001, "127.0.0.1", "EADDRINUSE"),
    "listen tcp :8001: bind: address already in use": (8001, None, "EADDRINUSE"),
    "read tcp 127.0.0.1:43210->127.0.0.1:8001: read: connection reset by peer": (8001, "127.0.0.1", "ECONNRESET"),
    "nginx: [emerg] bind() to [::]:80 failed (98: Address already in use)": (80, "::", "EADDRINUSE"),
    "Web server failed to start. Port 8001 was already in use.": (8001, None, ""),
    "curl: (7) Failed to connect to localhost port 8001 after 0 ms: Connection refused": (8001, None, "ECONNREFUSED"),
    "[WinError 10048] Only one usage of each socket address: 0.0.0.0:8001": (8001, "0.0.0.0", "EADDRINUSE"),
    "http://localhost:8001/lab": (8001, None, ""), "[::1]:8001": (8001, "::1", ""), "8001": (8001, None, ""),
}  # fmt: skip


def test_messages_name_their_port():
    read = {text: question.read(text) for text in MESSAGES}
    assert {text: (one.port, one.address, one.message.partition(":")[0]) for text, one in read.items()} == MESSAGES
    assert question.read("53/UDP").protocol == question.read("listen udp :53: address already in use").protocol == "udp"
    for text in ("", "abc", "0", "70000", "-1", "[Errno 98] Address already in use", "1.2.3:80", None, "٣"):
        with pytest.raises(errors.BadInput):
            question.read(text)


def holders_by_lsof():
    """Return {port: {(protocol, pid)}} of all that lsof finds with a local port."""
    out = subprocess.run(["lsof", "-nP", "-FpPn", "-i"], capture_output=True, text=True).stdout
    found, pid, protocol = {}, 0, ""
    for kind, value in ((line[0], line[1:]) for line in out.splitlines()):
        pid = int(value) if kind == "p" else pid
        protocol = value.lower() if kind == "P" else protocol
        if kind == "n":
            found.setdefault(value.partition("->")[0].rpartition(":")[2], set()).add((protocol, pid))
    return found


def rows_by_ss():
    """Return {(protocol, port): how many rows} as ss counts them."""
    found = {}
    for line in subprocess.run(["ss", "-Htuan"], capture_output=True, text=True, check=True).stdout.splitlines():
        protocol, _, _, _, local, *_ = line.split()
        key = protocol, int(local.rpartition(":")[2])
        found[key] = found.get(key, 0) + 1
    return found


@LINUX
@pytest.mark.skipif(not shutil.which("ss") or not shutil.which("lsof"), reason="ss and lsof are not installed")
def test_every_port_has_the_holders_that_ss_and_lsof_find():
    count = int(os.environ.get("SOCKETS_LAB_SOCKETS", "150"))
    with ExitStack() as stack:
        for number in range(count * 2 // 5):
            kind = socket.SOCK_DGRAM if number % 5 == 0 else socket.SOCK_STREAM
            port = stack.enter_context(bound("0.0.0.0" if number % 3 else HOME, kind, kind == socket.SOCK_STREAM))
            if kind == socket.SOCK_STREAM:
                client = stack.enter_context(socket.create_connection((HOME, port), DEADLINE))
                reset_on_close(client)
        mine = {row.local.port for row in table.snapshot(owners=True)
                if row.local.port and any(owner.pid == os.getpid() for owner in row.owners or ())}  # fmt: skip
        assert len(mine) >= count // 2
        counted, found, wrong = rows_by_ss(), holders_by_lsof(), []
        for port in sorted(mine):
            here = [one for one in doctor.holders(port) if not one.at_peer and not one.elsewhere]
            held = [one for one in here if one.row.state != "CLOSE"]  # ss -a and lsof leave out what is bound only
            pids = {(one.row.protocol, process.pid) for one in held for process in one.processes or ()}
            rows = {key: number for key, number in counted.items() if key[1] == port}
            shown = [(one.row.protocol, port) for one in held]
            if pids != found.get(str(port)) or {key: shown.count(key) for key in shown} != rows:
                wrong.append((port, pids, found.get(str(port)), shown, rows))
        assert wrong == []


def command(*words, **more):
    return subprocess.run([sys.executable, "-m", "sockets_lab", *words], capture_output=True, text=True,
                          timeout=DEADLINE, cwd=ROOT, **more)  # fmt: skip


def test_the_command():
    with bound() as port:
        taken = command("--json", str(port))
        plain = command(f"127.0.0.1:{port}")
    assert (taken.returncode, plain.returncode) == (1, 1)
    told = json.loads(taken.stdout)
    assert (told["cause"], told["asked"]["port"], told["holders"][0]["row"]["state"]) == ("listener", port, "LISTEN")
    assert "\033" not in plain.stdout
    assert command(str(free_port())).returncode == 0
    bad = command("OSError:", "[Errno 98]", "Address already in use")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert re.match("EADDRINUSE: address already in use.+ names no port", bad.stderr)


def test_the_doctor_loads_no_more_than_it_needs():
    heavy = {"matplotlib", "numpy", "ipywidgets", "IPython", "psutil", "subprocess", "argparse", "json", "hashlib"}
    code = f"import sys; from sockets_lab.kernel import doctor; doctor.examine(1); print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({str(ROOT)!r}); {code}"],
                          capture_output=True, text=True, check=True, timeout=DEADLINE)  # fmt: skip
    assert done.stdout.split() == [] or sys.platform != "linux"


@pytest.mark.skipif(not os.environ.get("CI"), reason="builds a wheel: where CI is set")
def test_a_wheel_in_an_empty_environment(tmp_path):
    run = lambda *words: subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)  # noqa: E731
    built = run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT))
    assert built.returncode == 0, built.stderr
    assert run(sys.executable, "-m", "venv", "empty").returncode == 0
    bin = tmp_path / "empty" / ("Scripts" if os.name == "nt" else "bin")
    wheels = map(str, tmp_path.glob("*.whl"))
    assert run(str(bin / "python"), "-m", "pip", "install", "-q", "--no-deps", *wheels).returncode == 0
    asked = run(str(bin / "sockets-lab"), "--json", str(free_port()))
    assert (asked.returncode, json.loads(asked.stdout)["cause"]) == (0, "free"), asked.stderr
    assert run(str(bin / "sockets-lab"), "--copy", "course").returncode == 0
    assert len(list((tmp_path / "course").rglob("*.ipynb"))) == len(list((ROOT / "notebooks").rglob("*.ipynb")))
    assert "JupyterLab is not here" in run(str(bin / "sockets-lab")).stderr


def test_the_panel_shows_what_the_terminal_says():
    with bound() as port:
        panel = panels.doctor(port)
        assert f"listens at {HOME}:{port}" in shown(panel)
        assert f"pid {os.getpid()}" in panel.picture.alt
        assert panel.picture.png()
    panel.text.value = "Address already in use"
    assert "names no port" in click(panel, "Examine")


@LINUX
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_what_was_refused_before_the_doctor_came_is_refused_after():
    """A granted bind with SO_REUSEPORT beside a listener makes Linux forget to look at that listener the next time."""
    with bound("::", only=1) as port:
        assert not can_share(port)
        doctor.examine(port)
        assert not can_share(port)


def can_share(port):
    """Try to bind every address with SO_REUSEPORT; when it is refused, that changes nothing."""
    with socket.socket(socket.AF_INET6) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return errors.attempt(sock.bind, ("::", port)) is None

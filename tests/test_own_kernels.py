"""Kernels talk over files in a folder of their user's, so that another user of the machine can neither read nor ask."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests
import zmq
from jupyter_client.blocking import BlockingKernelClient

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "deploy" / "jupyter_server_config.py"
DEADLINE = 300.0  # seconds, for what a busy machine does
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]
INTRUDER = """
import errno, os, socket, sys
for target in sys.argv[1:]:
    inet = target.startswith("tcp:")
    with socket.socket(socket.AF_INET if inet else socket.AF_UNIX) as sock:
        sock.settimeout(5)
        try:
            sock.connect(("127.0.0.1", int(target[4:])) if inet else target)
        except OSError as refused:
            print(errno.errorcode.get(refused.errno, refused))
        else:
            print("connected")
"""


@contextmanager
def serving(**more: str) -> Iterator[tuple[psutil.Process, dict]]:
    """Run a Jupyter server and a kernel as the README does. Yields: the server's process, and the kernel's connection.

    Args: more: for the server's environment.
    """
    folder = Path(tempfile.mkdtemp(prefix="own-"))
    folder.chmod(0o755)  # what shuts others out is to be the course's doing
    environment = os.environ | {"JUPYTER_RUNTIME_DIR": str(folder / "run"), "JUPYTER_CONFIG_DIR": str(folder)} | more
    command = [sys.executable, "-m", "jupyter_server", "--allow-root", "--ip=127.0.0.1", "--port=0",
               "--IdentityProvider.token=t", f"--ServerApp.root_dir={folder}"]  # fmt: skip
    log = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        try:
            yield psutil.Process(server.pid), new_kernel(Path(environment["JUPYTER_RUNTIME_DIR"]))
        finally:
            server.terminate()
            server.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def new_kernel(runtime: Path) -> dict:
    """Ask the server of that folder for a kernel, as soon as it answers. Returns: how to connect to the kernel."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        for path in runtime.glob("jpserver-*.json"):
            try:
                about = json.loads(path.read_text())
                made = requests.post(f"{about['url']}api/kernels?token=t", json={}, timeout=DEADLINE).json()
            except (ValueError, KeyError, requests.RequestException):
                continue
            return json.loads(next(runtime.glob(f"kernel-{made['id']}*.json")).read_text())
        time.sleep(0.1)
    raise AssertionError("the server did not start")


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[psutil.Process, dict]]:
    with serving() as both:
        yield both


def is_kernel(child: psutil.Process) -> bool:
    """Tell a kernel from what else a server starts, which may have ended meanwhile."""
    try:
        return "ipykernel_launcher" in child.cmdline()
    except psutil.Error:
        return False


def test_the_courses_installation_has_the_setting():
    installed = Path(sys.prefix, "etc", "jupyter", CONFIG.name)
    assert installed.exists(), f"`pip install -r requirements.txt` puts {installed.name} into etc/jupyter"
    assert installed.read_text(encoding="utf-8") == CONFIG.read_text(encoding="utf-8")


@pytest.mark.skipif(os.name != "posix", reason="this system's kernels talk over TCP")
def test_kernels_have_no_port_that_tells_anything(served):
    """What remains is one port for the output of forked children: it takes messages, with a key, and sends none."""
    process, connection = served
    assert connection["transport"] == "ipc"
    assert Path(connection["ip"]).parent.stat().st_mode & 0o077 == 0
    client = BlockingKernelClient()
    client.load_connection_info(connection)
    try:
        client.start_channels(hb=False)  # to the heartbeat, a kernel that starts slowly is a dead one
        client.wait_for_ready(DEADLINE)
        kernel, = filter(is_kernel, process.children())
        ports = [one.laddr.port for one in kernel.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        assert len(ports) <= 1
        with zmq.Context() as context, context.socket(zmq.SUB) as listener, context.socket(zmq.PULL) as puller:
            for sock in (listener, puller):
                for port in ports:
                    sock.connect(f"tcp://127.0.0.1:{port}")
            listener.subscribe(b"")
            said: list[str] = []  # a busy kernel may tell one line in two messages
            for _ in range(20):
                client.execute_interactive("print('mine')", timeout=DEADLINE,
                                           output_hook=lambda message: said.append(message["content"].get("text", "")))
            assert "".join(said) == "mine\n" * 20
            assert not listener.poll(1000)
            assert not puller.poll(0)
            for sock in (listener, puller):
                sock.linger = 0
    finally:  # or what it holds would be missing in other tests
        client.stop_channels()


@pytest.mark.skipif(os.name != "posix", reason="this system's kernels talk over TCP")
def test_a_folder_too_deep_for_an_address_falls_back_to_ports(tmp_path):
    with serving(JUPYTER_RUNTIME_DIR=str(tmp_path / ("a" * 80))) as (_, connection):
        assert connection["transport"] == "tcp"


def ask_as_nobody(*targets: str) -> list[str]:
    """Let another user without rights connect. Returns: of each target, what came of it."""
    command = [*NOBODY, "/usr/bin/python3", "-I", "-c", INTRUDER, *targets]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()


@pytest.mark.skipif(
    not (hasattr(os, "getuid") and os.getuid() == 0 and shutil.which("setpriv") and Path("/usr/bin/python3").exists()),
    reason="becoming another user takes root and setpriv",
)
def test_another_user_cannot_connect_to_a_kernel_nor_see_whose_a_socket_is(served):
    process, connection = served
    ports = [connection[f"{channel}_port"] for channel in ("shell", "iopub", "stdin", "control", "hb")]
    paths = [f"{connection['ip']}-{port}" for port in ports]
    deadline = time.monotonic() + DEADLINE
    while not all(map(os.path.exists, paths)) and time.monotonic() < deadline:
        time.sleep(0.1)  # until the kernel has made them
    with socket.create_server(("127.0.0.1", 0)) as open_to_all:  # the control: a TCP port, as kernels otherwise have
        answers = ask_as_nobody(*paths, f"tcp:{open_to_all.getsockname()[1]}")
        assert answers == ["EACCES"] * 5 + ["connected"]
        for path in paths:  # and this very user reaches them
            with socket.socket(socket.AF_UNIX) as own:
                own.connect(path)
        assert_owners_unseen(open_to_all.getsockname()[1])
    unreadable = [*NOBODY, "ls", f"/proc/{process.pid}/fd", str(Path(connection["ip"]).parent)]
    refused = subprocess.run(unreadable, capture_output=True, text=True, timeout=30)
    assert refused.stdout == ""
    assert refused.stderr.count("Permission denied") == 2


def assert_owners_unseen(port: int) -> None:
    """Read the socket table as nobody: the row is there, as it is for all, its owner is not."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom sockets_lab import table\n"
        "from sockets_lab.model import Endpoint\n"
        "rows = table.holders(Endpoint('127.0.0.1', int(sys.argv[2])))\n"
        "print([len(row.owners or ()) for row in rows if row.state == 'LISTEN'])\n"
    )
    copy = Path(tempfile.mkdtemp(prefix="read-"))
    try:
        copy.chmod(0o755)
        for package in (ROOT / "sockets_lab", Path(psutil.__file__).parent):  # where nobody can read them
            shutil.copytree(package, copy / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        command = [*NOBODY, "env", "SOCKETS_LAB_TABLE=", "/usr/bin/python3", "-c", program, str(copy), str(port)]
        seen = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert seen.stdout == "[0]\n", seen.stderr
    finally:
        shutil.rmtree(copy)

"""However a notebook ends, its lab is gone with it; and many labs live side by side."""

import contextlib
import errno
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import start_new_kernel
from labs import needs_namespaces
from trials import amount

import sockets_lab
from sockets_lab.kernel.machine import descriptor_limits
from sockets_lab.lab import Lab
from sockets_lab.lab.rpc import Questions

pytestmark = needs_namespaces
TEXT = {"A": "10.20.30.40", "B": "50.60.70.80"}
MOMENTS = amount("MOMENTS", 3, 20)  # by hand 100 and more: CONTRIBUTING.md
GONE = 1.0  # seconds after which nothing may be left
OPEN_LABS = "from sockets_lab.lab import Lab\nwhile True:\n    lab = Lab(A='10.20.30.40', B='50.60.70.80')\n"


@pytest.fixture
def marked(tmp_path) -> Path:
    """The package under a path of this test's own, which stands in the command lines of all that is started from it."""
    (tmp_path / "sockets_lab").symlink_to(Path(sockets_lab.__file__).parent)
    return tmp_path


def alive(mark: Path) -> list[psutil.Process]:
    """Find the processes of labs that were started from a path."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(mark) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_until_gone(mark: Path, seconds: float = GONE) -> list[psutil.Process]:
    until = time.monotonic() + seconds
    while (left := alive(mark)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


@contextlib.contextmanager
def notebook(mark: Path, program: str) -> Iterator[subprocess.Popen]:
    """Run a program that stands for a notebook, in a process group of its own, and end it at the latest here."""
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", program], cwd=mark, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, start_new_session=True) as process:  # fmt: skip
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.thorough
def test_kill_9_at_any_moment_leaves_nothing(marked):
    draw = random.Random(MOMENTS)
    seen = 0
    for _ in range(MOMENTS):
        with notebook(marked, OPEN_LABS + "    import time; time.sleep(0.05); lab.close()") as process:
            time.sleep(0.2 + draw.random() * 0.4)  # while it imports, builds, has built, ends
            seen += len(alive(marked)) > 0
            process.kill()
            assert wait_until_gone(marked) == []
    assert seen > MOMENTS / 4  # or nothing was tried


def test_kill_9_in_the_middle_of_a_blocking_cell_leaves_nothing(marked):
    code = "print('up', flush=True); lab.A.execute('import time; time.sleep(60)')"
    with notebook(marked, f"{OPEN_LABS}    {code}") as process:
        assert process.stdout.readline() == "up\n"
        assert len(alive(marked)) == 4  # launcher, switch, two nodes
        process.kill()
        assert wait_until_gone(marked) == []


@pytest.mark.parametrize("ending", ["lab = None", "lab.close()"], ids=["dropped", "closed"])
def test_the_stop_button_counts_while_a_lab_comes_to_its_end(marked, ending):
    program = f"""
import os, psutil, signal, threading, time
from sockets_lab.lab import Lab
lab = Lab(A="10.20.30.40", B="50.60.70.80")
(launcher,) = psutil.Process().children()
launcher.suspend()  # so that its end has to be waited for
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    {ending}
    time.sleep(0.6)
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted")
if launcher.is_running():
    launcher.resume()
end = time.monotonic() + 10
while psutil.Process().children() and time.monotonic() < end:
    time.sleep(0.01)
print(psutil.Process().children(), flush=True)
"""
    with notebook(marked, program) as process:
        assert process.stdout.read() == "interrupted\n[]\n"
    assert wait_until_gone(marked) == []


def test_a_thread_that_made_a_lab_may_end_before_it():
    made = []
    thread = threading.Thread(target=lambda: made.append(Lab(**TEXT)))
    thread.start()
    thread.join()
    with made[0] as lab:
        time.sleep(0.2)
        assert lab.A.execute("ME").value == "'10.20.30.40'"


@pytest.mark.thorough
def test_fifty_labs_in_one_process_leave_no_descriptor_thread_or_process():
    with Lab(**TEXT):
        pass  # what is imported at the first time stays
    before = (set(os.listdir("/proc/self/fd")), threading.active_count(), psutil.Process().children(recursive=True))
    for _ in range(50):
        lab = Lab(**TEXT)
        lab.A.execute("number = 1")
        sock = lab.A.socket()
        lab.close()
        assert sock.fileno() == -1
    assert before == (
        set(os.listdir("/proc/self/fd")), threading.active_count(), psutil.Process().children(recursive=True)
    )  # fmt: skip


def test_a_lab_that_is_forgotten_is_closed():
    lab = Lab(**TEXT)
    processes = [psutil.Process(lab.A.process), *psutil.Process().children()]
    del lab
    gone, left = psutil.wait_procs(processes, 10 * GONE)
    assert (len(gone), left) == (len(processes), [])


def test_what_a_lab_gave_out_is_closed_with_it():
    with Lab(**TEXT) as lab:
        sock, capture = lab.A.socket(), lab.A.capture()
    assert sock.fileno() == -1
    assert capture.closed


@pytest.mark.thorough
def test_thirty_labs_at_once_or_as_many_as_there_are_descriptors_for_reach_each_their_own_peer():
    free = descriptor_limits()[0] - len(os.listdir("/proc/self/fd"))
    count = min(30, free // 10)  # of the notebook's descriptors a lab takes five, and this test three more
    with contextlib.ExitStack() as stack:
        labs = [stack.enter_context(Lab(**TEXT)) for _ in range(count)]
        for number, lab in enumerate(labs):
            listener = stack.enter_context(lab.B.socket())
            listener.bind((TEXT["B"], 8888))
            listener.listen()
            client = stack.enter_context(lab.A.socket())
            client.settimeout(10)
            client.bind((TEXT["A"], 4444))
            client.connect((TEXT["B"], 8888))
            client.sendall(b"%d" % number)
            lab.pair = listener.accept()
        for number, lab in enumerate(labs):
            with lab.pair[0] as server:
                server.settimeout(10)
                assert (server.recv(10), lab.pair[1]) == (b"%d" % number, (TEXT["A"], 4444))


class TestKernel:
    """A real Jupyter kernel, as a notebook has it."""

    @pytest.fixture
    def kernel(self, marked):
        manager, client = start_new_kernel(kernel_name="python3", cwd=str(marked))
        try:
            self.run(client, "from sockets_lab.panels import nodecells; nodecells.register()")
            self.run(client, OPEN_LABS.replace("while True:\n    ", ""))
            yield manager, client, marked
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        assert wait_until_gone(marked) == []

    def run(self, client, code: str, interrupt=None) -> tuple[str, str]:
        """Run a cell. Returns: what it printed, and the name of its error."""
        said = []

        def heard(message):
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])
            if interrupt and "waits" in "".join(said):
                interrupt()

        reply = client.execute_interactive(code, timeout=30, output_hook=heard)["content"]
        return "".join(said), reply.get("ename", "")

    def test_cells_run_in_nodes_and_in_the_background(self, kernel):
        _, client, _ = kernel
        assert self.run(client, "%%node A\nprint(ME)\n6 * 7") == ("10.20.30.40\n42\n", "")
        assert self.run(client, "%%node B --bg\nimport time; time.sleep(0.1); print('done')") == ("", "")
        assert self.run(client, "%%node B\n1")[1] == "BadInput"
        assert self.run(client, "%node_result B") == ("done\n", "")
        assert self.run(client, "%%node A\n1 / 0")[1] == "ZeroDivisionError"
        assert self.run(client, "%%node Z\n1")[1] == "BadInput"
        assert self.run(client, "%%node\n1")[1] == "BadInput"
        assert self.run(client, "lab.close()\n") == ("", "")
        assert self.run(client, "%%packets A\n1")[1] == "BadInput"
        assert self.run(client, "%%node A\n1")[1] == "BadInput"

    def test_packets_that_come_during_a_cell_are_drawn_below_it(self, kernel):
        _, client, _ = kernel
        drawn = []
        talk = (
            "with lab.B.socket() as listener, lab.A.socket() as client:\n    listener.bind((lab.B.address, 8888))\n"
            "    listener.listen(); client.connect((lab.B.address, 8888)); listener.accept()[0].close()"
        )
        client.execute_interactive(f"%%packets A\n{talk}", timeout=30, output_hook=drawn.append)
        (picture,) = [one["content"] for one in drawn if one["msg_type"] == "display_data"]
        alt = picture["metadata"]["image/png"]["alt"]
        assert "SYN" in alt
        assert "port 8888" in alt
        drawn.clear()
        client.execute_interactive("%%packets A\n%%node A\n1 / 0", timeout=30, output_hook=drawn.append)
        assert "ZeroDivisionError" in [one["content"].get("ename") for one in drawn]
        assert "display_data" in [one["msg_type"] for one in drawn]

    def test_the_stop_button_stops_a_nodes_cell(self, kernel):
        manager, client, _ = kernel
        waiting = "%%node A\nimport socket\nlistener = socket.create_server((ME, 80))\nlistener.accept()"
        began = time.monotonic()
        timer = threading.Timer(1.0, lambda: os.kill(manager.provisioner.process.pid, signal.SIGINT))
        timer.start()
        assert self.run(client, waiting)[1] == "KeyboardInterrupt"
        assert time.monotonic() - began < 10
        assert self.run(client, "%%node A\nlistener.getsockname()") == ("('10.20.30.40', 80)\n", "")

    def test_a_restart_leaves_nothing_of_the_lab(self, kernel):
        manager, _, marked = kernel
        assert len(alive(marked)) == 4
        manager.restart_kernel(now=True)
        assert wait_until_gone(marked) == []


def test_a_fork_of_the_notebook_does_not_keep_the_lab_alive(marked):
    code = "import os, time; os.fork() or time.sleep(30); print('up', flush=True); time.sleep(30)"
    with notebook(marked, f"{OPEN_LABS}    {code}") as process:
        assert process.stdout.readline() == "up\n"
        assert len(alive(marked)) >= 4  # or nothing is tried
        process.kill()
        assert wait_until_gone(marked) == []


def test_a_socket_is_no_more_after_its_lab_in_the_kernel_either():
    with Lab(**TEXT) as lab:
        listener = lab.B.socket()
        listener.bind((TEXT["B"], 80))
        kept = socket.socket(fileno=os.dup(listener.fileno()))  # a learner who keeps a descriptor keeps the stack alive
    with kept:
        assert kept.getsockname() == (TEXT["B"], 80)


class _NoDescriptorLeft:
    """A line on which a node sends a socket, and the kernel has no number for it."""

    def send(self, *_: object) -> None: ...
    def wait(self, *_: object) -> None: ...
    def receive(self, *_: object) -> tuple[tuple[str], list[int]]:
        return ("socket",), []


def test_a_socket_that_gets_no_descriptor_here_is_refused_as_the_kernel_does():
    with pytest.raises(OSError, match=r".") as refused:
        Questions("A", _NoDescriptorLeft()).ask("call")  # type: ignore[arg-type]
    assert refused.value.errno == errno.EMFILE

"""The inspector: it sees what psutil and the sockets themselves say, takes no number, costs little, leaves nothing."""

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import psutil
import pytest
from IPython.core.formatters import DisplayFormatter

from sockets_lab import panels
from sockets_lab.course import leaks
from sockets_lab.figures import inspector as figure
from sockets_lab.kernel import table
from sockets_lab.lessons.descriptors import tcp_pair
from sockets_lab.model import Endpoint, SocketRow
from sockets_lab.panels.dock import Dock
from sockets_lab.panels.panel import Panel
from sockets_lab.watch.sockets import Follower, Held, View, eye, following
from sockets_lab.watch.sockets.looking import LinuxEye, PlainEye


def sees_all() -> bool:
    one = eye()
    one.close()
    return isinstance(one, LinuxEye)


linux = pytest.mark.skipif(not sees_all(), reason="this system has no way to look without a number")


@pytest.fixture(params=[eye, PlainEye])
def seeing(request):
    one = request.param()
    yield one
    one.close()


def under(seeing, sock: socket.socket) -> Held:
    return next(held for held in seeing.look() if sock.fileno() in held.numbers)


def test_it_sees_what_the_sockets_and_psutil_say(seeing):
    with socket.create_server(("127.0.0.1", 0)) as listener, listener.dup() as again:
        held = under(seeing, listener)
        assert set(held.numbers) == {listener.fileno(), again.fileno()}
        assert held.row.local == Endpoint.of(listener.getsockname())
        ours = [one for one in psutil.Process().net_connections("tcp") if one.fd in held.numbers]
        assert {one.status for one in ours} == {held.row.state}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nameless:
        assert under(seeing, nameless).type == "UDP"
        assert under(seeing, nameless).row is None
        number = nameless.fileno()
    assert number not in [number for held in seeing.look() for number in held.numbers]


def test_it_sees_ipv6(seeing):
    with socket.socket(socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET) as sock:
        assert under(seeing, sock).type == "TCP"


@linux
def test_it_sees_connections_that_no_descriptor_leads_to():
    with ExitStack() as stack:
        seeing = eye()
        stack.callback(seeing.close)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(listener.getsockname()))
        own = Endpoint.of(client.getsockname())
        waiting = [held for held in seeing.look() if held.row and held.row.remote == own]
        assert [(held.numbers, held.row.state) for held in waiting] == [((), "ESTABLISHED")]
        server = stack.enter_context(listener.accept()[0])
        assert under(seeing, server).row.remote == own
        client.close()
        server.close()
        left = [held for held in seeing.look() if held.row and held.row.local == own]
        assert [(held.numbers, held.row.state) for held in left] == [((), "TIME_WAIT")]


@pytest.mark.thorough
@linux
def test_while_it_looks_no_number_is_taken():
    """The lowest free number is the next socket's, however often somebody looks meanwhile."""
    program = (
        "import socket, threading\n"
        "from sockets_lab.watch.sockets import eye\n"
        "seeing, ended = eye(), threading.Event()\n"
        "def look():\n"
        "    while not ended.is_set(): seeing.look()\n"
        "thread = threading.Thread(target=look); thread.start()\n"
        "numbers = set()\n"
        "for _ in range(20000):\n"
        "    with socket.socket() as sock: numbers.add(sock.fileno())\n"
        "ended.set(); thread.join(); print(len(numbers))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["1"]


class Told:
    """A follower without its thread: what it tells is kept."""

    def __init__(self, **more) -> None:
        self.views: list[View] = []
        self.follower = Follower(self.views.append, **more)

    def see(self, now: float, *held: Held) -> list[tuple]:
        """Show it these sockets; return what it then told, nothing where it kept still."""
        before = len(self.views)
        self.follower.see(list(held), now)
        return [(one.held.numbers, one.mark) for view in self.views[before:] for one in view.sockets]


def row(state: str, inode: int, local: int = 5000, remote: int = 0, waiting: int = 0) -> SocketRow:
    return SocketRow("tcp", Endpoint("127.0.0.1", local), Endpoint("127.0.0.1", remote), state, waiting, 0, inode)


def test_it_tells_what_is_new_changed_and_closed_and_then_keeps_still():
    told = Told()
    assert told.see(0) == []
    assert len(told.views) == 1
    bare = Held((3,), "TCP", 11, None)
    bound = Held((3,), "TCP", 11, row("LISTEN", 11))
    assert told.see(1, bare) == [((3,), "new")]
    assert told.see(2, bare) == []
    assert told.see(3, bound) == [((3,), "changed")]
    assert told.see(4) == [((3,), "closed")]
    assert told.see(4 + following.FADE / 2) == []
    count = len(told.views)
    assert told.see(5 + following.FADE) == []
    assert told.views[count].sockets == ()


def test_a_connection_stays_the_same_before_accept_after_it_and_after_close():
    told = Told()
    told.see(0)
    assert told.see(1, Held((), "TCP", None, row("ESTABLISHED", 0, 5000, 6000))) == [((), "new")]
    assert told.see(2, Held((7,), "TCP", 12, row("ESTABLISHED", 12, 5000, 6000))) == [((7,), "changed")]
    assert told.see(3, Held((), "TCP", None, row("TIME_WAIT", 0, 5000, 6000))) == [((), "changed")]
    assert told.see(4) == [((), "closed")]


def test_jupyters_own_are_counted_and_shown_only_if_asked():
    told = Told(ports={5000})
    own, other = Held((3,), "TCP", 1, row("LISTEN", 1)), Held((4,), "TCP", 2, row("LISTEN", 2, 7000))
    assert told.see(0, own, other) == [((4,), "")]
    assert told.views[-1].jupyter == 1
    assert "Left out: 1 of Jupyter's own" in figure.summary(told.views[-1])
    told.follower.everything = True
    assert told.see(1, own, other) == [((4,), ""), ((3,), "")]


def test_of_a_thousand_the_newest_are_shown_and_the_rest_counted():
    told = Told()
    told.see(0)
    told.see(1, *(Held((number,), "TCP", number, None) for number in range(3, 1003)))
    view = told.views[-1]
    assert [one.held.numbers[0] for one in view.sockets] == list(range(1002, 1002 - following.MOST, -1))
    assert view.count == 1000
    assert "1,000 sockets" in figure.summary(view)
    assert f"{1000 - following.MOST} more" in figure.summary(view)
    assert figure.news(view) == ["1,000 changes."]
    assert len(figure.table(view)) < 20_000


def test_the_picture_and_the_words_say_the_same():
    told = Told()
    told.see(0)
    waiting = Held((), "TCP", None, row("CLOSE_WAIT", 0, 5000, 6000))
    told.see(1, Held((3, 4), "TCP", 1, row("LISTEN", 1, waiting=2)), waiting)
    table, words = figure.table(told.views[-1]), " ".join(figure.news(told.views[-1]))
    assert "<b>3</b><b>4</b>" in table
    assert "Descriptor 3 and 4, TCP: new, 127.0.0.1:5000, LISTEN, queues 2 of 0 wait." in words
    assert "TCP without descriptor: new, 127.0.0.1:5000, CLOSE_WAIT" in words
    told.see(2)
    assert "closed</span>" in figure.table(told.views[-1])
    assert "Descriptor 3 and 4, TCP: closed." in figure.news(told.views[-1])


def wait_for(true) -> None:
    deadline = time.monotonic() + 20
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert true()


@pytest.fixture
def dock():
    one = panels.inspector()
    yield one
    one.close()


def test_it_follows_while_the_main_thread_is_busy(dock):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        local = str(Endpoint.of(listener.getsockname()))
        wait_for(lambda: local in dock.table)
    wait_for(lambda: any("closed" in sentence for sentence in dock.news))
    wait_for(lambda: local not in dock.table)


def test_the_page_can_ask_for_jupyters_own(dock):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        local = str(Endpoint.of(listener.getsockname()))
        wait_for(lambda: local in dock.table)
        dock.follower.ports = frozenset([listener.getsockname()[1]])
        dock.follower.wake()
        wait_for(lambda: local not in dock.table)
        dock._handle_custom_msg({"everything": True}, [])
        wait_for(lambda: local in dock.table)
        assert dock.everything


def test_nothing_is_sent_while_nothing_changes_and_looks_become_rare(dock):
    quiet = threading.Event()
    dock.observe(lambda _: quiet.set(), names="drawn")
    with tcp_pair():
        deadline = time.monotonic() + 100
        while quiet.wait(6) and time.monotonic() < deadline:  # what other tests left behind has to settle
            quiet.clear()
        assert not quiet.is_set()
        before, looks = dock.drawn, dock.follower.looks
        time.sleep(5)
        assert dock.drawn == before
        assert 0 < dock.follower.looks - looks <= 5 / following.IDLE + 1


def test_it_is_no_leftover_and_leaves_none():
    before = leaks.held()
    numbers = psutil.Process().num_fds() if hasattr(psutil.Process(), "num_fds") else 0
    dock = panels.inspector()
    wait_for(lambda: dock.drawn)
    assert leaks.left_over(before) == []
    dock.close()
    assert not dock.follower.is_alive()
    assert not numbers or psutil.Process().num_fds() == numbers


def test_a_second_takes_the_place_of_the_first_and_the_page_can_close_it():
    first, second = panels.inspector(), panels.inspector()
    assert not first.follower.is_alive()
    assert second.follower.is_alive()
    second._handle_custom_msg({"closed": True}, [])
    assert not second.follower.is_alive()
    assert Dock.shown is None


def test_an_action_of_a_panel_wakes_it_as_long_as_it_is_open(monkeypatch):
    woken = []
    monkeypatch.setattr(Follower, "wake", lambda follower, busy=False: woken.append(follower))
    act = Panel().guarded(lambda: None)
    dock = panels.inspector()
    act()
    assert woken == [dock.follower]
    dock.close()
    act()
    assert woken == [dock.follower]


def test_it_puts_nothing_into_the_cell(dock):
    assert DisplayFormatter().format(dock) == ({}, {})


def test_its_files_are_in_the_package():
    assert "comm_live_update" in Dock._esm
    assert ".sockets-lab-inspector" in Dock().style
    Dock.shown.close()


@pytest.mark.thorough
def test_a_program_that_ends_ends_its_inspector():
    program = "from sockets_lab import panels; panels.inspector(); print('done')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60,
                          env=os.environ)  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


@pytest.mark.thorough
@pytest.mark.skipif(table.source() != "netlink", reason="only Linux has this eye")
def test_it_sees_where_the_table_of_descriptors_is_larger_than_its_limit():
    program = (
        "import os, resource, socket\n"
        "from sockets_lab.watch.sockets import looking\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "more = min(3000, hard)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))\n"
        "os.close(os.dup2(0, more - 1))\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))\n"
        "eye = looking.LinuxEye()\n"
        "with socket.create_server(('127.0.0.1', 0)) as sock:\n"
        "    print([held.row.state for held in eye.look() if held.row])\n"
        "eye.close()\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "['LISTEN']\n", done.stderr

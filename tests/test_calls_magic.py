"""The picture of a conversation, and `%%calls` in a real kernel: cells with it against the same cells without it."""

import contextlib
import os
import re
import socket
import tempfile
import threading
import time

import pytest
from jupyter_client import KernelManager
from using import WIDE, picture

from sockets_lab.errors import Refused
from sockets_lab.figures.calls import conversation
from sockets_lab.figures.callwords import HEAD, NOTHING, TAIL
from sockets_lab.figures.marks import Box, Line, Text
from sockets_lab.model import Endpoint
from sockets_lab.watch.calls import Call, Data, Descriptor, record

HERE = "127.0.0.1"
IMPORTS = "import asyncio, socket, threading, time\nfrom sockets_lab.panels import calls; calls.register()"


# The picture


def greet():
    """Talk once on loopback; return the listener's port and the client's."""
    with socket.create_server((HERE, 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.sendall(b"welcome")
            client.recv(100)
        return listener.getsockname()[1], client.getsockname()[1]


def texts(drawing):
    return [mark.text for mark in drawing.marks if isinstance(mark, Text)]


def test_the_picture_has_the_true_numbers_and_the_title_none_of_them():
    with record() as calls:
        ports = greet()
    drawing = conversation(calls)
    picture(drawing, WIDE)
    for port in ports:
        assert f"{HERE}:{port}" in drawing.alt
        assert f"{HERE}:{port}" in texts(drawing)
        assert str(port) not in drawing.title
    held = [mark for mark in drawing.marks if isinstance(mark, Box) and mark.role == "descriptor"]
    assert len(held) == 3  # two sockets and what accept gave
    back = [mark for mark in drawing.marks if isinstance(mark, Line) and mark.arrow and mark.x2 < mark.x1]
    forth = [mark for mark in drawing.marks if isinstance(mark, Line) and mark.arrow and mark.x2 > mark.x1]
    assert len(back) == len(forth) == len(calls)


def test_the_title_is_the_same_on_every_run():
    titles = set()
    for number in range(3):
        extra = [socket.socket() for _ in range(number)]  # other descriptors
        with record() as calls:
            greet()
        titles.add(conversation(calls).title)
        for one in extra:
            one.close()
    (title,) = titles
    assert title.splitlines() == [
        "1. socket(AF_INET, SOCK_STREAM, 0) -> socket 1",
        "2. setsockopt(socket 1, SOL_SOCKET, SO_REUSEADDR, 1) -> done",
        "3. bind(socket 1, 127.0.0.1:0) -> done, local endpoint now 127.0.0.1:<port of socket 1>",
        "4. listen(socket 1) -> done",
        "5. socket(AF_INET, SOCK_STREAM, 0) -> socket 2",
        "6. getsockname(socket 1) -> 127.0.0.1:<port of socket 1>",
        "7. connect(socket 2, 127.0.0.1:<port of socket 1>) -> done, local endpoint now 127.0.0.1:<port of socket 2>",
        "8. accept(socket 1) -> socket 3, 127.0.0.1:<port of socket 2>",
        "9. sendall(socket 3, 7 bytes b'welcome') -> all 7 bytes",
        "10. recv(socket 2, up to 100 bytes) -> 7 bytes b'welcome'",
        "11. close(socket 3) -> done",
        "12. getsockname(socket 1) -> 127.0.0.1:<port of socket 1>",
        "13. getsockname(socket 2) -> 127.0.0.1:<port of socket 2>",
        "14. close(socket 2) -> done",
        "15. close(socket 1) -> done",
    ]


def test_threads_are_told_one_by_one_so_that_their_turns_do_not_matter():
    titles = set()
    for pause in (0, 0.01, 0):
        with record() as calls, socket.create_server((HERE, 0)) as listener:

            def serve(listener=listener, pause=pause):
                time.sleep(pause)
                with listener.accept()[0] as server:
                    server.recv(10)

            thread = threading.Thread(target=serve)
            thread.start()
            with socket.create_connection(listener.getsockname()) as client:
                client.send(b"x")
                time.sleep(0.01 - pause)
            thread.join()
        drawing = conversation(calls)
        picture(drawing, WIDE)
        assert {"the cell", "serve"} <= set(texts(drawing))
        titles.add(drawing.title)
    (title,) = titles
    assert "In thread serve:\n1. accept(socket 1) -> socket 3, 127.0.0.1:<port of socket 2>" in title


def test_a_long_conversation_is_folded_in_its_middle():
    with record() as calls:
        one, two = socket.socketpair()
        for _ in range(50):
            one.send(b"x")
            two.recv(1)
        one.close()
        two.close()
    drawing = conversation(calls)
    sentence = f"... {len(calls) - HEAD - TAIL} more calls in between, left out here ..."
    assert sentence in drawing.title.splitlines()
    assert sentence in drawing.alt
    assert sentence in texts(drawing)
    assert len(drawing.title.splitlines()) == HEAD + TAIL + 1
    assert drawing.height < 1200
    with record(limit=20) as few, contextlib.closing(one), socket.socket() as sock:
        for _ in range(98):
            sock.getsockname()
    assert f"... {100 - HEAD - TAIL} more calls" in conversation(few, few.left_out).title


def test_refusals_stand_out_and_are_explained_once():
    with socket.create_server((HERE, 0)) as gone:
        closed = gone.getsockname()
    with record() as calls, socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for sock in (one, two):
            with contextlib.suppress(ConnectionRefusedError):
                sock.connect(closed)
        with contextlib.suppress(TypeError):
            one.bind("nonsense")
        three.settimeout(0.01)  # a third one: after a refused connect, Linux 6.18 lets no socket listen any more
        three.bind((HERE, 0))
        three.listen()
        with contextlib.suppress(TimeoutError):
            three.accept()
    drawing = conversation(calls)
    picture(drawing, WIDE)
    refused = [mark for mark in drawing.marks if isinstance(mark, Line) and mark.role == "refused"]
    assert len(refused) == 2
    assert drawing.title.count("No program listens on that port, or a firewall rejected the connection") == 1
    assert "bind(socket 1, 'nonsense') -> TypeError (raised by Python" in drawing.title
    assert any(text.startswith("DEADLINE") for text in texts(drawing))
    assert f"{HERE}:<port a>" in drawing.title  # a port of nobody here
    assert f"{HERE}:{closed[1]})" in conversation(calls, source=f"port = {closed[1]}").title  # the code itself says it


def test_every_kind_of_answer_finds_its_place():
    sock, twin = Descriptor(5, 77), Descriptor(6, 77)
    parts = (Descriptor(-1, 0), Endpoint("2001:db8:1111:2222:3333:4444:5555:6666", 65535), Data(10**6, b"x" * 16))
    calls = [
        Call(1, None, sock, "dup", (), (twin,), None, 1, 0.0),
        Call(2, None, twin, "detach", (), (twin,), None, 2, 0.0),
        Call(3, "Thread-9 (process_request_thread)", sock, "sendto", (parts[2], "MSG_PEEK|MSG_DONTWAIT", parts[1])),
        Call(4, None, parts[0], "recv", ("up to 1 byte",), Refused("EBADF", "x" * 30), None, 4, 0.0),
        Call(5, None, sock, "bind", (parts[1],), (), Endpoint(parts[1].address, 1), 5, 0.0),
    ]
    drawing = conversation(calls)
    picture(drawing, WIDE)
    assert "1. dup(socket 1) -> socket 1 (second descriptor)" in drawing.title
    assert "recv(a closed socket, up to 1 byte) -> EBADF" in drawing.title
    assert "no answer yet" in drawing.title
    assert conversation([]).title == NOTHING


# The magic


@contextlib.contextmanager
def kernel():
    """Start a kernel; yield a function that runs a cell and gives each output to `on_output` as a simple tuple."""
    with tempfile.TemporaryDirectory() as folder:  # for the kernel's own sockets
        manager = KernelManager(kernel_name="python3", transport="ipc", connection_file=f"{folder}/k.json")
        manager.start_kernel()
        try:
            yield from _served(manager)
        finally:
            manager.shutdown_kernel(now=True)


def _served(manager):
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)

        def run(cell, on_output):
            def hook(message):
                if message["msg_type"] in ("stream", "error", "execute_result", "display_data"):
                    on_output(simple(message["msg_type"], message["content"]))

            client.execute_interactive(cell, timeout=60, output_hook=hook, allow_stdin=False, stop_on_error=False)

        run(IMPORTS, pytest.fail)
        yield run
    finally:
        client.stop_channels()


def simple(kind, content):
    if kind == "stream":
        return (kind, content["name"], content["text"])
    if kind == "error":
        return (kind, content["ename"], [re.sub(r"\x1b\[[\d;]*m", "", line) for line in content["traceback"]])
    return (kind, "picture" if "image/png" in content["data"] else "text",
            content["data"]["text/plain"].split("\nDescription: ")[0])  # fmt: skip


def execute(*cells):
    """Run cells in a fresh kernel; return each cell's outputs."""
    outputs = [[] for _ in cells]
    with kernel() as run:
        for cell, found in zip(cells, outputs, strict=True):
            run(cell, found.append)
    return outputs


def diagram(outputs):
    """Return the text of the conversation, and the other outputs."""
    told = [one for one in outputs if one[0] == "display_data" and (one[1] == "picture" or one[2] == NOTHING)]
    assert len(told) == 1, outputs
    return told[0][2], [one for one in outputs if one is not told[0]]


CELLS = [
    "with socket.socket() as sock:\n    kept = sock.fileno() > 2\nkept",
    "kept, 'a last expression'",
    "for i in range(20): print(i)\nimport sys; print('err', file=sys.stderr)",
    "async def echo(r, w): w.write(await r.read(9)); w.close()\n"
    "server = await asyncio.start_server(echo, '127.0.0.1', 0)\n"
    "r, w = await asyncio.open_connection(*server.sockets[0].getsockname())\nw.write(b'hi'); print(await r.read())\n"
    "w.close(); await w.wait_closed(); server.close(); await server.wait_closed(); 'awaited'",
    "%%capture held\nprint('captured'); s = socket.socket(); s.close()",
    "held.stdout",
    "%cd -q .\nwhere = !echo here\nwhere",
    "from __future__ import annotations\ndef f(x: NotThere): return x\nf(3)",
    "def inner():\n    with socket.socket() as s:\n        s.connect(('127.0.0.1', 1))\ninner()",
    "1/0",
    "def broken(:",
    "x = 1; x;",
    "_",
    "len(In) > 3 and In[-1].count('len')",
    "t = threading.Thread(target=lambda: print('in a thread')); t.start(); t.join()",
    "raise KeyboardInterrupt",
    "",
]


def outline(output):
    """Of an exception only what the added line does not change: line numbers stand in the rest."""
    return (*output[:2], output[2][-1].splitlines()[-1]) if output[0] == "error" else output


@pytest.fixture(scope="module")
def both():
    """Each cell's outputs without the magic, with it, and with it in another kernel."""
    marked = ["%%calls\n" + cell for cell in CELLS]
    after = "'bind' in vars(socket.socket)"
    return execute(*CELLS), execute(*marked, after), execute("hold = socket.socket()", *marked)[1:]


def test_cells_do_the_same_with_and_without_it(both):
    plain, marked, _ = both
    assert marked.pop()[0][2] == "False"  # the class is as before
    for cell, without, outputs in zip(CELLS, plain, marked, strict=True):
        told, rest = diagram(outputs)
        joined = ["".join(one[2] for one in side if one[:2] == ("stream", "stdout")) for side in (without, rest)]
        assert joined[0] == joined[1], cell
        other = [[outline(one) for one in side if one[0] != "stream"] for side in (without, rest)]
        assert other[0] == other[1], cell
        assert (told == NOTHING) == ("socket" not in cell and "inner" not in cell), cell


def test_its_text_is_the_same_in_every_kernel(both):
    _, one, other = both
    assert [diagram(outputs)[0] for outputs in one[: len(CELLS)]] == [diagram(outputs)[0] for outputs in other]


def test_an_exception_comes_after_the_picture_and_without_our_frames(both):
    outputs = both[1][CELLS.index(next(cell for cell in CELLS if "inner" in cell))]
    assert [one[0] for one in outputs] == ["display_data", "error"]
    assert "connect(socket 1, 127.0.0.1:1) -> ECONNREFUSED" in outputs[0][2]
    assert "sockets_lab" not in "\n".join(outputs[1][2])
    assert "__tracebackhide__" not in "\n".join(outputs[1][2])
    assert "hidden" not in "\n".join(outputs[1][2])


def test_it_works_inside_other_magics_and_refuses_words():
    inside, shown, timed, wrong, after = execute(
        "%%capture kept\n%%calls\nwith socket.socket(): print('printed')",
        "kept.show(); print(len(kept.outputs))",
        "%%time\n%%calls\nwith socket.socket(): print('timed')",
        "%%calls all\nprint('not run')",
        "%%calls\nwith socket.socket(): pass",
    )
    assert inside == []
    assert any(one[1] == "picture" for one in shown)
    assert diagram(timed)[0].startswith("1. socket(")
    assert any("Wall time" in one[2] for one in timed)
    said = "".join(one[2] for one in wrong).strip()
    assert said == "UsageError: %%calls stands alone on its line: write %%calls, and your code below it."
    assert diagram(after)[0].count("\n") == 1


def test_registering_twice_draws_once():
    again = "calls.register(); calls.register()"
    outputs = execute(again, "%%calls\nsocket.socket().close()")
    assert diagram(outputs[1])[0] == "1. socket(AF_INET, SOCK_STREAM, 0) -> socket 1\n2. close(socket 1) -> done"


INTERRUPT = """%%calls
import os, signal, sys
def interrupt(thread=threading.get_ident()):
    waiting = 0
    while waiting < 5:  # so long has it been in one and the same call
        time.sleep(0.1)
        waiting = waiting + 1 if sys._current_frames()[thread].f_code.co_name == "call" else 0
    os.kill(os.getpid(), signal.SIGINT)
one, two = socket.socketpair()
one.settimeout(50)
threading.Thread(target=interrupt).start()
one.recv(1)"""


@pytest.mark.skipif(os.name == "nt", reason="no signal can be sent to a kernel here")
def test_interrupting_a_cell_shows_the_call_that_waited():
    told, after = execute(INTERRUPT, "%%calls\none.close(); two.close()")
    assert [one[0] for one in told] == ["display_data", "error"]
    assert told[0][2].splitlines()[-1] == "3. recv(socket 1, up to 1 byte) -> KeyboardInterrupt"
    assert told[1][1] == "KeyboardInterrupt"
    assert diagram(after)[0].splitlines() == ["1. close(socket 1) -> done", "2. close(socket 2) -> done"]

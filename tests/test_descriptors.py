"""Lesson 01 against independent witnesses: /proc, fcntl, child processes."""

import fcntl
import os
import socket
import threading

import pytest
from rules import each
from using import click

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel.machine import descriptor_limits
from sockets_lab.lessons import descriptors
from sockets_lab.lessons.descriptors import panel as panels

proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system has no /proc to compare with")


pytestmark = pytest.mark.usefixtures("leaves_nothing")


@proc
def test_table_names_the_numbers_and_inodes_that_proc_names():
    with socket.socket() as sock, open(__file__, encoding="utf-8") as file:
        read = {one.number: one for one in descriptors.table()}
        assert os.readlink(f"/proc/self/fd/{sock.fileno()}") == f"socket:[{read[sock.fileno()].inode}]"
        assert (read[sock.fileno()].kind, read[file.fileno()].kind) == ("socket", "file")
        assert read[file.fileno()].inode == os.stat(__file__).st_ino


def test_entry_tells_protocol_and_both_names():
    with descriptors.tcp_pair() as (client, server):
        one, other = descriptors.entry(client.fileno()), descriptors.entry(server.fileno())
        assert (one.type, one.local, one.remote) == ("TCP", other.remote, other.local)
        assert one.local.sockaddr == client.getsockname()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert descriptors.entry(sock.fileno()).type == "UDP"


def test_looking_does_not_disturb_a_socket():
    with descriptors.tcp_pair() as (client, server):
        client.setblocking(False)
        for _ in range(3):
            descriptors.table()
        assert not os.get_blocking(client.fileno())
        client.send(b"x")
        assert server.recv(1) == b"x"


def test_lowest_free_is_the_number_that_comes_next():
    expected = descriptors.lowest_free()
    with socket.socket() as sock:
        assert sock.fileno() == expected


def test_at_number_gives_that_number_to_that_socket_and_to_no_child():
    number = descriptor_limits()[0] - 2
    with socket.socket() as sock, descriptors.at_number(sock, number) as chosen:
        assert chosen.fileno() == number
        assert os.path.sameopenfile(number, sock.fileno())
        assert fcntl.fcntl(number, fcntl.F_GETFD) & fcntl.FD_CLOEXEC


@each([-1, 10**9, 2.0, "7", True, None])
def test_at_number_says_which_numbers_can_be_had(number):
    with socket.socket() as sock, pytest.raises(BadInput, match="pass a whole number from 0 to"):
        descriptors.at_number(sock, number)


def test_at_number_never_replaces_what_is_there():
    with socket.socket() as sock, socket.socket() as other:
        inode = os.fstat(other.fileno()).st_ino
        with pytest.raises(BadInput, match="stands for something already"):
            descriptors.at_number(sock, other.fileno())
        assert os.fstat(other.fileno()).st_ino == inode


def test_a_closed_number_stands_for_nothing():
    with socket.socket() as sock:
        number = sock.fileno()
    assert descriptors.entry(number) == Refused("EBADF", descriptors.entry(number).because)


def test_since_finds_new_sockets_and_leaves_out_files_and_old_ones():
    with socket.socket() as old:
        before = descriptors.table()
        with socket.socket() as new, open(__file__, encoding="utf-8"), new.dup() as again:
            assert {one.number for one in descriptors.since(before)} == {new.fileno(), again.fileno()}
        assert old.fileno() in {one.number for one in before}


def test_rows_behind_finds_the_row_of_a_named_socket_only():
    with socket.create_server(("127.0.0.1", 0)) as named, socket.socket() as nameless:
        entries = [descriptors.entry(one.fileno()) for one in (named, nameless)]
        rows = descriptors.rows_behind(entries)
        assert rows[entries[0].inode].local.sockaddr == named.getsockname()
        assert entries[1].inode not in rows


@each([16, 64])
def test_a_full_table_refuses_by_name(limit):
    full = descriptors.fill_table(limit)
    assert full.then.name == "EMFILE"
    assert full.opened == limit - 3  # the child's input, output and errors


@each([0, 15, 1025, "32", 32.0, True])
def test_fill_table_says_which_limits_can_be_tried(limit):
    with pytest.raises(BadInput, match="from 16 to 1024"):
        descriptors.fill_table(limit)


def test_reading_the_table_while_others_open_and_close():
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            socket.socket().close()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(50):
            assert {0, 1, 2} <= {one.number for one in descriptors.table()}
    finally:
        stop.set()
        thread.join(5)


def test_clicking_close_twice_closes_the_chosen_socket_alone(panel: panels.DescriptorPanel):
    number, before = panel.chosen.value, set(panel.sockets)
    assert f"Descriptor {number} is free" in click(panel, "Close")
    assert "Choose a descriptor" in click(panel, "Close")
    assert set(panel.sockets) == before - {number}
    assert all(os.fstat(other) for other in panel.sockets)

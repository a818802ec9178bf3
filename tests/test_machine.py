"""The passport: each ability against another witness, and nothing left behind."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from ipaddress import ip_address, ip_network
from pathlib import Path

import psutil
import pytest
from labs import needs_namespaces
from machines import NO_FIREWALL

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel import machine, table
from sockets_lab.kernel.machine import learners, namespaces, probes

PROC_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_the_passport_is_whole_and_each_line_readable():
    passport = machine.passport()
    assert len({ability.name for ability in passport}) == len(passport) >= 10
    lessons = {f"{number:02}" for number in range(13)}
    for ability in passport:
        assert ability.present in (True, False, None)
        assert ability.value
        assert ability.how
        assert ability.without
        assert ability.lesson == "every lesson" or ability.lesson[:2] in lessons, ability


def test_the_passport_leaves_nothing_behind():
    def held():
        return psutil.Process().num_fds() if hasattr(psutil.Process(), "num_fds") else 0, threading.active_count()

    namespaces.try_namespaces.cache_clear()
    before, children = held(), psutil.Process().children(recursive=True)
    ours = os.readlink("/proc/self/ns/net") if os.path.exists("/proc/self/ns/net") else None
    machine.passport()
    assert held() == before
    assert psutil.Process().children(recursive=True) == children
    if ours:
        assert os.readlink("/proc/self/ns/net") == ours


@needs_namespaces
def test_the_firewall_is_an_ability_of_its_own_and_a_node_finds_the_same():
    program = (
        "from sockets_lab import machine\nfrom sockets_lab.lab import Lab, firewall\n"
        "with Lab(A='10.20.30.40', B='50.60.70.80') as lab:\n"
        "    print(machine.try_namespaces(), machine.passport()[-1].value, firewall.decides(lab.A), sep=', ')\n"
    )
    for before, said in ((NO_FIREWALL, "True, refused: EPROTONOSUPPORT, simulated"), ([], "True, takes rules, kernel")):
        done = subprocess.run([*before, sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() == said, done.stderr


def test_the_passport_does_not_keep_its_reader_waiting():
    """The aim is 0.3 s; the deadline here only catches a probe that waits for something."""
    begun = time.monotonic()
    machine.passport()
    assert time.monotonic() - begun < namespaces.DEADLINE + 5


def test_ephemeral_range_holds_what_is_handed_out():
    told = machine.ephemeral_range()
    if not PROC_RANGE.exists():
        assert told is None
        pytest.skip("only Linux tells its range")
    assert f"{told[0]}\t{told[1]}\n" == PROC_RANGE.read_text()
    low, high = probes.handed_out()
    assert told[0] <= low < high <= told[1]


@pytest.mark.parametrize("content", ["", "32768", "a b", "1 2 3"])
def test_an_unreadable_range_is_unknown(monkeypatch, tmp_path, content):
    file = tmp_path / "ip_local_port_range"
    file.write_text(content)
    monkeypatch.setattr(probes, "PORT_RANGE_FILE", file)
    assert machine.ephemeral_range() is None
    monkeypatch.setattr(probes, "PORT_RANGE_FILE", tmp_path / "nothing")
    assert machine.ephemeral_range() is None
    (line,) = [ability for ability in machine.passport() if ability.name == "ports the kernel chooses"]
    assert line.present is None
    assert "seen" in line.value


def test_the_lowest_port_is_the_border_of_permission():
    lowest = machine.lowest_port()
    assert 1 <= lowest <= 1024

    def allowed(port):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError as error:
                return error.errno not in (errno.EACCES, errno.EPERM)
        return True

    assert allowed(lowest)
    assert not any(allowed(port) for port in range(1, lowest))


def test_the_lowest_port_agrees_with_the_kernels_setting():
    setting = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not setting.exists():
        pytest.skip("only Linux has this setting")
    start = int(setting.read_text())
    (privileges,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:")]
    can_bind_service = bool(int(privileges.split()[1], 16) >> 10 & 1)  # CAP_NET_BIND_SERVICE: capabilities(7)
    assert machine.lowest_port() == (1 if can_bind_service else min(max(start, 1), 1024))


def test_a_port_in_use_counts_as_allowed(monkeypatch):
    answers = {1: errno.EACCES, 2: errno.EADDRINUSE}

    def bound(address, port=0, *options):
        raise OSError(answers[port], "")

    monkeypatch.setattr(probes, "_bound_port", bound)
    assert machine.lowest_port() == 2


def test_where_no_low_port_is_allowed_the_lowest_is_1024(monkeypatch):
    def bound(address, port=0, *options):
        raise PermissionError(errno.EACCES, "")

    monkeypatch.setattr(probes, "_bound_port", bound)
    assert machine.lowest_port() == 1024


def test_descriptor_limits_are_the_kernels():
    soft, hard = machine.descriptor_limits()
    assert 0 < soft <= hard
    if hasattr(psutil, "RLIMIT_NOFILE"):
        theirs = psutil.Process().rlimit(psutil.RLIMIT_NOFILE)
        assert (soft, hard) == tuple(probes.UNLIMITED if each == -1 else each for each in theirs)


def test_ipv6_is_what_the_interfaces_say():
    addresses = {address.address for each in psutil.net_if_addrs().values() for address in each}
    assert machine.has_ipv6() is ("::1" in addresses)


def works(trial):
    try:
        trial()
    except OSError:
        return False
    return True


def test_dual_stack_and_loopback_are_what_a_real_server_meets():
    def both_families():
        with socket.socket(socket.AF_INET6) as server, socket.socket() as client:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            server.bind(("::ffff:127.0.0.1", 0))
            server.listen()
            client.settimeout(10)
            client.connect(("127.0.0.1", server.getsockname()[1]))

    def another_loopback():
        with socket.create_server(("127.9.9.9", 0)) as server:
            socket.create_connection(server.getsockname(), 10).close()

    assert machine.has_dual_stack() is works(both_families)
    assert bool(machine.loopback_addresses()) is works(another_loopback)


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system has no SO_REUSEPORT")
def test_reuse_port_is_what_makes_the_second_bind_succeed(monkeypatch):
    assert machine.has_reuse_port()
    monkeypatch.setattr(socket, "SO_REUSEPORT", socket.SO_KEEPALIVE)  # an option that shares nothing
    assert not machine.has_reuse_port()
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    assert not machine.has_reuse_port()


def test_a_port_range_of_its_own_is_believed_only_when_the_port_comes_from_it(monkeypatch):
    release = os.uname().release.split(".") if hasattr(os, "uname") and PROC_RANGE.exists() else []
    if release:
        assert machine.has_local_port_range() is ((int(release[0]), int(release[1])) >= (6, 3))
    monkeypatch.setattr(probes, "_bound_port", lambda *_: 1)  # the option is swallowed, and the port is any port
    assert not machine.has_local_port_range()


def test_service_names_are_those_of_the_list():
    services = Path("/etc/services")
    if services.exists() and "\nhttp" in services.read_text(errors="replace"):
        assert machine.has_service_names()
    if not services.exists() and sys.platform == "linux":
        assert not machine.has_service_names()


@pytest.mark.skipif(os.name == "nt", reason="Windows finds programs by other rules than PATH alone")
def test_tools_are_those_along_path():
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep) if folder]
    for tool in probes.TOOLS:
        there = any(os.path.isfile(folder / tool) and os.access(folder / tool, os.X_OK) for folder in folders)
        assert (tool in machine.tools()) is there, tool


@pytest.mark.skipif(not shutil.which("unshare") or not shutil.which("ip"), reason="no `unshare` and `ip` to ask")
def test_namespaces_are_to_be_had_where_others_get_them():
    command = ["unshare", "--user", "--map-root-user", "--net", "ip", "link", "set", "lo", "up"]
    assert (machine.try_namespaces() is True) is (subprocess.run(command, capture_output=True).returncode == 0)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("program", "outcome"),
    [("print(0)", True), (f"print({errno.EPERM})", "EPERM"), ("print('?')", None), ("raise SystemExit(1)", None),
     ("import time; time.sleep(60)", None)],
)  # fmt: skip
def test_each_end_of_the_trial_has_its_outcome(monkeypatch, program, outcome):
    monkeypatch.setattr(namespaces, "TRIAL", program)
    monkeypatch.setattr(namespaces, "DEADLINE", 1.0 if "sleep" in program else 20.0)
    found = namespaces.try_namespaces.__wrapped__()
    assert (found.name if isinstance(found, Refused) else found) == outcome


@pytest.mark.skipif(sys.platform != "linux", reason="limits of user namespaces are Linux's")
def test_a_limit_of_namespaces_is_told_by_name():
    """Inside a user namespace of our own the limit can be set to none, without touching the machine's."""
    program = (
        "import ctypes, sys\n"
        "if ctypes.CDLL(None).unshare(0x10000000):  # CLONE_NEWUSER\n"
        "    sys.exit(77)\n"
        "try:\n"
        "    open('/proc/sys/user/max_net_namespaces', 'w').write('0')\n"
        "except OSError:\n"
        "    sys.exit(77)\n"
        f"exec({namespaces.TRIAL!r})\n"
    )
    command = [sys.executable, "-I", "-c", program]
    trial = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if trial.returncode == 77:
        pytest.skip("no user namespace to try this in")
    assert int(trial.stdout) in (errno.ENOSPC, errno.EPERM, errno.EUSERS)


# --- who this is ----------------------------------------------------------------------------------------------------


def test_the_learner_is_named_by_the_environment(monkeypatch):
    monkeypatch.setenv("SOCKETS_LAB_LEARNER", " ada ")
    assert machine.learner() == "ada"
    monkeypatch.delenv("SOCKETS_LAB_LEARNER")
    if hasattr(os, "getuid"):
        assert machine.learner() == str(os.getuid())
    monkeypatch.setenv("SOCKETS_LAB_LEARNER", "  ")
    assert machine.learner()


def test_a_learner_without_a_name_is_still_somebody(monkeypatch):
    monkeypatch.delenv("SOCKETS_LAB_LEARNER", raising=False)
    monkeypatch.delattr(os, "getuid", raising=False)
    monkeypatch.setattr(learners.getpass, "getuser", lambda: (_ for _ in ()).throw(KeyError("no such user")))
    assert machine.learner() == "learner"


def home_of(monkeypatch, who):
    monkeypatch.setenv("SOCKETS_LAB_LEARNER", who)
    return machine.home_address()


def test_each_learner_has_a_home_of_their_own(monkeypatch):
    if not machine.loopback_addresses():
        assert machine.home_address() == "127.0.0.1"
        pytest.skip("this machine has one loopback address")
    users = ["0", "1", *map(str, range(1000, 1100)), "65534", "100000", "ada", "grace", "9" * 5000, "١٢"]
    homes = [home_of(monkeypatch, who) for who in users]
    assert len(set(homes)) == len(users)
    for home in homes:
        assert ip_address(home) in ip_network("127.64.0.0/10")
        with socket.socket() as sock:
            sock.bind((home, 0))
    assert home_of(monkeypatch, "ada") == home_of(monkeypatch, "ada")
    monkeypatch.setattr(learners, "loopback_addresses", lambda: False)
    assert machine.home_address() == "127.0.0.1"


def test_each_learner_has_groups_of_their_own(monkeypatch):
    groups = []
    for who in ["0", *map(str, range(1000, 1200)), "ada", "grace"]:
        monkeypatch.setenv("SOCKETS_LAB_LEARNER", who)
        groups += [machine.home_group(which) for which in range(machine.OWN_GROUPS)]
    assert len(set(groups)) == len(groups)
    assert all(ip_address(group) in ip_network("239.255.0.0/16") for group in groups)
    assert machine.home_group() == machine.home_group(0)
    for wrong in (-1, machine.OWN_GROUPS, True, "0"):
        with pytest.raises(BadInput, match="not one of your groups"):
            machine.home_group(wrong)


def test_the_table_line_says_which_source_was_used(monkeypatch):
    monkeypatch.setenv("SOCKETS_LAB_TABLE", "psutil")
    assert "psutil" in machine.passport()[0].value
    monkeypatch.delenv("SOCKETS_LAB_TABLE")
    assert table.source() in machine.passport()[0].value


def test_importing_asks_nothing():
    """Importing must open nothing and start nothing; a fresh interpreter shows it."""
    program = (
        "import sys, sockets_lab.kernel.machine\n"
        "heavy = {'matplotlib', 'ipywidgets', 'IPython', 'numpy'} & set(sys.modules)\n"
        "from sockets_lab.kernel.machine import namespaces\nfrom sockets_lab.kernel.table import sock_diag\n"
        "kept = (namespaces.try_namespaces, sock_diag.works)\n"
        "asked = [each.__name__ for each in kept if each.cache_info().currsize]\n"
        "print(sorted(heavy), asked)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.strip() == "[] []"

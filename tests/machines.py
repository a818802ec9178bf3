"""Poorer machines: commands that run a command, given behind them, where something is missing. Linux, as root.

Each is for `Kernel(inside=...)` or `subprocess.run([*MACHINE, ...])`; what it takes away is back when the command ends.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534
AS_NOBODY = [
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all", "--no-new-privs",
]  # fmt: skip


def inside(*lines: str, network: bool = False) -> list[str]:
    """Run these lines of shell first, in a view of the files of its own, and in a network of its own if asked for."""
    apart = ["--mount", "--net"] if network else ["--mount"]
    return ["unshare", *apart, "bash", "-euc", "\n".join([*lines, 'exec "$@"']), "-"]


def descriptors(most: int) -> list[str]:
    return ["prlimit", f"--nofile={most}:{most}"]


def memory(mebibytes: int) -> list[str]:
    return ["prlimit", f"--as={mebibytes << 20}"]


def readable() -> list[str]:
    """Return lines of shell after which every user can reach this interpreter and the course."""
    needed = {Path(sys.base_prefix), Path(sys.prefix), ROOT}
    shut = {path: next((up for up in reversed(path.parents) if not up.stat().st_mode & 1), None) for path in needed}
    lines = []
    for number, (path, closed) in enumerate(shut.items()):
        if closed:
            held = f"$TMPDIR/held{number}"
            lines += [f"mkdir {held}", f"mount --bind {path} {held}", f"mount -t tmpfs -o mode=755 none {closed}",
                      f"mkdir -p {path}", f"mount --move {held} {path}", f"rmdir {held}"]  # fmt: skip
    return lines


REFUSING = [sys.executable, str(ROOT / "tests" / "refusing.py")]
# No address of that family, and no socket either
NO_IPV6 = inside("ip link set lo up", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6", network=True)
NO_IPV6 += [*REFUSING, "ipv6"]
NO_SERVICES = inside("mount --bind /dev/null /etc/services")
NO_PROC = inside("mount -t tmpfs none /proc")
NO_NAMESPACES, NO_FIREWALL = [*REFUSING, "namespaces"], [*REFUSING, "firewall"]
READ_ONLY_HOME = inside(
    'mkdir "$TMPDIR/home"', 'mount --bind "$TMPDIR/home" "$TMPDIR/home"',
    'mount -o remount,bind,ro "$TMPDIR/home"', 'export HOME="$TMPDIR/home"', "unset SOCKETS_LAB_DATA",
)  # fmt: skip
# Another user, who sees no process but their own
HIDDEN_PROC = inside(
    *readable(), "mount -t proc -o hidepid=2 none /proc",
    f'chown -R {NOBODY} "$TMPDIR/.."', 'export HOME="$TMPDIR"', "unset XDG_RUNTIME_DIR",
) + AS_NOBODY  # fmt: skip

"""Cause faults while lessons run, and report what held.

Usage: python benchmarks/unbreakable.py [--quick] [fault ...]        (all faults; three hours, minutes with --quick)

Needs Linux, root, and what tests/requirements.txt names. Everything happens in a network of its own, so nobody else's
ports are touched. The report is also written to build/benchmarks/unbreakable.txt.
"""

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "benchmarks" / "unbreakable.txt"
OWN = "SOCKETS_LAB_OWN_NETWORK"
sys.path.insert(0, str(ROOT / "tests"))

from faults import again, clock, ending, neighbours, poorer  # noqa: E402
from faults.found import Found  # noqa: E402

FAULTS = {
    "run-all": again.run_all,
    "kill-9": ending.kill_9,
    "interrupt": ending.interrupt,
    "ten-kernels": again.ten_kernels,
    "descriptors": poorer.descriptors,
    "memory": poorer.memory,
    "no-ipv6": poorer.no_ipv6,
    "no-services": poorer.no_services,
    "no-proc": poorer.no_proc,
    "hidden-proc": poorer.hidden_proc,
    "no-namespaces": poorer.no_namespaces,
    "no-firewall": poorer.no_firewall,
    "read-only-home": poorer.read_only_home,
    "clock": clock.set_back,
    "taken-ports": neighbours.taken_ports,
    "wildcards": neighbours.wildcards,
    "nbval": again.nbval,
}


def in_own_network() -> None:
    """Go on in a network of its own."""
    if not os.environ.get(OWN):
        os.environ.update({OWN: "1", "SOCKETS_LAB_LEARNER": "reader", "SOCKETS_LAB_DATA": ""})
        lines = 'ip link set lo up; exec "$@"'
        os.execvp("unshare", ["unshare", "--net", "bash", "-euc", lines, "-", sys.executable, *sys.argv])


def main() -> None:
    parser = argparse.ArgumentParser(description="Cause faults while lessons run. See the top of this file.")
    parser.add_argument("faults", nargs="*", metavar="fault", help=", ".join(FAULTS))
    parser.add_argument("--quick", action="store_true", help="each a few times, on a few notebooks")
    chosen = parser.parse_args()
    if unknown := set(chosen.faults) - set(FAULTS):
        parser.error(f"there is no fault {', '.join(sorted(unknown))}: pass some of {', '.join(FAULTS)}")
    if sys.platform != "linux" or os.getuid():
        parser.error("this takes Linux, and root: it makes users, networks and mounts of its own")
    in_own_network()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with OUT.open("w", encoding="utf-8") as report:
        for name in chosen.faults or FAULTS:
            began = time.monotonic()
            try:
                found = FAULTS[name](chosen.quick)
            except Exception as broken:  # noqa: BLE001  the others are still to be caused
                found = Found(name, "Not to its end", "what it raised", [f"{type(broken).__name__}: {broken}"])
            line = f"{found.told()} ({name}, {time.monotonic() - began:.0f} s)"
            wrong += len(found.wrong)
            print(line, flush=True)
            print(line, file=report, flush=True)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

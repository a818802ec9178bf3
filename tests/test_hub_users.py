"""A class of the host's own users: real passwords, a user id for each, and nobody reads another's kernel.

The two users exist in a mount namespace of the hub's alone: its /etc/passwd is a copy with two lines more. Where this
Python stands in a home that is closed to others, another stands there in that home's place, with only the Python in it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import hub_class
import pytest
from hub_class import Channels, Hub, Learner, printed

USERS = {"ada": 61001, "grace": 61002}
# crypt(3) of the tests' password
HASH = "$6$class$gQTrqb9dkA5FAKVGRoqF/omT/PodOmRpjHrGiGWkAUla4GhfziLRr6CT9wXKzU5LsWY6WHVbba2DU0KzCoRBi1"
ABOUT = """
import json, os
from ipykernel.connect import get_connection_info
from sockets_lab import machine
place = get_connection_info(unpack=True)["ip"]
print(json.dumps([os.getuid(), machine.home_address(), os.getcwd(), os.getpid(), place]))
"""
INTRUDE = """
import os, socket
def reach(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
for attempt in [lambda: reach(f"{place}-1"), lambda: reach(f"{place}-2"), lambda: os.listdir(os.path.dirname(place)),
                lambda: os.listdir(f"/proc/{process}/fd"), lambda: open(f"{folder}/mine", "w")]:
    try:
        attempt()
        print("done")
    except OSError as refused:
        print(type(refused).__name__)
"""


def missing() -> str | None:
    if hub_class.missing():
        return hub_class.missing()
    if os.getuid() != 0 or not shutil.which("setpriv"):
        return "users of one's own take root"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        return "no mount namespace for users of one's own"
    as_one = ["setpriv", "--reuid=61001", "--regid=61001", "--clear-groups", sys.executable, "-c",
              "import jupyterhub, sockets_lab"]  # fmt: skip
    if subprocess.run(["unshare", "--mount", "sh", "-ec", opened(), "-", *as_one], capture_output=True).returncode:
        return "other users cannot read this Python or this checkout"
    return None


def opened() -> str:
    """Return a script, for a mount namespace: it opens this Python to others, and then becomes the command given."""
    place = Path(sys.base_prefix)
    closed = next((one for one in reversed(place.parents) if not one.stat().st_mode & 0o001), None)
    lines = f"""
        kept=$(mktemp -d); mount --bind {place} $kept
        mount -t tmpfs -o mode=755 none {closed}; mkdir -p {place}; mount --move $kept {place}; rmdir $kept
    """
    return (lines if closed else "") + 'exec "$@"'


@pytest.fixture
def hub():
    reason = missing()
    if reason:
        pytest.skip(reason)
    folder, etc = Path(tempfile.mkdtemp(prefix="hub-")), Path(tempfile.mkdtemp(prefix="etc-"))
    etc.chmod(0o755)
    lines: dict[str, list[str]] = {"passwd": [], "group": [], "shadow": []}
    for name, number in USERS.items():
        home = etc / name
        home.mkdir()
        os.chown(home, number, number)
        lines["passwd"].append(f"{name}:x:{number}:{number}::{home}:/bin/sh")
        lines["group"].append(f"{name}:x:{number}:")
        lines["shadow"].append(f"{name}:{HASH}:19000:0:99999:7:::")
    for file, more in lines.items():
        shutil.copy(f"/etc/{file}", etc / file)
        with (etc / file).open("a") as copy:
            copy.write("\n".join(more) + "\n")
    script = f'for file in {" ".join(lines)}; do mount --bind {etc}/$file /etc/$file; done; {opened()}'
    hub = Hub(folder, list(USERS), "system", ("unshare", "--mount", "sh", "-ec", script, "-"))
    try:
        hub.start()
        yield hub
    finally:
        hub.close()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(etc, ignore_errors=True)


def test_each_user_works_as_themselves_and_reaches_nobody_elses_kernel(hub):
    learners = [Learner(hub, name) for name in USERS]
    assert Learner(hub, "ada").log_in("not-the-password").status_code == 403
    answers = []
    for one in learners:
        one.log_in()
        one.open_server()
        with Channels(one, one.open_notebook("02_binding")[1]) as channels:
            answers.append(json.loads(printed(channels.execute(ABOUT))))
    assert [answer[0] for answer in answers] == list(USERS.values())
    assert len({answer[1] for answer in answers}) == 2
    for one, (_, _, folder, process, place) in zip(reversed(learners), answers, strict=True):
        with Channels(one, one.open_notebook("04_conflicts")[1]) as channels:
            given = f"folder, process, place = {folder!r}, {process}, {place!r}\n"
            assert printed(channels.execute(given + INTRUDE)).split() == ["PermissionError"] * 5

"""JupyterHub for a class on one host. How it is started, for trying and for real: deploy/README.md.

From the environment, each with a default:
SOCKETS_LAB_CLASS           "simple": users that only the hub knows, all processes as the user who starts it, one
                            password for all: for trying. "system": the host's own users, each with own rights: for real
SOCKETS_LAB_CLASS_NAMES     a file with one name a line; without it learner01 to learner30 ("simple" only)
SOCKETS_LAB_CLASS_FOLDER    where the hub keeps what it needs, and simple users their homes: ./class
SOCKETS_LAB_CLASS_PASSWORD  the simple users' password, 8 characters or more; without it one is made, and printed
SOCKETS_LAB_CLASS_URL       where it listens: http://127.0.0.1:8000; 0.0.0.0 for all of the host's addresses
"""

import os
import secrets
import sys
from itertools import combinations
from pathlib import Path

from sockets_lab.kernel.machine import home_address, home_group

c = get_config()  # noqa: F821  JupyterHub gives it to the file
KIND = os.environ.get("SOCKETS_LAB_CLASS", "simple")
FOLDER = Path(os.environ.get("SOCKETS_LAB_CLASS_FOLDER", "class")).resolve()
NAMES = os.environ.get("SOCKETS_LAB_CLASS_NAMES")


def class_names() -> set[str]:
    """Read the class's user names, as the hub writes them: in lower case."""
    if NAMES:
        return {line.strip().lower() for line in Path(NAMES).read_text(encoding="utf-8").splitlines() if line.strip()}
    if KIND == "system":
        raise SystemExit("SOCKETS_LAB_CLASS_NAMES: name a file with the class's user names, one a line.")
    return {f"learner{number:02}" for number in range(1, 31)}


def class_password() -> str:
    """Return the class's password; make one that the next start finds again where none is given."""
    given = os.environ.get("SOCKETS_LAB_CLASS_PASSWORD")
    if given:
        return given
    kept = FOLDER / "password"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(9))
    print(f"The class's password: {kept.read_text()}", flush=True)
    return kept.read_text()


def own_places(name: str) -> dict[str, str]:
    """Return the addresses that the lessons give to a learner of this name."""
    before = os.environ.get("SOCKETS_LAB_LEARNER")
    os.environ["SOCKETS_LAB_LEARNER"] = name
    places = {"loopback address": home_address(), "multicast groups": home_group()}
    os.environ.pop("SOCKETS_LAB_LEARNER")
    if before is not None:
        os.environ["SOCKETS_LAB_LEARNER"] = before
    return places


if KIND not in ("simple", "system"):
    raise SystemExit(f"SOCKETS_LAB_CLASS is {KIND!r}: say simple or system.")
FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
names = class_names()
for one, other in combinations(sorted(names), 2):
    for what, place in own_places(one).items():
        if place != "127.0.0.1" and own_places(other)[what] == place:
            print(f"{one} and {other} would have the same {what}, {place}: give one of them another name.", flush=True)

# The hub: what it knows outlives it, and so do the learners' servers
c.JupyterHub.bind_url = os.environ.get("SOCKETS_LAB_CLASS_URL", "http://127.0.0.1:8000")
c.JupyterHub.db_url = f"sqlite:///{FOLDER}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(FOLDER / "cookie_secret")
c.JupyterHub.cleanup_servers = False
c.ConfigurableHTTPProxy.pid_file = str(FOLDER / "proxy.pid")
own_proxy = Path(sys.prefix) / "bin" / "configurable-http-proxy"  # where `npm install --global --prefix .venv` puts it
if own_proxy.exists():
    c.ConfigurableHTTPProxy.command = [str(own_proxy)]

# A learner's server
c.Spawner.cmd = [sys.executable, str(Path(__file__).resolve().with_name("own_server.py"))]
c.Spawner.default_url = "/lab/tree/sockets-lab/notebooks/00_start_here.ipynb"
c.Spawner.start_timeout = 300  # seconds: thirty at once take turns on a few cores
c.Spawner.http_timeout = 300
c.JupyterHub.concurrent_spawn_limit = len(names)

c.Authenticator.allowed_users = names
if KIND == "simple":
    c.JupyterHub.authenticator_class = "shared-password"
    c.SharedPasswordAuthenticator.user_password = class_password()
    c.JupyterHub.spawner_class = "simple"
    if os.getuid() == 0:
        c.Spawner.args = ["--allow-root"]
    c.SimpleLocalProcessSpawner.home_dir_template = str(FOLDER / "homes" / "{username}")
    # Short, because the address of a Unix-domain socket has room for about a hundred characters
    c.Spawner.environment = {"JUPYTER_RUNTIME_DIR": lambda spawner: str(FOLDER / "run" / spawner.user.name)}

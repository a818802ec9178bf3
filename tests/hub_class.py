"""A real JupyterHub on loopback and the learners of its class, for tests/test_hub.py and benchmarks/classroom.py."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests
import websocket

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "teach-sockets"
DEADLINE = 300  # seconds, for what a busy machine does
Outputs = list[list[dict]]  # of each code cell, what it put out


def missing() -> str | None:
    """Say what is needed for a hub and is not installed; None where all is."""
    proxy = shutil.which("configurable-http-proxy") or (Path(sys.prefix) / "bin" / "configurable-http-proxy").exists()
    if sys.platform != "linux":
        return "the hub's configuration is for one Linux host"
    try:
        import jupyterhub  # noqa: F401
    except ImportError:
        return "to run a class: pip install -r deploy/requirements.txt"
    return None if proxy else "to run a class: npm install --global --prefix .venv configurable-http-proxy@4.6.3"


class Hub:
    """A JupyterHub as the teacher's one line starts it, at a loopback address and in a folder of its own."""

    def __init__(self, folder: Path, names: list[str], kind: str = "simple", inside: tuple[str, ...] = ()) -> None:
        """Args: inside: a command that runs the hub's command, given behind it, in surroundings of its own."""
        self.folder, self.inside, self.process = folder, inside, None
        self.address = f"127.{os.getpid() >> 16 & 63}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
        self.url = f"http://{self.address}:8000"
        (folder / "names").write_text("\n".join(names))
        self.environment = os.environ | {
            "SOCKETS_LAB_CLASS": kind, "SOCKETS_LAB_CLASS_FOLDER": str(folder),
            "SOCKETS_LAB_CLASS_NAMES": str(folder / "names"), "SOCKETS_LAB_CLASS_PASSWORD": PASSWORD,
            "SOCKETS_LAB_CLASS_URL": self.url}  # fmt: skip
        for inherited in ("SOCKETS_LAB_LEARNER", "SOCKETS_LAB_DATA"):  # of the tests, not of a learner
            self.environment.pop(inherited, None)

    def start(self) -> float:
        """Start it. Returns: seconds until it answers."""
        began = time.monotonic()
        config = ROOT / "deploy" / "jupyterhub_config.py"
        command = [*self.inside, sys.executable, "-m", "jupyterhub", "-f", str(config),
                   f"--JupyterHub.hub_ip={self.address}",
                   f"--ConfigurableHTTPProxy.api_url=http://{self.address}:8001"]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, cwd=self.folder)
        while time.monotonic() - began < DEADLINE:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                if requests.get(f"{self.url}/hub/api/", timeout=5).ok:
                    return time.monotonic() - began
            except requests.RequestException:
                pass
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        """End the hub as a crash does: nothing is tidied up."""
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> None:
        """End the hub as whoever restarts it does; its proxy ends with it."""
        self.process.terminate()
        self.process.wait(DEADLINE)

    def close(self) -> None:
        """End the hub, its proxy, the learners' servers and kernels, all at once: nobody's work is at stake."""
        ours = [process for _, process in self.processes()]
        if self.process and self.process.poll() is None:
            ours += psutil.Process(self.process.pid).children()
            self.kill()
        for process in ours:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(ours, DEADLINE)

    def processes(self) -> list[tuple[str, psutil.Process]]:
        """Find the living processes of this class's servers. Returns: of each, whose it is, and the process."""
        found = []
        for process in psutil.process_iter():
            try:
                about = process.environ()
            except psutil.Error:
                continue
            ours = about.get("JUPYTERHUB_API_URL", "").startswith(f"http://{self.address}:")
            if ours and "JUPYTERHUB_USER" in about:
                found.append((about["JUPYTERHUB_USER"], process))
        return found

    def memory(self) -> dict[str, float]:
        """Return what each learner's server and kernels take, MiB: each page shared by n processes counts 1/n."""
        taken: dict[str, float] = {}
        for name, process in self.processes():
            taken[name] = taken.get(name, 0) + process.memory_full_info().pss / 2**20
        return taken


class Learner:
    """Somebody who logs in with a browser's requests and runs notebooks in their own server."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub, self.name = hub, name
        self.web = requests.Session()
        self.web.headers["Connection"] = "close"  # the proxy ends idle connections, which may be just when we ask
        self.base = f"{hub.url}/user/{name}"

    def log_in(self, password: str = PASSWORD) -> requests.Response:
        """Fill in the login form and follow where it leads."""
        form = self.web.get(f"{self.hub.url}/hub/login", timeout=DEADLINE)
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', form.text)
        data = {"username": self.name, "password": password, "_xsrf": xsrf.group(1) if xsrf else ""}
        return self.web.post(f"{self.hub.url}/hub/login?next=/hub/home", data=data, timeout=DEADLINE)

    def open_server(self) -> float:
        """Start the own server and open its page, as the page after the login does. Returns: seconds until ready."""
        began = time.monotonic()
        page = self.web.get(f"{self.hub.url}/hub/spawn/{self.name}", timeout=DEADLINE)
        while not page.url.startswith(f"{self.base}/lab"):
            assert page.ok, f"{self.name}: {page.status_code} {page.url}"
            assert time.monotonic() - began < DEADLINE, f"{self.name}: still {page.url}"
            time.sleep(0.5)
            page = self.web.get(f"{self.base}/lab", timeout=DEADLINE)
        return time.monotonic() - began

    def api(self, method: str, path: str, **more) -> requests.Response:
        """Ask the own server, as its page does."""
        xsrf = next((one.value for one in self.web.cookies if one.name == "_xsrf" and one.path != "/hub/"), "")
        return self.web.request(method, f"{self.base}/api/{path}", headers={"X-XSRFToken": xsrf}, timeout=DEADLINE,
                                **more)  # fmt: skip

    def is_in(self) -> bool:
        """Tell whether the server shows its files, instead of a login form or a refusal."""
        answer = self.api("GET", "contents")
        return answer.ok and "json" in answer.headers["Content-Type"]

    def open_notebook(self, lesson: str) -> tuple[dict, str]:
        """Open a lesson of the own copy of the course. Returns: the notebook, and its kernel's id."""
        path = f"sockets-lab/notebooks/{lesson}.ipynb"
        notebook = self.api("GET", f"contents/{path}").json()["content"]
        about = {"path": path, "type": "notebook", "name": lesson, "kernel": {"name": "python3"}}
        session = self.api("POST", "sessions", json=about)
        assert session.status_code == 201, session.text
        return notebook, session.json()["kernel"]["id"]

    def run(self, lesson: str) -> Outputs:
        """Run a lesson from first to last cell, save it, and end its kernel. Returns: what its cells put out."""
        notebook, kernel = self.open_notebook(lesson)
        with Channels(self, kernel) as channels:
            for cell in notebook["cells"]:
                if cell["cell_type"] == "code":
                    cell["outputs"] = channels.execute("".join(cell["source"]))
                    cell["execution_count"] = cell["execution_count"] or 1
        saved = self.api("PUT", f"contents/sockets-lab/notebooks/{lesson}.ipynb",
                         json={"type": "notebook", "format": "json", "content": notebook})  # fmt: skip
        assert saved.ok, saved.text
        self.api("DELETE", f"kernels/{kernel}")
        return [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]


class Channels:
    """The websocket between a page and its kernel."""

    def __init__(self, learner: Learner, kernel: str) -> None:
        url = f"ws{learner.base.removeprefix('http')}/api/kernels/{kernel}/channels"
        path = urlsplit(learner.base).path
        cookies = "; ".join(f"{one.name}={one.value}" for one in learner.web.cookies if one.path.startswith(path))
        self.socket = websocket.create_connection(url, timeout=DEADLINE, cookie=cookies, origin=learner.hub.url)

    def __enter__(self) -> "Channels":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def execute(self, source: str) -> list[dict]:
        """Run a cell. Returns: its outputs, joined as a notebook keeps them."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "class",
                  "version": "5.3"}  # fmt: skip
        content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
                   "stop_on_error": False}  # fmt: skip
        self.socket.send(json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {},
                                     "content": content}))  # fmt: skip
        outputs: list[dict] = []
        waits = {"execute_reply", "idle"}
        while waits:
            message = json.loads(self.socket.recv())
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            kind, said = message["msg_type"], message["content"]
            waits.discard(kind)
            waits.discard(said.get("execution_state", ""))
            if kind == "stream" and outputs and outputs[-1].get("name") == said["name"]:
                outputs[-1]["text"] += said["text"]
            elif kind in ("stream", "display_data", "execute_result", "error"):
                outputs.append({"output_type": kind} | {key: said[key] for key in said if key != "transient"})
        return outputs


def printed(outputs: list[dict]) -> str:
    """Return what a cell printed, without its pictures."""
    return "".join("".join(one["text"]) for one in outputs if one.get("name") == "stdout")

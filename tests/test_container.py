"""The course in a container, built as its Containerfile stands: what the line in deploy/README.md starts, and which
lessons say there what they say in the saved notebooks.

Takes root, Podman, debootstrap, and a registry of packages. All that is made is in one folder, and goes with it.
"""

import configparser
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import nbformat
import pytest

pytestmark = pytest.mark.thorough
ROOT = Path(__file__).resolve().parents[1]
LINE = re.compile(r"^    (podman build .+) && (podman run .+)$", re.MULTILINE)
BUILD, RUN = (shlex.split(part) for part in LINE.findall((ROOT / "deploy" / "README.md").read_text())[0])
IMAGE = RUN[-1]
LARGEST = 600  # megabytes: deploy/README.md
EVERY = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
LESSONS = EVERY if os.environ.get("SOCKETS_LAB_LESSONS") == "all" else [EVERY[0], EVERY[6], EVERY[11]]
PROFILE = "usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json"
MACHINES = {
    "Podman": [],
    "Docker's seccomp profile": ["--security-opt=seccomp=default.json"],
    "No seccomp profile": ["--security-opt=seccomp=unconfined"],
    "Another user id, without a home": ["--user=4242:4242", "--env=HOME=/nonexistent"],
    "A read-only root, without capabilities": [
        "--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges",
    ],
}  # fmt: skip
READER = ["--env=SOCKETS_LAB_LEARNER=reader", "--env=SOCKETS_LAB_DATA="]  # who made the saved outputs
SAYS_SO = re.compile("refuses network stacks of one's own|lets no program fill a kernel's filter|CAP_NET_BIND_SERVICE")
EXECUTE = """
import json, sys, nbformat
from nbclient import NotebookClient
from sockets_lab.course.opening import notebooks
for name in sys.argv[1:]:
    notebook = nbformat.read(notebooks() / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300).execute()
    print(json.dumps(notebook))
"""


class Engine:
    """Podman, with all it keeps in one folder, and networks that leave the host's as it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # Podman's own defaults may be more than root has here
        limits = [f"nofile={min(1024, most)}:{most}", "nproc=1000:1000"]
        (folder / "containers.conf").write_text(
            f"[containers]\ndefault_ulimits = {json.dumps(limits)}\n"
            f'[network]\nnetwork_config_dir = "{folder}/networks"\n'
            f'[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nlock_type = "file"\n'
            f'tmp_dir = "{folder}/tmp"\nstatic_dir = "{folder}/static"\nvolume_path = "{folder}/volumes"\n'
            + ('runtime = "runc"\n' if shutil.which("runc") else "")
        )
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
        )
        self.place = os.environ | {"CONTAINERS_CONF": f"{folder}/containers.conf",
                                   "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf"}  # fmt: skip

    def __call__(self, *words: str, patience: float = 60, stdin: str = "") -> str:
        """Run a command of Podman. Returns: what it printed. Fails the test with what it said."""
        errors = subprocess.STDOUT if words[0] == "logs" else subprocess.PIPE
        done = subprocess.run(["podman", *words], cwd=ROOT, env=self.place, input=stdin, stdout=subprocess.PIPE,
                              stderr=errors, text=True, timeout=patience)  # fmt: skip
        assert done.returncode == 0, f"podman {shlex.join(words)}\n{done.stdout[-2000:]}\n{(done.stderr or '')[-4000:]}"
        return done.stdout

    def make_base(self) -> None:
        """Make the image that the file begins with: Debian's smallest, from the mirror of this machine."""
        tree = self.folder / "debian"
        release = re.search(r"FROM (\S+debian:(\w+)-slim)", (ROOT / BUILD[BUILD.index("-f") + 1]).read_text())
        assert release, "the file begins with another image"
        asked = ["apt-get", "indextargets", "--format=$(REPO_URI)", f"Codename: {release[2]}", "Created-By: Packages"]
        found = subprocess.run(asked, capture_output=True, text=True, timeout=60).stdout.split()
        mirror = found[0] if found else "http://deb.debian.org/debian"
        command = ["debootstrap", "--variant=minbase", release[2], tree, mirror]
        subprocess.run(command, check=True, capture_output=True, timeout=600)
        for one in ("var/lib/apt/lists", "var/cache/apt", "usr/share/doc", "usr/share/man", "usr/share/locale"):
            shutil.rmtree(tree / one)  # what Debian's own slim image does not have
        packed = subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE)
        with packed:
            subprocess.run(["podman", "import", "-", release[1]], stdin=packed.stdout, env=self.place, check=True,
                           capture_output=True, timeout=120)  # fmt: skip

    def build(self) -> None:
        """Build the course's image, with this machine's way to the registry of packages, which is not kept in it."""
        options = ["--network=host"]
        certificate = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
        if certificate:
            (self.folder / "pip.conf").write_text("[global]\ncert = /etc/ssl/certs/host.crt\n")
            options += [f"--volume={certificate}:/etc/ssl/certs/host.crt:ro",
                        f"--volume={self.folder}/pip.conf:/etc/pip.conf:ro"]  # fmt: skip
        self("build", *options, *BUILD[2:], patience=900)

    def close(self) -> None:
        """Remove everything, mounts too."""
        subprocess.run(["podman", "rm", "--all", "--force"], env=self.place, capture_output=True, timeout=60)
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for one in sorted((one for one in mounts if one.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", one], capture_output=True, timeout=60)
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    missing = [name for name in ("podman", "debootstrap") if not shutil.which(name)]
    if missing or os.getuid() != 0:
        pytest.skip("a container takes root, and on Debian: apt-get install podman runc debootstrap")
    engine = Engine(tmp_path_factory.mktemp("podman"))
    try:
        engine.make_base()
        engine.build()
        yield engine
    finally:
        engine.close()


def dockers_profile(folder: Path) -> Path:
    """Get the file that Docker builds in, from Debian's package of its source. Skips where that cannot be had."""
    profile = folder / "default.json"
    script = f"apt-get download golang-github-docker-docker-dev && dpkg-deb --fsys-tarfile *.deb | tar -xO ./{PROFILE}"
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, timeout=120)
    if b'"syscalls"' not in done.stdout:
        pytest.skip("Docker's seccomp profile, which is in Debian's package of its source, cannot be had here")
    profile.write_bytes(done.stdout[done.stdout.index(b"{") :])
    return profile


def said(notebook: nbformat.NotebookNode) -> list[str]:
    """What each cell says, without what changes from run to run."""
    rules = configparser.ConfigParser(interpolation=None)
    rules.read(ROOT / "notebooks" / "sanitize.cfg")
    cells = []
    for cell in notebook.cells:
        text = ""
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            text += output.get("text", "") + output.get("ename", "") + output.get("evalue", "")
            text += data.get("text/plain", "") + data.get("text/markdown", "")
        for name in rules.sections():
            text = re.sub(rules[name]["regex"], rules[name]["replace"], text)
        cells.append(text)
    return cells


def told_by_the_page(machine: str) -> dict[str, str]:
    """Return what docs/where-it-runs.md says of each lesson on a machine."""
    lines = (ROOT / "docs" / "where-it-runs.md").read_text(encoding="utf-8").splitlines()
    rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|"))
    return dict(zip(EVERY, next(row[1:] for row in rows if row[0] == machine), strict=True))


@pytest.mark.parametrize("machine", MACHINES)
def test_lessons_say_what_the_page_says(engine, machine, tmp_path):
    options = MACHINES[machine]
    if machine.startswith("Docker"):
        options = [f"--security-opt=seccomp={dockers_profile(tmp_path)}"]
    page = {name: told for name, told in told_by_the_page(machine).items() if name in LESSONS and told != "-"}
    assert page, "the page says nothing of this machine"
    command = ["run", "--rm", "-i", "--network=none", *READER, *options, IMAGE, "python", "-", *page]
    ran = engine(*command, patience=240 * len(page), stdin=EXECUTE).splitlines()
    found = {}
    for name, line in zip(page, ran, strict=True):
        there = said(nbformat.reads(line, as_version=4))
        saved = said(nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4))
        different = "says so" if SAYS_SO.search("".join(there)) else f"{there}"
        found[name] = "same" if there == saved else different
        assert "Everything is closed" in "".join(there), name
    assert found == page


def test_a_start_where_the_home_cannot_be_written_says_so_and_goes_on(engine):
    engine("run", "--detach", "--name=bare", "--network=none", *list(MACHINES.values())[-1], IMAGE)
    until, logs = time.monotonic() + 60, ""
    while "/lab/tree/" not in logs:
        assert time.monotonic() < until, logs
        time.sleep(0.2)
        logs = engine("logs", "bare")
    engine("stop", "bare")
    assert logs.startswith("Your work is not kept (")
    assert "Traceback" not in logs


def test_the_line_starts_the_course_for_this_machine_alone_and_keeps_what_is_done(engine):
    published = RUN[RUN.index("-p") + 1]
    assert published == "127.0.0.1:8888:8888"
    words = [{published: "127.0.0.1::8888"}.get(word, word) for word in RUN[2:] if word != "-it"]
    assert int(engine("image", "inspect", "--format={{.Size}}", IMAGE)) <= LARGEST * 1_000_000
    for begun in ("first", "again"):
        engine("run", "--detach", f"--name={begun}", "--network=slirp4netns", *words)
        address = engine("port", begun, "8888/tcp").strip()
        assert address.startswith("127.0.0.1:")
        until, page = time.monotonic() + 60, None
        while not page:
            logs = engine("logs", begun)
            assert time.monotonic() < until, logs
            time.sleep(0.2)
            page = re.search(r"http://127\.0\.0\.1:8888(/lab/tree/\S*00_start_here\.ipynb\?token=\w+)", logs)
        with urlopen(f"http://{address}{page[1]}", timeout=60) as answer:
            assert b"JupyterLab" in answer.read()
        with pytest.raises(HTTPError, match="403"):  # a page elsewhere, whose name now leads to 127.0.0.1
            urlopen(Request(f"http://{address}{page[1]}", headers={"Host": "elsewhere.example"}), timeout=60)
        status = engine("exec", begun, "cat", "/proc/1/status")
        assert re.search(r"^Uid:\s+1000\s", status, re.MULTILINE)
        assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
        mine = "sockets-lab/notebooks/mine.ipynb"
        engine("exec", begun, *(["touch", mine] if begun == "first" else ["ls", mine]))
        before = time.monotonic()
        engine("stop", begun)
        assert time.monotonic() - before < 9, "it was killed, as it did not end when it was told to"

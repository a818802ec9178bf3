"""The values for a cluster, as far as they can be tried without one: KubeSpawner's own manifest of a learner's pod."""

import asyncio
from pathlib import Path

import pytest

HOW = "to check the values for a cluster: pip install -r tests/requirements.txt"
yaml = pytest.importorskip("ruamel.yaml", reason=HOW)
spawner = pytest.importorskip("kubespawner", reason=HOW)

ROOT = Path(__file__).resolve().parents[1]
VALUES = yaml.YAML(typ="safe").load((ROOT / "deploy" / "zero-to-jupyterhub" / "values.yaml").read_text())
# The chart's name of a value under `singleuser`, and what its hub makes of it
PASSED_ON = {"cmd": "cmd", "defaultUrl": "default_url", "startTimeout": "start_timeout",
             "allowPrivilegeEscalation": "allow_privilege_escalation"}  # fmt: skip


@pytest.fixture
def pod(monkeypatch) -> dict:
    """Let KubeSpawner make the manifest of a learner's pod from the values."""
    from jupyterhub.objects import Hub, Server
    from jupyterhub.orm import Spawner as Row
    from kubernetes_asyncio.client import ApiClient
    from traitlets.config import Config

    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)  # there is no cluster to ask
    user = VALUES["singleuser"]
    wanted = dict(VALUES["hub"]["config"]["KubeSpawner"])
    wanted |= {trait: user[name] for name, trait in PASSED_ON.items()}
    wanted |= {"image": f"{user['image']['name']}:{user['image']['tag']}".lower()}
    wanted |= {f"mem_{kind}": amount for kind, amount in user["memory"].items()}
    wanted |= {f"cpu_{kind}": amount for kind, amount in user["cpu"].items()}
    unknown = set(wanted) - set(spawner.KubeSpawner.class_trait_names(config=True))
    assert not unknown, f"KubeSpawner has no option {unknown}"

    class User:
        name, escaped_name, id, url, settings = "ada", "ada", 1, "/user/ada/", {}
        server = Server()

    async def make() -> dict:
        learner = spawner.KubeSpawner(config=Config({"KubeSpawner": wanted}), hub=Hub(), user=User(),
                                      orm_spawner=Row(name=""), _mock=True)  # fmt: skip
        learner.api_token, learner.oauth_client_id = "token", "client"
        learner.get_env = lambda: {"JUPYTERHUB_USER": "ada"}
        async with ApiClient() as client:
            return client.sanitize_for_serialization(await learner.get_pod_manifest())

    return asyncio.run(make())


def test_a_learners_pod_may_make_namespaces_and_gains_no_privilege(pod):
    context = pod["spec"]["containers"][0]["securityContext"]
    assert context["seccompProfile"] == {"type": "Unconfined"}
    assert context["allowPrivilegeEscalation"] is False
    assert not context.get("privileged")
    assert "add" not in context.get("capabilities", {})


def test_a_learners_pod_starts_the_server_that_gives_the_course(pod):
    container = pod["spec"]["containers"][0]
    python, program = VALUES["singleuser"]["cmd"]
    assert container["args"][:2] == [python, program]
    assert (ROOT / Path(program).relative_to("/srv/repo")).exists()
    assert VALUES["singleuser"]["defaultUrl"].startswith("/lab/tree/sockets-lab/notebooks/")
    megabyte = 1000 * 1000 if isinstance(container["resources"]["limits"]["memory"], str) else 1024 * 1024
    assert float(container["resources"]["limits"]["memory"]) >= 1000 * megabyte

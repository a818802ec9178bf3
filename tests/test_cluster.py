"""The values for a cluster, as far as they can be tried without one: the chart's own schema takes them, and KubeSpawner
makes the manifest of a learner's pod from them."""

import asyncio
import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

HOW = "to check the values for a cluster: pip install -r tests/requirements.txt"
jsonschema = pytest.importorskip("jsonschema", reason=HOW)
yaml = pytest.importorskip("ruamel.yaml", reason=HOW)
spawner = pytest.importorskip("kubespawner", reason=HOW)

ROOT = Path(__file__).resolve().parents[1]
LOAD = yaml.YAML(typ="safe").load
VALUES = LOAD(ROOT / "deploy" / "zero-to-jupyterhub" / "values.yaml")
SCHEMA = LOAD(ROOT / "tests" / "samples" / "values.schema.yaml")
# The chart's name of a value under `singleuser`, and what its hub makes of it
PASSED_ON = {"cmd": "cmd", "defaultUrl": "default_url", "startTimeout": "start_timeout",
             "allowPrivilegeEscalation": "allow_privilege_escalation"}  # fmt: skip


def refusals(values: dict) -> list[str]:
    """What the chart's schema does not take: helm prints the same, before it changes anything in a cluster."""
    found = jsonschema.Draft7Validator(SCHEMA).iter_errors(values)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in found]


def described(values: dict, *above: str) -> Iterator[tuple[str, ...]]:
    """The path of each value. Below `hub.config` there is none: that is for the hub, and no schema has it."""
    for name, value in values.items():
        yield (*above, name)
        if isinstance(value, dict) and (*above, name) != ("hub", "config"):
            yield from described(value, *above, name)


def test_the_charts_schema_takes_the_values_and_refuses_each_key_and_type_that_is_wrong():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert refusals(VALUES) == []
    taken = []
    for *above, name in described(VALUES):
        for change in ("key", "type"):
            wrong = inner = copy.deepcopy(VALUES)
            for one in above:
                inner = inner[one]
            if change == "key":
                inner[f"{name}s"] = inner.pop(name)
            else:
                inner[name] = {"wrong": 1} if isinstance(inner[name], list) else ["wrong"]
            taken += [] if refusals(wrong) else [f"{'.'.join([*above, name])}, another {change}"]
    assert taken == []


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

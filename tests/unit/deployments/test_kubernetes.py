"""The values for Prefect's charts and our manifests; no cluster runs here."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from campaign.settings import ROOT
from deployments.make_secrets import SECRETS
from tests.compose_file import read_compose

FOLDER = ROOT / "deployments" / "kubernetes"
READER = YAML(typ="safe")
TYPES: dict[str, dict[str, str]] = READER.load(ROOT / "tests" / "charts.yaml")
VALUES = {name: READER.load(FOLDER / f"{name}.yaml") for name in TYPES}
MANIFESTS = list(READER.load_all(FOLDER / "campaign.yaml"))
COMPOSE = read_compose(ROOT / "deployments" / "compose.yaml", {})["services"]
PYTHON = {"string": str, "array": list, "boolean": bool, "integer": int, "object": dict, "null": type(None)}
#: The secrets, and the name that the charts give the password of Prefect.
KEYS = {*SECRETS, "auth-string"}


def values_in(tree: Any, types: dict[str, str], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        place = f"{path}.{key}".lstrip(".")
        if isinstance(value, dict) and place not in types:
            yield from values_in(value, types, place)
        else:
            yield place, value


def pods() -> dict[str, dict[str, Any]]:
    running = [one for one in MANIFESTS if one["kind"] in {"Job", "Deployment"}]
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in running}


def everything_in(tree: Any, key: str) -> Iterator[Any]:
    if isinstance(tree, dict):
        yield from (value for name, value in tree.items() if name == key)
    for one in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else []:
        yield from everything_in(one, key)


@pytest.mark.parametrize("chart", TYPES)
def test_the_charts_know_every_value_and_want_its_type(chart: str) -> None:
    found = dict(values_in(VALUES[chart], TYPES[chart]))
    assert found.keys() == TYPES[chart].keys()
    for path, value in found.items():
        wanted = TYPES[chart][path].split(" or ")
        assert "any" in wanted or type(value) in [PYTHON[one] for one in wanted], path


def test_every_secret_is_a_reference_to_one_that_is_made() -> None:
    documents = [*VALUES.values(), *MANIFESTS]
    references = [one for tree in documents for one in everything_in(tree, "secretKeyRef")]
    items = [one for tree in documents for volume in everything_in(tree, "secret") for one in volume.get("items", [])]
    assert {(one["name"], one["key"] in KEYS) for one in references} == {("campaign", True)}
    assert {one["key"] for one in items} <= KEYS
    for entry in (one for tree in documents for key in ("env", "extraEnvVars") for one in everything_in(tree, key)):
        for variable in entry:
            is_secret = re.search("KEY$|AUTH|PASSWORD|(DATABASE|MESSAGING|CONNECTION|DOCKET)_URL$", variable["name"])
            assert not is_secret or "valueFrom" in variable, variable
    assert "kind: Secret" not in (FOLDER / "campaign.yaml").read_text()


def test_a_file_that_is_named_is_mounted() -> None:
    [configuration] = [one["data"] for one in MANIFESTS if one["kind"] == "ConfigMap"]
    for pod in pods().values():
        [container] = pod["containers"]
        variables = configuration | {one["name"]: one["value"] for one in container.get("env", [])}
        assert container["envFrom"] == [{"configMapRef": {"name": "campaign"}}]
        assert_mounted(variables, pod["volumes"], container["volumeMounts"])
    worker = VALUES["worker"]["worker"]
    variables = {one["name"]: one["value"] for one in worker["extraEnvVars"]}
    assert_mounted(variables, worker["extraVolumes"], worker["extraVolumeMounts"])


def assert_mounted(variables: dict[str, str], volumes: list[Any], mounts: list[Any]) -> None:
    places = {one["name"]: one["mountPath"] for one in mounts}
    [secrets] = [one["secret"] for one in volumes if one["name"] == "secrets"]
    files = {f"{places['secrets']}/{one['path']}" for one in secrets["items"]}
    assert {value for name, value in variables.items() if name.endswith("_FILE")} == files
    assert variables["CAMPAIGN_MEDIA_FOLDER"] == places.get("media", "/media")


def test_the_programs_are_those_of_the_compose_file() -> None:
    for pod, service in (("campaign-migration", "migration"), ("campaign-web", "web")):
        [container] = pods()[pod]["containers"]
        assert container["command"] == COMPOSE[service]["command"]
    config = VALUES["worker"]["worker"]["config"]
    assert f"--pool {config['workPool']} --type {config['type']}" in " ".join(COMPOSE["worker"]["command"])


def test_containers_are_closed_as_those_of_the_compose_file() -> None:
    for pod in pods().values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"]
        [container] = pod["containers"]
        assert_closed(container["securityContext"])
        assert container["resources"]["limits"]
    for place in ("server", "backgroundServices", "migrations"):
        part = VALUES["server"][place]
        assert_closed(part.get("containerSecurityContext") or part["securityContext"])
    assert_closed(VALUES["worker"]["worker"]["containerSecurityContext"])


def assert_closed(context: dict[str, Any]) -> None:
    assert context["readOnlyRootFilesystem"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}

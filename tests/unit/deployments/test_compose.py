"""The compose file cannot be run everywhere; what must be true of it is read from it."""

from typing import Any

import pytest
from ruamel.yaml import YAML

from campaign.settings import ROOT, Settings
from deployments.processes import prefect_environment
from deployments.worker import POOL

FOLDER = ROOT / "deployments"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(FOLDER / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_it_refuses_to_start_without_passwords() -> None:
    assert SERVICES["server"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"].startswith(
        "${PREFECT_SERVER_API_AUTH_STRING:?"
    )
    assert "${POSTGRES_PASSWORD:?" in SERVICES["server"]["environment"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert SERVICES["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")


@pytest.mark.parametrize("name", ["migration", "worker"])
def test_clients_say_who_asks_and_use_postgresql(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment["PREFECT_API_AUTH_STRING"].startswith("${PREFECT_SERVER_API_AUTH_STRING:?")
    assert environment["PREFECT_API_URL"] == "http://server:4200/api"
    assert environment["CAMPAIGN_DATABASE_URL"].startswith("postgresql://")


def test_the_encryption_key_is_a_file_of_a_home_that_stays() -> None:
    server = SERVICES["server"]
    assert "python -m deployments.server" in server["command"][-1]
    assert server["volumes"] == ["home:/home/campaign/data"]
    assert "home" in COMPOSE["volumes"]
    for service in SERVICES.values():
        assert "PREFECT_SERVER_ENCRYPTION_KEY" not in service.get("environment", {})


def test_workers_begin_when_the_tables_and_the_workflows_are_there() -> None:
    migration, worker = SERVICES["migration"], SERVICES["worker"]
    assert migration["command"][-1] == "campaign db upgrade && campaign deploy"
    assert migration["restart"] == "no"
    assert migration["depends_on"]["server"] == {"condition": "service_healthy"}
    assert worker["depends_on"] == {"migration": {"condition": "service_completed_successfully"}}
    assert worker["command"][:5] == ["prefect", "worker", "start", "--pool", POOL]
    assert worker["deploy"]["replicas"] == 2
    assert "container_name" not in worker


def test_everything_that_stays_up_has_a_health_check_and_nothing_is_reachable_from_outside() -> None:
    assert all("healthcheck" in SERVICES[name] for name in ("database", "server", "worker", "web"))
    assert [SERVICES[name].get("ports", []) for name in ("database", "worker")] == [[], []]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["server"]["ports"])


def test_the_image_has_the_same_settings_as_campaign_up() -> None:
    home = Settings(home="/home/campaign/data")
    dockerfile = (FOLDER / "Dockerfile").read_text()
    for name, value in prefect_environment(home).items():
        assert f"{name}={value} " in dockerfile or f"{name}={value}\n" in dockerfile
    assert "--require-hashes" in dockerfile

"""What must be true of the compose file is read from it; `python -m tests.rehearsal` runs it."""

import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import make_url

from campaign.settings import ROOT, Settings
from deployments.make_secrets import SECRETS, make_secrets
from deployments.processes import prefect_environment
from deployments.worker import POOL
from tests.compose_file import image_of, read_compose, services_of

FOLDER = ROOT / "deployments"
USED = {"CAMPAIGN_SMTP_FROM": "campaign@example.com", "CAMPAIGN_OIDC_ISSUER": "https://login.example.com"}
COMPOSE = read_compose(FOLDER / "compose.yaml", USED)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "campaign"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_closed_limited_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    # Docker refuses more processors than the machine has.
    assert service["deploy"]["resources"]["limits"]["cpus"] == "1"
    assert ("healthcheck" in service) == (service["restart"] != "no")
    assert service["image"] == "campaign" or re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", service["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_are_files_and_only_those_that_a_service_reads(name: str) -> None:
    service = SERVICES[name]
    variables = service.get("environment", {})
    given = set(service.get("secrets", []))
    named = {value.removeprefix("/run/secrets/") for key, value in variables.items() if key.endswith("_FILE")}
    files = [COMPOSE["configs"][one["source"]]["file"] for one in service.get("configs", [])]
    configured = "".join((FOLDER / file).read_text() for file in files)
    read = set(re.findall(r"/run/secrets/(\w+)", f"{service.get('command')} {configured}"))
    assert named | read == given
    assert [
        key for key in variables if re.search("PASSWORD|AUTH|_KEY|DATABASE", key) and not key.endswith("_FILE")
    ] in (
        [],
        ["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"],
    )


def test_every_setting_can_be_given_to_the_pages() -> None:
    given = {name.removesuffix("_FILE") for name in SERVICES["web"]["environment"]}
    of_the_image = {"home", "server_port", "web_port", "media_folder", "library_folder"}
    assert {f"CAMPAIGN_{name.upper()}" for name in Settings.model_fields if name not in of_the_image} <= given
    unused = read_compose(FOLDER / "compose.yaml", {})["services"]["web"]["environment"]
    assert (unused["CAMPAIGN_SMTP_URL_FILE"], unused["CAMPAIGN_OIDC_CLIENT_SECRET_FILE"]) == ("", "")


def test_every_secret_is_made_once_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert make_secrets(folder) == list(SECRETS)
    assert SECRETS.keys() == COMPOSE["secrets"].keys()
    before = {file.name: file.read_text() for file in folder.iterdir()}
    (folder / "signing_key").unlink()
    assert make_secrets(folder) == ["signing_key"]
    assert {file.name: file.read_text() for file in folder.iterdir()} | {"signing_key": before["signing_key"]} == before
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [name for name, text in before.items() if not text] == [name for name in before if SECRETS[name] is str]
    assert len(set(filter(None, before.values()))) == len(SECRETS) - 2


def test_the_secrets_that_are_made_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_secrets(tmp_path)
    for name in ("database_url", "signing_key", "encryption_key", "reports_key"):
        monkeypatch.delenv(f"CAMPAIGN_{name.upper()}", raising=False)
        file = tmp_path / name if name != "database_url" else tmp_path / "campaign_database_url"
        monkeypatch.setenv(f"CAMPAIGN_{name.upper()}_FILE", str(file))
    settings = Settings()
    assert make_url(settings.database_url).username == "campaign"
    assert settings.reports_key.get_secret_value() == (tmp_path / "reports_key").read_text()
    Fernet((tmp_path / "prefect_encryption_key").read_text())


def test_each_program_has_a_role_of_its_own_that_is_no_superuser() -> None:
    script = (FOLDER / "databases.sql").read_text()
    for role in ("campaign", "prefect"):
        assert f"CREATE ROLE {role} LOGIN PASSWORD :'{role}_password';" in script
        assert f"CREATE DATABASE {role} OWNER {role};" in script
        assert f"REVOKE ALL ON DATABASE {role} FROM PUBLIC;" in script
    assert "SUPERUSER" not in script


def test_workers_begin_when_the_tables_and_the_workflows_are_there() -> None:
    migration, worker = SERVICES["migration"], SERVICES["worker"]
    assert migration["command"][-1] == "campaign db upgrade && campaign deploy"
    assert migration["depends_on"]["server"] == {"condition": "service_healthy"}
    assert worker["depends_on"] == {"migration": {"condition": "service_completed_successfully"}}
    assert f"worker start --pool {POOL}" in " ".join(worker["command"])
    assert worker["deploy"]["replicas"] == 2
    assert "container_name" not in worker
    assert worker["volumes"] == SERVICES["web"]["volumes"]
    dockerfile = (FOLDER / "Dockerfile").read_text()
    for volume in worker["volumes"]:
        name, place = volume.split(":")
        assert name in COMPOSE["volumes"]
        # A new volume has the owner of the image's folder.
        assert f" {place}" in dockerfile.split("install --directory --owner campaign")[1]


def test_only_the_proxy_is_reachable_from_outside() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")}
    assert published.pop("proxy") == ["80:80", "443:443", "443:443/udp"]
    assert published.keys() == {"server", "web"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_profiles_add_a_proxy_and_a_second_server() -> None:
    plain = services_of(COMPOSE, set())
    assert services_of(COMPOSE, {"proxy", "servers"}).keys() - plain.keys() == {"proxy", "server-2"}
    first, second = SERVICES["server"], SERVICES["server-2"]
    assert second["command"] == first["command"]
    assert second["networks"]["default"]["aliases"] == ["server"]
    assert second["environment"] == first["environment"] | {"PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false"}


def test_the_image_has_the_same_settings_as_campaign_up() -> None:
    environment, user = image_of(FOLDER / "Dockerfile")
    assert prefect_environment(Settings(home="/home/campaign/data")).items() <= environment.items()
    assert "--require-hashes" in (FOLDER / "Dockerfile").read_text()
    for name in OURS:
        assert SERVICES[name]["tmpfs"][1] == f"/home/campaign/data:mode=0700,uid={user},gid={user}"


def test_the_image_is_built_from_what_docker_hands_over(tmp_path: Path) -> None:
    dockerfile, lines = (FOLDER / "Dockerfile").read_text(), (FOLDER / "Dockerfile.dockerignore").read_text().split()
    for name in (line[1:] for line in lines if line.startswith("!")):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "secrets"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    assert [name for names in copied for name in names.split() if not (tmp_path / name).exists()] == []
    build = re.search(r"-m (hatchling build --target wheel)", dockerfile)
    assert build
    subprocess.run([sys.executable, "-m", *build[1].split()], cwd=tmp_path, check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").iterdir()
    inside = {name.partition(".dist-info/")[2] or name for name in zipfile.ZipFile(wheel).namelist()}
    assert {"licenses/LICENSE", "deployments/prefect.yaml", "campaign/db/migrations/env.py"} <= inside


def test_secrets_reach_neither_the_image_nor_the_repository() -> None:
    assert "deployments/secrets" in (FOLDER / "Dockerfile.dockerignore").read_text().split()
    assert "deployments/secrets/" in (ROOT / ".gitignore").read_text().split()

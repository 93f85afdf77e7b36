"""What is written on a machine can be read by its owner only."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from campaign.db import vault
from campaign.db.engine import read_session
from campaign.services.store import find_service
from models import SecretKind
from tests.command import here


def modes_of(folder: Path) -> dict[str, int]:
    return {str(one.relative_to(folder)): stat.S_IMODE(one.stat().st_mode) for one in [folder, *folder.rglob("*")]}


def test_everything_in_a_new_home_is_for_its_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-m", "campaign.cli"]
    environment = os.environ | {"CAMPAIGN_HOME": str(home)}
    for arguments in (["db", "upgrade"], ["password"], ["visitors", "--csv"]):
        subprocess.run([*command, *arguments], env=environment, umask=0o022, check=True, capture_output=True)
    modes = modes_of(home)
    assert {"campaign.db", "server.password"} <= modes.keys()
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


def test_the_doctor_finds_a_database_outside_of_the_home_too(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "mine.db").touch(mode=0o644)
    (tmp_path / "mine.db").chmod(0o644)
    settings = {"CAMPAIGN_HOME": str(tmp_path / "home"), "CAMPAIGN_DATABASE_URL": f"sqlite:///{tmp_path / 'mine.db'}"}
    found = {one["check"]: one for one in json.loads(here("doctor", "--json", **settings).out)}
    assert f"run: chmod -R go= {tmp_path / 'mine.db'}" in found["home"]["says"]


@pytest.mark.parametrize("command", ["create acme", "edit acme"])
@pytest.mark.parametrize(
    "option", ["--consumer-key", "--consumer-secret", "--access-token", "--access-token-secret", "--client-secret"]
)
def test_no_option_takes_a_key_which_other_users_could_see(command: str, option: str, tmp_path: Path) -> None:
    done = here("service", *command.split(), option, "secret", CAMPAIGN_HOME=str(tmp_path))
    assert (done.status, "secret-" in done.err) == (2, False)
    assert done.sentence.startswith(f"No such option: {option}")


@pytest.mark.usefixtures("sqlite_database")
def test_the_keys_of_an_account_may_be_in_files(tmp_path: Path) -> None:
    files = {}
    for name in ("consumer_key", "consumer_secret", "access_token", "access_token_secret"):
        (tmp_path / name).write_text(f"{name}-in-a-file\n")
        files[f"CAMPAIGN_{name.upper()}_FILE"] = str(tmp_path / name)
    assert here("service", "create", "acme", **files).status == 0
    with read_session() as session:
        keys = vault.read(session, SecretKind.SERVICE_KEYS, find_service("acme").id) or {}
    assert keys["access_token"] == "access_token-in-a-file"
    both = here("service", "edit", "acme", "--keys", CAMPAIGN_CONSUMER_KEY="another", **files)
    assert both.sentence == "CAMPAIGN_CONSUMER_KEY and CAMPAIGN_CONSUMER_KEY_FILE are both set; unset one of them."


@pytest.mark.parametrize("name", ["campaign.db", "vault.key", "encryption.key", "server.password"])
def test_the_doctor_names_a_file_that_other_users_can_read(tmp_path: Path, name: str) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / name).touch(mode=0o644)
    (tmp_path / name).chmod(0o644)
    found = {one["check"]: one for one in json.loads(here("doctor", "--json", CAMPAIGN_HOME=str(tmp_path)).out)}
    assert not found["home"]["ok"]
    assert str(tmp_path / name) in found["home"]["says"]
    assert "chmod -R go=" in found["home"]["says"]


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("server.password", "", "password"),
        ("signing.key", "", "user add ana --role operator"),
        ("signing.key", "guess-me", "user add ana --role operator"),
    ],
)
def test_a_key_file_that_lost_its_key_is_one_sentence(tmp_path: Path, name: str, text: str, command: str) -> None:
    (tmp_path / name).write_text(text)
    done = here(*command.split(), CAMPAIGN_HOME=str(tmp_path))
    assert (done.status, done.out) == (2, "")
    assert str(tmp_path / name) in done.sentence
    assert "delete it" in done.sentence
    assert (tmp_path / name).read_text() == text

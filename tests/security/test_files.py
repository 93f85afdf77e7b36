"""What is written on a machine can be read by its owner only."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("name", ["campaign.db", "vault.key", "encryption.key", "server.password"])
def test_the_doctor_names_a_file_that_other_users_can_read(tmp_path: Path, name: str) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / name).touch(mode=0o644)
    (tmp_path / name).chmod(0o644)
    found = {one["check"]: one for one in json.loads(here("doctor", "--json", CAMPAIGN_HOME=str(tmp_path)).out)}
    assert not found["home"]["ok"]
    assert str(tmp_path / name) in found["home"]["says"]
    assert "chmod -R go=" in found["home"]["says"]

"""The vault in use: secrets saved and read, its key, and other processes that work on it."""

import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlmodel import col, select

from campaign.db import vault
from campaign.db.engine import read_session, transaction
from campaign.settings import load_settings
from models import Secret, SecretKind
from tests.factories import NOW

KEYS, GRANT, CHECK = SecretKind.SERVICE_KEYS, SecretKind.CONTACT_GRANT, SecretKind.KEY_CHECK
ACME = {"consumer_key": "acme's consumer key", "access_token": "acme's access token"}
OTHER = {"consumer_key": "other's consumer key"}
PLAINTEXTS = ["consumer key", "access token"]

#: Saves once its first line of input is there.
SAVER = """
import sys
from campaign.db import vault
from campaign.errors import WrongUsage
from campaign.db.engine import transaction
from models import SecretKind
from tests.factories import NOW
print("ready", flush=True)
sys.stdin.readline()
try:
    with transaction() as session:
        vault.save(session, SecretKind.SERVICE_KEYS, int(sys.argv[1]), {"number": sys.argv[1]}, NOW)
except WrongUsage as error:
    sys.exit(str(error))
"""


def new_key() -> str:
    return Fernet.generate_key().decode()


def save(values: dict[str, str] = ACME, kind: SecretKind = KEYS, owner_id: int = 1) -> None:
    with transaction() as session:
        vault.save(session, kind, owner_id, values, NOW)


def read(kind: SecretKind = KEYS, owner_id: int = 1) -> dict[str, str] | None:
    with read_session() as session:
        return vault.read(session, kind, owner_id)


def check_key() -> None:
    with read_session() as session:
        vault.check_key(session)


def rows() -> list[Secret]:
    with read_session() as session:
        return list(session.exec(select(Secret).order_by(col(Secret.kind), col(Secret.owner_id))))


def key_file() -> Path:
    return load_settings().home / "vault.key"


def keys_in_file() -> list[str]:
    return key_file().read_text().splitlines()


def use_keys(environment: pytest.MonkeyPatch, *keys: str) -> None:
    """Set CAMPAIGN_ENCRYPTION_KEY as a process that starts now finds it."""
    environment.setenv("CAMPAIGN_ENCRYPTION_KEY", ",".join(keys))
    load_settings.cache_clear()


def use_home(environment: pytest.MonkeyPatch, home: Path) -> None:
    environment.setenv("CAMPAIGN_HOME", str(home))
    load_settings.cache_clear()


def started(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def all_that_is_shown(error: BaseException) -> Iterator[str]:
    """What a log, a traceback or a debugger's list shows of an error and of those behind it."""
    yield "".join(traceback.format_exception(error))
    behind: BaseException | None = error
    while behind:
        yield from (str(behind), repr(behind), repr(behind.args), repr(vars(behind)))
        behind = behind.__cause__ or behind.__context__

"""The settings of Prefect in every process of a home, its server, and the key that the server encrypts with."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from campaign.errors import NotPossible, WrongUsage
from campaign.settings import Settings
from deployments.processes import adopt, child_environment, make_home, prefect_environment
from deployments.server import (
    ENCRYPTION_VARIABLE,
    fingerprint_file,
    free_port,
    key_file,
    running_server,
    server_key,
    server_of,
)
from tests.servers import own_environment


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    make_home(settings)
    return settings


def test_there_is_no_telemetry(settings: Settings) -> None:
    environment = prefect_environment(settings)

    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


@pytest.mark.parametrize(("given", "days"), [({}, 90), ({"PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P14D"}, 14)])
def test_runs_and_events_of_prefect_go_after_90_days(settings: Settings, given: dict[str, str], days: int) -> None:
    code = (
        "from prefect.settings import get_current_settings as s; v = s().server.services.db_vacuum;"
        "print(v.retention_period.days, s().server.events.retention_period.days, *sorted(v.enabled_vacuum_types))"
    )
    environment = {**os.environ, **prefect_environment(settings), **given}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["90", str(days), "events", "flow_runs", "orphans"]


def test_what_the_operator_sets_wins(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ["PREFECT_WORKER_QUERY_SECONDS"] = "7"

    adopt(settings)

    assert os.environ["PREFECT_WORKER_QUERY_SECONDS"] == "7"
    assert child_environment(settings)["PREFECT_WORKER_QUERY_SECONDS"] == "7"


def test_reading_the_settings_does_not_import_prefect() -> None:
    code = "import sys, deployments.processes, deployments.server; sys.exit('prefect' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_children_read_the_same_opt_out_words(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_OPT_OUT_WORDS", child_environment(settings)["CAMPAIGN_OPT_OUT_WORDS"])
    assert Settings().opt_out_words == settings.opt_out_words


def test_children_have_the_settings_but_not_the_key(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENCRYPTION_VARIABLE, Fernet.generate_key().decode())

    environment = child_environment(settings)

    assert environment["CAMPAIGN_HOME"] == str(settings.home)
    assert environment["CAMPAIGN_DATABASE_URL"] == settings.database_url
    assert ENCRYPTION_VARIABLE not in environment


def test_the_key_is_made_once_by_many_processes_for_its_owner_only(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: server_key(settings), range(8)))

    assert keys == {key_file(settings).read_text()}
    for file in (key_file(settings), fingerprint_file(settings)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in settings.home.iterdir()) == ["encryption.key", "logs", "media", "prefect"]


@pytest.mark.parametrize("loss", ["missing", "changed", "malformed"])
def test_a_lost_key_is_reported_with_both_remedies(settings: Settings, loss: str) -> None:
    server_key(settings)
    contents = {"changed": Fernet.generate_key().decode(), "malformed": "no key"}
    key_file(settings).unlink()
    if loss in contents:
        key_file(settings).write_text(contents[loss])

    with pytest.raises(WrongUsage) as raised:
        server_key(settings)

    assert str(key_file(settings)) in str(raised.value)
    assert "from your backup" in str(raised.value)
    assert f"delete {fingerprint_file(settings)}" in str(raised.value)


def test_the_key_is_printed_by_a_command(settings: Settings) -> None:
    command = [sys.executable, "-m", "deployments.server"]
    with own_environment(settings.home):
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert printed == key_file(settings).read_text()


def test_beginning_anew_is_possible(settings: Settings) -> None:
    lost = server_key(settings)
    key_file(settings).unlink()
    fingerprint_file(settings).unlink()

    assert server_key(settings) != lost


def test_the_operators_own_key_wins_and_makes_no_file(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Fernet.generate_key().decode()
    monkeypatch.setenv(ENCRYPTION_VARIABLE, own)

    assert server_key(settings) == own
    assert not key_file(settings).exists()

    monkeypatch.setenv(ENCRYPTION_VARIABLE, Fernet.generate_key().decode())
    with pytest.raises(WrongUsage, match=ENCRYPTION_VARIABLE):
        server_key(settings)


def test_without_a_server_none_is_found_and_a_left_file_is_ignored(settings: Settings) -> None:
    with own_environment(settings.home):
        assert server_of(settings) is None
        (settings.home / "server.url").write_text(f"http://127.0.0.1:{free_port()}/api {os.getpid()}")
        assert server_of(settings) is None


def test_a_server_that_does_not_start_gives_the_reason(tmp_path: Path) -> None:
    database = f"sqlite+aiosqlite:///{tmp_path}/missing/prefect.db"
    home = tmp_path / "home"
    with (
        own_environment(home, PREFECT_SERVER_DATABASE_CONNECTION_URL=database) as settings,
        pytest.raises(NotPossible, match=r"did not start: .+server\.log"),
        running_server(settings, free_port(), ui=False),
    ):
        pass

"""Addresses of databases; nothing here is connected to, but for one port where nobody listens."""

import socket
from pathlib import Path

import pytest

from campaign.db.engine import check_reachable, engine
from campaign.errors import WrongUsage
from tests.databases import Database, in_use


def refusal(url: str, home: Path) -> str:
    """What a person is told who sets this address."""
    with pytest.raises(WrongUsage) as caught, in_use(Database("any", url), home):
        check_reachable()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", "…"))
    return sentence


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_database_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    assert refusal("mysql://root:secret@host/db", tmp_path) == (
        "CAMPAIGN_DATABASE_URL names a mysql database; use sqlite:///FILE or postgresql://…."
    )


@pytest.mark.parametrize("url", ["nonsense", "/var/lib/campaign.db", "://", "postgresql://user:secret@host:port/db"])
def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    assert refusal(url, tmp_path).startswith("Invalid CAMPAIGN_DATABASE_URL. Write sqlite:///FILE or")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_that_only_lives_in_memory_is_refused(url: str, tmp_path: Path) -> None:
    assert "CAMPAIGN_DATABASE_URL" in refusal(url, tmp_path)


@pytest.mark.parametrize("kind", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_goes_by_several_names_and_one_driver(kind: str, tmp_path: Path) -> None:
    with in_use(Database("postgresql", f"{kind}://user@127.0.0.1/db"), tmp_path):
        assert engine().url.drivername == "postgresql+psycopg"


def test_a_folder_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sentence = refusal(f"sqlite:///{tmp_path}/file/below/campaign.db", tmp_path)
    assert sentence == (
        f"{tmp_path}/file/below cannot be written (Not a directory); set CAMPAIGN_HOME to a folder that can."
    )


def test_the_folder_of_a_new_database_is_made(tmp_path: Path) -> None:
    with in_use(Database("sqlite", f"sqlite:///{tmp_path}/a/b/campaign.db"), tmp_path):
        check_reachable()
    assert (tmp_path / "a/b/campaign.db").exists()
    assert {file.name for file in (tmp_path / "a/b").iterdir()} == {"campaign.db"}


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "campaign.db"
    file.write_text("no database " * 100)
    assert refusal(f"sqlite:///{file}", tmp_path) == (
        f"The database sqlite:///{file} cannot be reached (file is not a database); check CAMPAIGN_DATABASE_URL."
    )


def test_a_postgresql_without_answer_is_one_sentence_without_password(free_port: int, tmp_path: Path) -> None:
    sentence = refusal(f"postgresql://user:hunter2@127.0.0.1:{free_port}/db", tmp_path)
    assert sentence.startswith(f"The database postgresql+psycopg://user:***@127.0.0.1:{free_port}/db cannot be reached")
    assert sentence.endswith("; check CAMPAIGN_DATABASE_URL.")
    assert "hunter2" not in sentence


def test_a_password_among_the_options_of_an_address_is_not_shown_either(free_port: int, tmp_path: Path) -> None:
    assert "hunter2" not in refusal(f"postgresql://127.0.0.1:{free_port}/db?user=u&password=hunter2", tmp_path)


def test_an_address_has_one_engine(tmp_path: Path) -> None:
    with in_use(Database("sqlite", f"sqlite:///{tmp_path}/campaign.db"), tmp_path):
        assert engine() is engine()

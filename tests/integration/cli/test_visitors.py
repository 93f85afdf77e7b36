"""`campaign visitors --where` and `--count`."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from models import Service
from tests.command import COMMAND, here
from tests.databases import Database
from tests.factories import NOW, follower, page
from tests.readings import read_all, saved_service


@pytest.fixture(autouse=True)
def acme(database: Database) -> Service:  # noqa: ARG001
    acme = saved_service()
    people = [follower(1, followers_count=60, verified=True), follower(2, followers_count=None), follower(3)]
    read_all(acme, [page(people)])
    read_all(saved_service(internal_name="other", block_id="block-other"), [page(people[:1])], now=NOW)
    return acme


def listed(*words: str) -> list[str]:
    done = here("visitors", *words, "--json")
    assert (done.status, done.err) == (0, "")
    return sorted(f"{row['service']} {row['external_id']}" for row in json.loads(done.out))


def test_a_condition_goes_with_the_other_filters() -> None:
    assert listed("--where", "followers_count > 50 and verified") == ["acme 1", "other 1"]
    assert listed("--where", "followers_count > 50", "--service", "acme") == ["acme 1"]
    assert listed("--where", "followers_count > 50", "--limit", "1", "--service", "other") == ["other 1"]
    assert listed("--where", "followers_count > 50", "--new-since", "2100-01-01") == []
    assert listed("--where", "not followers_count > 50") == ["acme 2", "acme 3"]
    assert listed("--where", "not verified", "--ended") == []
    assert listed("--where", "consented") == []


def test_a_count_is_a_number_or_a_document() -> None:
    assert here("visitors", "--count").out == "4\n"
    assert here("visitors", "--count", "--where", "username = 'PERSON_1'", "--service", "acme").out == "1\n"
    assert here("visitors", "--count", "--where", "location is not empty", "--json").document == {"count": 0}


def test_a_condition_in_a_table_says_how_many_there_are() -> None:
    done = here("visitors", "--where", "verified")
    assert done.sentence == "2 visitors."
    assert "person_1" in done.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--where", "follwers_count > 5"], "Invalid field 'follwers_count' at character 1; write followers_count, or"),
        (["--where", ""], "The condition is empty"),
        (["--where", "username = 'x"], 'Unclosed quote "\'x" at character 12; close it.'),
        (["--count", "--csv"], "Choose --csv or --count"),
        (["--count", "--limit", "3"], "Choose --count or --limit"),
    ],
)
def test_an_error_is_one_sentence(words: list[str], sentence: str) -> None:
    done = here("visitors", *words)
    assert (done.status, done.out) == (2, "")
    assert done.sentence.startswith(sentence)


def test_the_parser_is_imported_only_for_a_condition() -> None:
    script = "import sys, campaign.cli.main; sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def exported(file: Path, *words: str) -> bytes:
    """Sends the output of a command of its own into a file, as a shell does."""
    with file.open("ab") as out:
        subprocess.run([*COMMAND, "visitors", *words], stdout=out, check=True)
    return file.read_bytes()


def test_a_file_shows_the_right_letters_and_the_right_ids_in_a_spreadsheet(
    acme: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [
        follower(1257683100473814718, full_name="Ána Müller 日本"),
        follower(4402106592047953063, full_name="Ana;=1+1;x"),
        follower(7, full_name="\uff1d1"),
    ]
    read_all(acme, [page(people)])
    written = exported(tmp_path / "a.csv", "--service", "acme", "--csv")
    assert written.startswith(b"\xef\xbb\xbfService,")
    rows = list(csv.DictReader(written.decode("utf-8-sig").splitlines()))
    assert {row["External ID"]: row["Full name"] for row in rows if row["External ID"] not in {"1", "2", "3"}} == {
        "'1257683100473814718": "Ána Müller 日本",
        "'4402106592047953063": "Ana;'=1+1;x",
        "7": "'\uff1d1",
    }
    # A mark in the middle of a file would be a letter of it.
    again = exported(tmp_path / "a.csv", "--service", "acme", "--csv")
    assert again.count(b"\xef\xbb\xbf") == 1
    monkeypatch.setenv("CAMPAIGN_CSV_BOM", "false")
    assert exported(tmp_path / "b.csv", "--service", "acme", "--csv").startswith(b"Service,")


def test_an_export_can_be_imported_again(acme: Service, tmp_path: Path) -> None:
    read_all(acme, [page([follower(1257683100473814718, full_name='a"b, c\nd;=1')])])
    exported(tmp_path / "a.csv", "--service", "acme", "--csv")
    draft = here(
        "delivery", "create", "--kind", "dm", "--service", "acme", "--text", "x", "--list", str(tmp_path / "a.csv")
    )
    assert draft.status == 0, draft.err
    imported = here("contact", "import", str(tmp_path / "a.csv"), "--json")
    assert imported.document["rows"] == 4
    profile = here("contact", "show", "--external-id", "1257683100473814718", "--json").document["profile"]
    assert profile["full_name"] == 'a"b, c\nd;=1'

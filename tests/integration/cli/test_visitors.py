"""`campaign visitors --where` and `--count`."""

import json
import subprocess
import sys

import pytest

from models import Service
from tests.command import here
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


def test_what_is_counted_is_a_number_or_a_document() -> None:
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
def test_what_is_wrong_is_one_sentence(words: list[str], sentence: str) -> None:
    done = here("visitors", *words)
    assert (done.status, done.out) == (2, "")
    assert done.sentence.startswith(sentence)


def test_the_parser_is_imported_by_those_who_write_a_condition_only() -> None:
    script = "import sys, campaign.cli.main; sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

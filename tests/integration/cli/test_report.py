"""`campaign report`: for people, for scripts and for spreadsheets."""

import csv
from io import StringIO

import pytest

from campaign.statistics.counts import Engagement
from tests.command import here
from tests.databases import Database
from tests.engaging import counted, went_out
from tests.factories import NOW
from tests.readings import saved_service


@pytest.fixture(autouse=True)
def launch(sqlite_database: Database) -> None:
    assert sqlite_database
    delivery = went_out(saved_service(x_username="AcmeCorp"), "launch", label="Launch")
    counted(delivery, NOW, Engagement(likes=5, impressions=100))


def test_a_delivery_is_shown_to_people_in_tables() -> None:
    done = here("report", "delivery", "launch")

    assert done.status == 0
    assert "Posts published" in done.out
    assert "5.00 %" in done.out
    assert "Post on @acme" in done.out


def test_scripts_get_one_document() -> None:
    assert here("report", "delivery", "launch", "--json").document["engagement_rate"] == 0.05
    assert here("report", "service", "ACME", "--json").document["best_posts"][0]["delivery"] == "launch"
    assert here("report", "all", "--json").document["services"][0]["service"] == "acme"


@pytest.mark.parametrize("words", [("delivery", "launch"), ("service", "acme"), ("all",)])
def test_spreadsheets_get_every_figure(words: tuple[str, ...]) -> None:
    done = here("report", *words, "--csv")

    head, *rows = csv.reader(StringIO(done.out))
    assert (done.status, done.err, head) == (0, "", ["Section", "Row", "Column", "Value"])
    assert [value for _, _, column, value in rows if column == "Engagement rate"] or "0.050000" in done.out


@pytest.mark.parametrize("words", [("delivery", "nothing"), ("service", "nobody"), ("all", "--json", "--csv"), ("x",)])
def test_an_error_is_one_sentence(words: tuple[str, ...]) -> None:
    done = here("report", *words)

    assert (done.status, done.out) == (2, "")
    assert done.sentence

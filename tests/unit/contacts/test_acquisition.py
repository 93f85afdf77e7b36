"""The report of contacts won, and the rows of a list of contacts."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from campaign.contacts.acquisition import Acquisition, Funnel, InvitationReport, document_of, in_words
from campaign.contacts.importing import ConsentGiven, read_row
from campaign.errors import WrongUsage
from campaign.reporting.text import as_markdown
from models import DeliveryKind
from tests.factories import NOW

COME = InvitationReport("dm-1", "Come | closer", DeliveryKind.DM, Funnel(600, 40, 12, 11, 3), NOW, NOW)
POST = InvitationReport("post-1", "A post", DeliveryKind.POST, Funnel(agreed=2, recovered=2))
ACME = Acquisition("acme", "Acme", followers=1_000, contacts=13, withdrawn=1, invitations=(POST, COME))


def test_the_rate_is_contacts_by_followers() -> None:
    assert ACME.rate == 0.013
    assert in_words(ACME) == "13 contacts, 1.3% of its 1,000 followers. 1 took their agreement back."
    assert replace(ACME, followers=0).rate is None
    assert in_words(Acquisition("acme", "Acme", followers=0, contacts=1)) == "1 contact."


def test_the_funnel_of_all_is_the_sum() -> None:
    assert ACME.funnel == Funnel(600, 40, 14, 13, 3)


def test_the_report_is_a_table_in_which_nothing_is_claimed_of_posts() -> None:
    lines = as_markdown(document_of([ACME])).splitlines()
    assert "| A post |  |  |  |  | 2 | 2 | 0 |" in lines
    assert any(line.startswith("| Come \\| closer |") for line in lines)
    assert "| All |  |  | 600 | 40 | 14 | 13 | 3 |" in lines


def test_without_contacts_the_report_says_so() -> None:
    assert "No service has sent an invitation yet\\." in as_markdown(document_of([]))
    assert "There are no invitations yet\\." in as_markdown(document_of([replace(ACME, invitations=())]))


def test_a_row_names_a_person_and_what_the_person_agreed_to() -> None:
    cells = {
        "external_id": "17",
        "username": "@Ana",
        "email": "Ana@Example.com",
        "full_name": "Ana",
        "consent_service": "@Acme",
        "consent_source": "card 12",
        "consented_at": "2026-11-01",
    }
    row = read_row(cells, NOW)
    assert (row.external_id, row.username, row.email, row.profile) == (
        "17",
        "ana",
        "ana@example.com",
        {"full_name": "Ana"},
    )
    assert row.consent == ConsentGiven("acme", "card 12", datetime(2026, 11, 1, tzinfo=UTC))
    assert read_row({"email": "a@example.com"}, NOW).person == "a@example.com"


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"full_name": "Ana"}, "are empty"),
        ({"external_id": "12a"}, "invalid X user id"),
        ({"username": "an na"}, "invalid handle"),
        ({"email": "ana"}, "invalid email address"),
        ({"email": "ana@example"}, "invalid email address"),
        ({"email": "a" * 320 + "@example.com"}, "longer than 320"),
        ({"email": "a@example.com", "consent_source": "card"}, "consent_service is empty"),
        ({"username": "ana", "consent_service": "acme", "consented_at": "2026-11-01"}, "consent_source"),
        ({"username": "ana", "consent_service": "acme", "consent_source": "card"}, "consented_at"),
        (
            {"username": "ana", "consent_service": "acme", "consent_source": "card", "consented_at": "2027-01-01"},
            "in the future",
        ),
    ],
)
def test_a_row_that_cannot_be_used_says_why(cells: dict[str, str], sentence: str) -> None:
    with pytest.raises(WrongUsage, match=sentence):
        read_row(cells, NOW)


@pytest.mark.parametrize(
    ("cell", "email"),
    [
        ("Ana@Example.com", "ana@example.com"),
        ("mailto:x@example.com", "x@example.com"),
        ("MAILTO:x%40example.com?subject=Hi", "x@example.com"),
        ("<x@example.com>", "x@example.com"),
        ("<mailto:x@example.com>", "x@example.com"),
        ("Ana <ana@example.com>", "ana@example.com"),
        ('"Lee, Ana" <ana@example.com>;', "ana@example.com"),
        ("ana@example.com <ana@example.com>", "ana@example.com"),
        ("x@example.com.", "x@example.com"),
        (" x@example.com \u200b", "x@example.com"),
        ("x\uff20example.com", "x@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("ana@m\u00fcnchen.de", "ana@m\u00fcnchen.de"),
        ("", ""),
    ],
)
def test_an_email_cell_is_cleaned(cell: str, email: str) -> None:
    assert read_row({"username": "ana", "email": cell}, NOW).email == email


@pytest.mark.parametrize(
    "cell",
    [
        *("a@example.com; b@example.com", "a@example.com,b@example.com", "a@example.com <b@example.com>", "Ana <>"),
        *(
            "ana(at)example.com",
            "x@exa\u200bmple.com",
            "x@example..com",
            "a b@example.com",
            "mailto:",
            "ana@example.com(home)",
            "ana@example.com/",
            "ana@example.com?subject=Hi",
            "ana@-example.com",
            "ana@10.1",
        ),
    ],
)
def test_an_email_cell_without_one_clear_address_is_refused(cell: str) -> None:
    with pytest.raises(WrongUsage, match="invalid email address"):
        read_row({"username": "ana", "email": cell}, NOW)

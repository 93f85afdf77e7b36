from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign.deliveries.draft import Part, PollContent
from campaign.posts.analysis import analyse
from campaign.x.types import ReplySettings
from models import DeliveryKind
from tests.analysing import PROOF, analysed, draft, sentences, target
from tests.factories import NOW

POLL = PollContent(options=["Tea", "Coffee"])


def test_a_delivery_needs_something_to_say_and_somewhere_to_say_it() -> None:
    analysis, rendered = analysed(draft())
    assert (sentences(analysis), rendered) == ({"no_parts": "There is nothing to post: write a text."}, [])
    assert sentences(analysed(draft(*map(str, range(25))))[0]) == {}
    assert sentences(analysed(draft(*map(str, range(26))))[0]).keys() == {"too_many_parts"}
    assert sentences(analysed(draft("Hello", kind=DeliveryKind.DM))[0]).keys() == {"not_a_post"}
    assert sentences(analysed(draft("Hello", services=["gone", "ACME"]))[0]) == {
        "unknown_service": "There is no service @gone: choose another, or connect it again."
    }


def test_no_account_is_an_error() -> None:
    analysis = analyse(draft("Hello"), [], {}, [], [], proof=PROOF, proofs_sent=1, now=NOW)
    assert sentences(analysis) == {"no_target": "The delivery goes to no account: choose a service."}
    assert analysis.ends_at is None


def test_an_account_that_is_blocked_says_why_in_one_line() -> None:
    analysis, _ = analysed(draft("Hello"), target(blocked_because="Keys wrong.\nSave others."))
    assert sentences(analysis) == {"target_blocked": "Nothing can go out on @acme: Keys wrong. Save others."}


def test_an_account_that_subscribed_may_write_more_but_not_with_the_old_api() -> None:
    subscribed = target("plus", 2, longest_post=25_000)
    assert analysed(draft("x" * 25_000), subscribed)[0].is_ok
    assert sentences(analysed(draft("x" * 25_001), subscribed)[0]).keys() == {"too_long"}
    assert sentences(analysed(draft("x" * 281), replace(subscribed, api_version="1.1"))[0]).keys() == {"too_long"}


@pytest.mark.parametrize(
    ("described", "code"),
    [
        (draft(Part(text="Which?", poll=POLL)), "poll_on_v1"),
        (draft("Hello", reply_settings=ReplySettings.FOLLOWING), "reply_settings_on_v1"),
        (draft("Hello", paid_partnership=True), "paid_partnership_on_v1"),
        (draft("Hello", made_with_ai=True), "made_with_ai_on_v1"),
    ],
)
def test_what_the_old_api_cannot_do_is_an_error_there_only(described: Any, code: str) -> None:
    analysis, _ = analysed(described, target(), target("old", 2, api_version="1.1"))
    errors = {finding.code: finding.sentence for finding in analysis.errors}
    assert errors.keys() == {code}
    assert errors[code].startswith("The post on @old ")
    assert "API version to 2" in errors[code]


def test_a_proof_must_not_be_the_publication() -> None:
    assert sentences(analysed(draft("Hello"), PROOF)[0]).keys() == {"proof_is_target"}


def test_the_spend_cap_of_each_account_is_kept() -> None:
    poor = target("poor", 2, left=Decimal("0.02"))
    assert sentences(analysed(draft("Hello"), poor)[0]) == {}
    assert sentences(analysed(draft("Hello", "Bye"), poor, target())[0])["over_cap"] == (
        "On @poor it costs $0.03, and $0.02 of this month's spend cap is left: raise the spend cap of the service, wait"
        " for the next month, or make it cheaper."
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"contact_date": NOW - timedelta(minutes=6)}, "contact_date_past"),
        ({"contact_date": NOW + timedelta(days=367)}, "contact_date_far"),
        ({"contact_date": datetime(2026, 12, 1)}, "contact_date_without_zone"),  # noqa: DTZ001
        ({"validity_days": 0}, "validity"),
        ({"validity_days": 61}, "validity"),
        ({"validity_days": 10**9}, "validity"),
    ],
)
def test_dates_that_cannot_be_kept_are_errors(changes: dict[str, Any], code: str) -> None:
    assert sentences(analysed(draft("Hello", **changes))[0]).keys() == {code}


@pytest.mark.parametrize("date", [NOW - timedelta(minutes=4), NOW, NOW + timedelta(days=365), None])
def test_a_contact_date_may_be_just_over_or_a_year_ahead(date: datetime | None) -> None:
    assert analysed(draft("Hello", contact_date=date))[0].is_ok


def test_what_x_allows_only_after_the_validity_is_an_error() -> None:
    late = target(open_at=NOW + timedelta(days=2))
    assert analysed(draft("Hello", validity_days=3), late)[0].is_ok
    assert sentences(analysed(draft("Hello", validity_days=1), late)[0]).keys() == {"ends_after_validity"}

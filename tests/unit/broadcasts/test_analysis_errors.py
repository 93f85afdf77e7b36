from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.draft import LONGEST_LIST, FileProblem, MediaItem, Part, PollContent
from campaign.x.types import ReplySettings
from models import DeliveryKind
from tests.analysing import PNG, loaded, sentences
from tests.broadcasting import analysed, broadcast, errors, receiver, sample
from tests.factories import NOW


def test_a_broadcast_with_nothing_wrong_has_no_errors() -> None:
    assert errors(broadcast()) == {}
    assert analysed(broadcast()).is_ok


@pytest.mark.parametrize(
    ("parts", "changes", "code", "sentence"),
    [
        (["Hi"], {"kind": DeliveryKind.POST}, "not_a_broadcast", "The delivery is a post: analyse it as one."),
        ([" "], {}, "no_text", "There is nothing to send: write a text."),
        (
            ["a", "b"],
            {},
            "several_parts",
            "The delivery has 2 parts: a message is one, so remove the others.",
        ),
        (
            [Part(text="Hi", poll=PollContent(options=["a", "b"]))],
            {},
            "poll_in_message",
            "A message has no poll: remove it, or ask in the text.",
        ),
        (
            ["Hi"],
            {"reply_settings": ReplySettings.FOLLOWING},
            "reply_settings_in_message",
            "A message does not say who may answer: remove that setting.",
        ),
        (
            ["Hi"],
            {"paid_partnership": True},
            "paid_partnership_in_message",
            "A message cannot be marked as a paid partnership: remove the mark, and say it in the text.",
        ),
        (
            ["Hi"],
            {"made_with_ai": True},
            "made_with_ai_in_message",
            "A message cannot be marked as made with AI: remove the mark, and say it in the text.",
        ),
        (
            [Part(text="Hi", media=[PNG, MediaItem(source="b.png")])],
            {},
            "several_files",
            "The message has 2 files: X takes one, so remove the others.",
        ),
        (["Hi"], {"limit": 0}, "limit", "The limit is 0 people: set it to 1 at least, or leave it empty."),
        (
            ["Hi"],
            {"people": ["a"] * (LONGEST_LIST + 1)},
            "list_too_long",
            "The list has 100,001 people: shorten it to 100,000 at most.",
        ),
        (
            ["Hi"],
            {"services": ["acme", "gone"]},
            "unknown_service",
            "There is no service @gone: choose another, or connect it again.",
        ),
        (
            ["Hi"],
            {"contact_date": NOW - timedelta(days=1)},
            "contact_date_past",
            "The contact date 2026-11-25 07:30:00 UTC is over: set a later one, or none for now.",
        ),
        (
            ["Hi"],
            {"validity_days": 0},
            "validity",
            "The validity is 0 days: set it to 1 at least and 60 at most.",
        ),
    ],
)
def test_what_is_wrong_is_reported_with_its_remedy(
    parts: list[str | Part], changes: dict[str, Any], code: str, sentence: str
) -> None:
    assert errors(broadcast(*parts, **changes)) == {code: sentence}


def test_a_text_that_cannot_be_personalised_is_reported_as_it_was_found() -> None:
    assert errors(broadcast("{{ x }}"), text_problem="There is no field x.") == {"text_broken": "There is no field x."}
    assert set(errors(broadcast(""), text_problem="There is no text.")) == {"no_text"}


def test_a_message_may_be_a_file_and_has_to_be_looked_at() -> None:
    picture = broadcast(Part(media=[PNG]))
    assert errors(picture) == {}
    assert errors(picture, files={"a.png": loaded()}) == {}
    assert set(errors(picture, files={})) == {"file_not_read"}
    assert errors(picture, files={"a.png": FileProblem("a.png", "no_file", "Gone.")}) == {"no_file": "Gone."}


def test_the_longest_message_is_not_longer_than_x_takes() -> None:
    assert errors(broadcast(), samples=[sample(text="x" * 10_000)]) == {}
    assert errors(broadcast(), samples=[sample(text="x" * 10_001), sample()]) == {
        "too_long": (
            "The longest message has 10,001 characters, 1 more than the 10,000 that X takes: shorten the text."
        )
    }


def test_without_a_service_nothing_goes_out() -> None:
    nothing = analysed(broadcast(services=[]), receiver(recipients=0, targeted=0))
    assert "nobody_left" in sentences(nothing)
    assert sentences(nothing)["nobody_left"] == "The target is empty. Choose another target."


def test_a_service_that_is_blocked_or_may_not_send_messages_is_reported() -> None:
    said = errors(broadcast(), receiver(blocked_because="Its keys\nare wrong.", can_send_messages=False))
    assert said["target_blocked"] == "Nothing can go out on @acme: Its keys are wrong."
    assert said["no_message_permission"].startswith("The app of @acme may not send direct messages: set its permission")


def test_without_recipients_the_excluded_are_counted_by_reason() -> None:
    nobody = receiver(recipients=0, excluded={"opted_out": 2, "not_a_follower": 60})
    assert errors(broadcast(), nobody, receiver("beta", 2, 0, excluded={"not_a_follower": 1})) == {
        "nobody_left": (
            "All people in the target (63) are left out: they asked for no more messages (2), do not follow any"
            " more (61). Choose another target."
        )
    }


def test_reading_what_was_sent_counts_against_the_spend_cap() -> None:
    assert errors(broadcast(), receiver(left=Decimal("0.25"))) == {}
    assert errors(broadcast(), receiver(left=Decimal("0.249"))) == {
        "over_cap": (
            "On @acme it costs about $0.25, and $0.249 of this month's spend cap is left: raise the spend cap of the"
            " service, wait for the next month, or write to fewer people."
        )
    }


@given(st.integers(0, 30), st.integers(0, 100), st.sampled_from([None, "Broken."]))
def test_a_broadcast_without_errors_is_affordable_and_reaches_people(
    recipients: int, cents: int, problem: str | None
) -> None:
    left = Decimal(cents) / 100
    analysis = analysed(broadcast(), receiver(recipients=recipients, left=left), text_problem=problem)
    assert not analysis.is_ok or (analysis.messages > 0 and analysis.cost <= left and problem is None)

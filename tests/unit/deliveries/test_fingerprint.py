from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.approval import fingerprint
from campaign.deliveries.draft import Draft, PollContent, RenderedPart
from campaign.x.types import MediaKind, ReplySettings
from models import ApprovalMode, DeliveryKind
from tests.analysing import loaded
from tests.factories import NOW

DRAFT = Draft(services=["acme", "beta"], proof_service="proofs", contact_date=NOW)
POLL = PollContent(options=["Tea", "Coffee"])
PARTS = [
    RenderedPart(1, 1, "Hello", (loaded(), loaded("b.png"))),
    RenderedPart(1, 2, "Which?", poll=POLL),
    RenderedPart(2, 1, "Bonjour"),
    RenderedPart(2, 2, "Lequel?", poll=POLL),
]
MARK = fingerprint(DRAFT, PARTS)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": DeliveryKind.DM},
        {"contact_date": None},
        {"contact_date": NOW + timedelta(seconds=1)},
        {"validity_days": 6},
        {"proof_service": None},
        {"proof_service": "other"},
        {"approval": ApprovalMode.AUTOMATIC},
        {"tracking": False},
    ],
)
def test_a_change_of_how_it_goes_out_is_another_mark(changes: dict[str, Any]) -> None:
    assert fingerprint(DRAFT.model_copy(update=changes), PARTS) != MARK


FILE = loaded()


@pytest.mark.parametrize(
    "changes",
    [
        {"service_id": 3},
        {"part": 3},
        {"text": "Hello "},
        {"files": ()},
        {"files": (FILE,)},
        {"files": (loaded("b.png"), FILE)},
        {"files": (replace(FILE, sha256="other"), loaded("b.png"))},
        {"files": (replace(FILE, alt_text="A fox"), loaded("b.png"))},
        {"files": (replace(FILE, kind=MediaKind.GIF), loaded("b.png"))},
        {"poll": POLL},
        {"poll": POLL.model_copy(update={"minutes": 5})},
        {"reply_settings": ReplySettings.FOLLOWING},
        {"paid_partnership": True},
        {"made_with_ai": True},
    ],
)
def test_a_change_of_what_goes_out_is_another_mark(changes: dict[str, Any]) -> None:
    assert fingerprint(DRAFT, [replace(PARTS[0], **changes), *PARTS[1:]]) != MARK


@pytest.mark.parametrize("changed", [PARTS[1:], [*PARTS, RenderedPart(3, 1, "Hello")]])
def test_a_part_more_or_less_is_another_mark(changed: list[RenderedPart]) -> None:
    assert fingerprint(DRAFT, changed) != MARK


def test_the_order_of_the_parts_matters_and_that_of_the_accounts_does_not() -> None:
    swapped = [replace(PARTS[0], part=2), replace(PARTS[1], part=1), *PARTS[2:]]
    assert fingerprint(DRAFT, swapped) != MARK
    assert fingerprint(DRAFT.model_copy(update={"services": ["beta", "acme"]}), [*PARTS[2:], *PARTS[:2]]) == MARK


def test_the_same_moment_elsewhere_and_the_same_file_elsewhere_are_the_same() -> None:
    elsewhere = DRAFT.model_copy(update={"contact_date": NOW.astimezone(timezone(timedelta(hours=9)))})
    moved = replace(FILE, source="https://a.com/x", path="/tmp/x")
    assert fingerprint(elsewhere, [replace(PARTS[0], files=(moved, loaded("b.png"))), *PARTS[1:]]) == MARK


def test_words_for_people_do_not_count() -> None:
    renamed = DRAFT.model_copy(update={"label": "x", "code": "y", "description": "z"})
    assert fingerprint(renamed, PARTS) == MARK


TEXTS = st.lists(st.text(max_size=8), min_size=1, max_size=3)


@given(one=TEXTS, other=TEXTS)
def test_two_threads_have_the_same_mark_only_when_they_say_the_same(one: list[str], other: list[str]) -> None:
    mark: Callable[[list[str]], str] = lambda texts: fingerprint(  # noqa: E731
        DRAFT, [RenderedPart(1, number, text) for number, text in enumerate(texts, start=1)]
    )
    assert (mark(one) == mark(other)) == (one == other)
    again = Draft.model_validate_json(DRAFT.model_dump_json())
    assert fingerprint(again, PARTS) == MARK


def test_the_mark_is_the_same_in_every_process_and_release() -> None:
    assert MARK == "1e828f120ed449a5303b16a92545fcb7c9846ea325ba8803a7ef6b82a331ebc2"

"""A message whose answer was lost: found on X, sent again where it is surely not out, or left to a person."""

from collections import Counter
from typing import Any

import pytest
from sqlmodel import col, select

from campaign.db.engine import read_session
from campaign.deliveries.approval import record_by_hand
from campaign.deliveries.log import FOR_A_PERSON
from campaign.settings import load_settings
from models import DeliveryState, Message, MessageState
from tests.simulated_x import Brand, Connect, SimulatedX
from tests.steps.broadcasts.test_refused import ALL_DAY, MANY, confirmed, numbers_of, recipients_of, send, state_of
from tests.steps.running import sync

SEND = "/2/dm_conversations/*"


@pytest.fixture(autouse=True)
def _quick(x: SimulatedX, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large window, and an inbox that is read before every run."""
    x.command("PUT", "limits", limits=MANY | {"messages/events": 1_000}, day_limits=ALL_DAY)
    monkeypatch.setenv("CAMPAIGN_INBOX_SECONDS", "2")
    monkeypatch.setenv("CAMPAIGN_SETTLE_SECONDS", "1")
    load_settings.cache_clear()


def left_to_a_person() -> list[Message]:
    with read_session() as session:
        return list(session.scalars(select(Message).where(col(Message.reason_code) == FOR_A_PERSON)))


def written_to(brand: Brand) -> Counter[str]:
    return Counter(recipients_of(brand))


def test_a_conversation_that_goes_quiet_is_never_written_to_twice(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", 3)
    assert sync("acme").is_completed
    assert send(confirmed(acme)).is_completed
    x.command("PUT", "conversations", encrypted=True, followers_of="acme")
    second = confirmed(acme, label="Second")
    x.fault(SEND, "answer_lost", method="POST")

    outcome = send(second)

    assert set(written_to(acme).values()) == {2}
    assert not outcome.is_completed
    assert f"campaign delivery settle {second}" in outcome.message
    assert numbers_of(second) == {MessageState.SENT: 2, MessageState.UNCERTAIN: 1}
    (lost,) = left_to_a_person()
    assert "may be encrypted" in lost.reason

    record_by_hand(second, "ana", "1")
    assert send(second).is_completed
    assert state_of(second) is DeliveryState.FINISHED


def test_what_is_not_out_is_sent_again_to_people_who_never_got_a_message(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", 3)
    assert sync("acme").is_completed
    x.fault(SEND, "unavailable_before", method="POST", times=2)
    name = confirmed(acme)
    assert send(name).is_completed
    assert numbers_of(name) == {MessageState.SENT: 3}
    assert set(written_to(acme).values()) == {1}


DUPLICATE = {"title": "Forbidden", "detail": "You are not allowed to send a message with duplicate content."}
SAID = {"errors": [{"code": 151, "message": "There was an error sending your message: Whoops! You already said that."}]}


@pytest.mark.parametrize("body", [DUPLICATE | {"status": 403, "type": "about:blank"}, SAID], ids=["v2", "v1.1"])
@pytest.mark.parametrize("is_shown", [True, False])
def test_a_refusal_as_a_duplicate_after_a_lost_answer_is_evidence(
    x: SimulatedX, connect: Connect, body: dict[str, Any], is_shown: bool
) -> None:
    acme = connect("acme", 1)
    assert sync("acme").is_completed
    # X shows it only after the first look-up, or never.
    x.command("PUT", "messages", show_after_seconds=3 if is_shown else 10_000)
    x.fault(SEND, "answer_lost", method="POST")
    x.fault(SEND, "literal", method="POST", after=1, status=403, body=body)
    name = confirmed(acme)

    send(name)

    assert len(recipients_of(acme)) == 1
    assert numbers_of(name) == {MessageState.SENT if is_shown else MessageState.UNCERTAIN: 1}
    assert len(left_to_a_person()) == (0 if is_shown else 1)

"""Events that X shows without something: left out, named and counted, while the broadcast goes out."""

import logging

import pytest

from campaign.broadcasts.prepare import BroadcastKind
from campaign.settings import load_settings
from models import DeliveryState
from tests.simulated_x import Connect, SimulatedX
from tests.steps.broadcasts.test_refused import ALL_DAY, MANY, confirmed, recipients_of, state_of
from tests.steps.running import sync


@pytest.fixture(autouse=True)
def _quick(x: SimulatedX, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large window, and an inbox that is read before every run."""
    x.command("PUT", "limits", limits=MANY | {"messages/events": 1_000}, day_limits=ALL_DAY)
    monkeypatch.setenv("CAMPAIGN_INBOX_SECONDS", "0")
    load_settings.cache_clear()


V2, V1 = "/2/dm_events", "/1.1/direct_messages/events/list*"


@pytest.mark.parametrize(
    ("path", "lacking"),
    [
        (V2, "sender_id"),
        (V2, "created_at"),
        (V2, "dm_conversation_id"),
        (V1, "message_create.sender_id"),
        (V1, "created_timestamp"),
    ],
)
def test_an_odd_event_keeps_no_broadcast_from_going_out(
    x: SimulatedX, connect: Connect, path: str, lacking: str, caplog: pytest.LogCaptureFixture
) -> None:
    acme = connect("acme", 4, api_version="2" if path is V2 else "1.1")
    assert sync("acme").is_completed
    leaving, odd, *_ = sorted(acme.truth())
    x.command("POST", "accounts/acme/messages", **{"from": leaving, "text": "stop"}, ago_seconds=9)
    said = x.command("POST", "accounts/acme/messages", **{"from": odd, "text": "Hello"})
    x.fault(path, "odd_record", method="GET", omit=[lacking], times=None)
    name = confirmed(acme)

    with caplog.at_level(logging.WARNING):
        sent = BroadcastKind().send(name, "a test", wait=True)

    assert (sent.is_well, state_of(name)) == (True, DeliveryState.FINISHED)
    assert sorted(recipients_of(acme)) == sorted(set(acme.truth()) - {leaving})
    assert sent.report.left_out > 0
    assert str(said["id"]) in caplog.text

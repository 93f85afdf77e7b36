"""A backup in the middle of sending, more that goes out, the restore, and what follows: everything is out once."""

import time
from collections import Counter
from pathlib import Path

import pytest
from sqlmodel import col, select

from campaign.db.engine import read_session
from campaign.settings import load_settings
from models import DeliveryState, Message, MessageState, Suppression
from tests.command import Done, here
from tests.simulated_x import Brand, Connect, SimulatedX
from tests.steps.broadcasts.test_refused import ALL_DAY, confirmed, numbers_of, recipients_of, send, state_of
from tests.steps.running import both_databases, sync

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_INBOX_SECONDS", "0")
    monkeypatch.setenv("CAMPAIGN_SETTLE_SECONDS", "1")
    monkeypatch.setenv("CAMPAIGN_BACKUP_PASSPHRASE", PASSPHRASE)
    load_settings.cache_clear()


@pytest.fixture
def acme(connect: Connect) -> Brand:
    brand = connect("acme", 30)
    assert sync("acme").is_completed
    return brand


@pytest.fixture
def slow(x: SimulatedX) -> None:
    """An X that takes ten messages every two seconds."""
    limits = {"messages": 10, "messages/events": 1_000}
    x.command("PUT", "limits", window_seconds=2, limits=limits, day_limits=ALL_DAY)


def done(*words: str) -> Done:
    command = here(*words)
    assert command.status == 0, command.err
    return command


def people_written_to(brand: Brand) -> set[int]:
    return set(Counter(recipients_of(brand)).values())


@both_databases
@pytest.mark.usefixtures("slow")
def test_after_a_restore_a_broadcast_reaches_each_person_once(x: SimulatedX, acme: Brand, tmp_path: Path) -> None:
    file = tmp_path / "campaign.backup"
    name = confirmed(acme)
    send(name, wait=False)
    done("backup", str(file))
    assert numbers_of(name) == {MessageState.SENT: 10, MessageState.PENDING: 20}
    time.sleep(2)
    send(name, wait=False)
    assert len(recipients_of(acme)) == 20
    leaving = next(one for one in acme.users() if one["id"] not in recipients_of(acme))
    x.command("POST", "accounts/acme/messages", **{"from": leaving["id"], "text": "STOP"})

    restored = done("restore", str(file), "--overwrite")

    assert "20 posts and messages may be out since" in restored.err
    assert numbers_of(name) == {MessageState.SENT: 10, MessageState.UNCERTAIN: 20}
    assert send(name).is_completed
    assert (len(recipients_of(acme)), people_written_to(acme)) == (29, {1})
    assert state_of(name) is DeliveryState.FINISHED
    assert numbers_of(name) == {MessageState.SENT: 29, MessageState.CANCELLED: 1}
    with read_session() as session:
        assert len(session.scalars(select(Suppression)).all()) == 1
        x_ids = session.scalars(select(Message.x_id).where(col(Message.x_id).is_not(None))).all()
    assert len(set(x_ids)) == 29

"""A backup in the middle of sending, more that goes out, the restore, and what follows: everything is out once."""

import time
from collections import Counter
from pathlib import Path

import pendulum
import pytest
from sqlmodel import col, select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import compose
from campaign.deliveries.draft import Content, Draft, Part
from campaign.deliveries.log import mark_unknown
from campaign.kinds import confirm, kind_of
from campaign.posts.publish import publish_delivery
from campaign.settings import load_settings
from models import DeliveryKind, DeliveryState, Message, MessageState, Suppression
from tests.command import Done, here
from tests.databases import Database, close_connections
from tests.simulated_x import Brand, Connect, SimulatedX
from tests.steps.broadcasts.test_refused import ALL_DAY, MANY, confirmed, numbers_of, recipients_of, send, state_of
from tests.steps.running import both_databases, sync

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _alone(database: Database) -> None:
    close_connections(database)


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
def quick(x: SimulatedX) -> None:
    x.command("PUT", "limits", limits=MANY | {"messages/events": 1_000}, day_limits=ALL_DAY)


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
    time.sleep(3.5)  # X counts whole seconds
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


@pytest.mark.usefixtures("quick")
def test_people_with_earlier_messages_are_decided_for_all_by_a_person(acme: Brand, tmp_path: Path) -> None:
    file = tmp_path / "campaign.backup"
    assert send(confirmed(acme, label="First")).is_completed
    second = confirmed(acme, label="Second")
    done("backup", str(file))
    done("restore", str(file), "--overwrite")

    assert not send(second).is_completed

    assert people_written_to(acme) == {1}
    assert numbers_of(second) == {MessageState.UNCERTAIN: 30}
    assert done("delivery", "settle", second, "--not-sent", "--all", "--json").document == {"settled": 30}
    assert send(second).is_completed
    assert people_written_to(acme) == {2}


@pytest.mark.usefixtures("quick")
def test_what_x_does_not_show_any_more_is_left_to_a_person(acme: Brand) -> None:
    name, now = confirmed(acme), pendulum.now("UTC")
    with transaction() as session:
        doubts = mark_unknown(session, now.subtract(days=31), now)
    assert (doubts.unknown, doubts.for_a_person) == (0, 30)
    assert not send(name).is_completed
    assert recipients_of(acme) == []


def thread_of(brand: Brand, *parts: str) -> str:
    draft = Draft(
        kind=DeliveryKind.POST,
        label=parts[0],
        services=[brand.name],
        content=Content(parts=[Part(text=text) for text in parts]),
    )
    name = compose(draft, actor="ana").name
    kind_of(name).analyse(name, "ana")
    confirm(name, "ana")
    return name


def posts_of(brand: Brand) -> list[str]:
    return sorted(one["text"] for one in brand.x.command("GET", f"accounts/{brand.name}/posts")["posts"])


@both_databases
def test_a_thread_goes_on_where_it_was_and_a_confirmed_post_asks_a_person(
    x: SimulatedX, acme: Brand, tmp_path: Path
) -> None:
    file = tmp_path / "campaign.backup"
    thread, single = thread_of(acme, "One", "Two", "Three"), thread_of(acme, "Alone")
    x.limit(2, posts=1)
    publish_delivery(thread, "ana", wait=False)
    done("backup", str(file))
    assert posts_of(acme) == ["One"]
    time.sleep(3.5)  # X counts whole seconds
    publish_delivery(thread, "ana", wait=False)
    publish_delivery(single, "ana", wait=True)
    assert posts_of(acme) == ["Alone", "One", "Two"]

    done("restore", str(file), "--overwrite")
    publish_delivery(thread, "ana", wait=True)

    assert posts_of(acme) == ["Alone", "One", "Three", "Two"]
    assert state_of(thread) is DeliveryState.FINISHED
    with read_session() as session:
        returned = deliveries.named(session, single)
    assert returned.state is DeliveryState.BEING_EDITED
    assert "it may be out since" in returned.reason

"""What X refuses of a broadcast: one person, one account, too many people; and what its validity ends."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pendulum
import pytest

from campaign.broadcasts import waves
from campaign.broadcasts.prepare import analyse_delivery
from campaign.broadcasts.report import report_on
from campaign.broadcasts.send import describe_outcome, due_broadcasts, send_broadcast
from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import compose, resume, resume_if_paused
from campaign.deliveries.draft import Audience, Broadcast, Content, Draft, MediaItem, Part
from campaign.deliveries.kind import Analysed, Rendered
from campaign.errors import NotPossible, WrongUsage
from campaign.kinds import confirm
from campaign.settings import load_settings
from models import DeliveryKind, DeliveryState, MessageState
from tests.pictures import picture
from tests.simulated_x import Brand, Connect, SimulatedX
from tests.steps.running import sync

MANY = {"messages": 1_000}
ALL_DAY = {"messages": {"user": 100_000, "app": 100_000}}


@pytest.fixture(autouse=True)
def _quick(x: SimulatedX, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large window, and an inbox that is read before every run."""
    x.command("PUT", "limits", limits=MANY, day_limits=ALL_DAY)
    monkeypatch.setenv("CAMPAIGN_INBOX_SECONDS", "0")
    load_settings.cache_clear()


def analysed(
    *brands: Brand, label: str = "Hello", media: list[MediaItem] | None = None, where: str = ""
) -> Analysed[Rendered]:
    draft = Draft(
        kind=DeliveryKind.DM,
        label=label,
        services=[brand.name for brand in brands],
        content=Content(parts=[Part(text="Hello {{ visitor.username | default('there') }}", media=media or [])]),
        broadcast=Broadcast(audience=Audience(where=where)),
    )
    return analyse_delivery(compose(draft, actor="ana").name, "ana")


def confirmed(*brands: Brand, **more: Any) -> str:
    name = analysed(*brands, **more).rendered.delivery.name
    confirm(name, "ana", accept_unconsented=True)
    return name


@dataclass(frozen=True)
class Outcome:
    is_completed: bool
    message: str


def send(name: str, *, wait: bool = True) -> Outcome:
    """Send one broadcast as a command does it."""
    try:
        resume_if_paused(name, "a test")
        delivery, ends, until = send_broadcast(name, "a test", wait=wait)
    except (NotPossible, WrongUsage) as error:
        return Outcome(is_completed=False, message=str(error))
    report = report_on(delivery, ends)
    unhappy = [f"{report.name}: {report.sentence}"] if report.is_unhappy else []
    return Outcome(*describe_outcome(unhappy, ends, [], until))


def state_of(name: str) -> DeliveryState:
    with read_session() as session:
        return deliveries.named(session, name).state


def numbers_of(name: str) -> dict[MessageState, int]:
    with read_session() as session:
        return dict(waves.count_by_state(session, deliveries.named(session, name).id))


def recipients_of(brand: Brand) -> list[str]:
    messages = brand.x.command("GET", f"accounts/{brand.name}/messages")["messages"]
    return [one["recipient"] for one in messages if one["sender"] == brand.made["user_id"]]


def test_the_old_api_sends_a_picture_to_all_people_too(x: SimulatedX, connect: Connect, tmp_path: Path) -> None:
    acme = connect("acme", 12, api_version="1.1")
    assert sync("acme").is_completed
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "shop.png").write_bytes(picture("PNG"))

    outcome = send(confirmed(acme, media=[MediaItem(source="shop.png", alt_text="A shop")]))

    assert outcome.is_completed, outcome.message
    assert sorted(recipients_of(acme)) == sorted(acme.truth())
    messages = x.command("GET", "accounts/acme/messages")["messages"]
    assert {len(one["media"]) for one in messages} == {1}
    uploads = [call for call in x.calls() if "media/upload" in call["path"] and call["method"] == "POST"]
    assert len(uploads) == 3  # announced, sent and ended once for everybody


def test_a_locked_account_pauses_only_its_broadcasts_until_the_remedy(connect: Connect) -> None:
    acme, bolt = connect("acme", 15), connect("bolt", 15)
    assert sync().is_completed
    locked, other = confirmed(acme), confirmed(bolt, label="Other")
    acme.become(condition="locked")

    outcomes = [send(name) for name in due_broadcasts()]

    assert [outcome.is_completed for outcome in outcomes] == [False, True]
    assert "logs in at x.com" in outcomes[0].message
    assert (state_of(locked), state_of(other)) == (DeliveryState.PAUSED, DeliveryState.FINISHED)
    assert recipients_of(acme) == []

    acme.become(condition="ok")
    resume(locked, "ana")
    assert send(locked).is_completed
    assert sorted(recipients_of(acme)) == sorted(acme.truth())
    assert state_of(locked) is DeliveryState.FINISHED


MESSAGES = "/2/dm_conversations/with/*/messages"


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "html", "status": 403}, "does not come from X's API"),
        ({"kind": "not_routed"}, "does not serve"),
        ({"kind": "unauthorized"}, "rejects the keys of acme since"),
        ({"kind": "spend_cap_reached", "reset_date": "2099-01-01"}, "spending limit for this billing cycle is reached"),
    ],
)
def test_what_passes_by_itself_pauses_no_broadcast_and_refuses_no_person(
    x: SimulatedX, connect: Connect, fault: dict[str, Any], sentence: str
) -> None:
    acme = connect("acme", 12)
    assert sync().is_completed
    name = confirmed(acme)
    x.fault(MESSAGES, after=4, times=None, **fault)

    _, [end], until = send_broadcast(name, "a test", wait=False)

    assert sentence in end.reason
    assert until
    assert until == end.until
    assert state_of(name) is DeliveryState.IN_PROGRESS
    assert numbers_of(name).keys() == {MessageState.SENT, MessageState.PENDING}
    assert not acme.service.blocked
    x.be_well()
    assert send(name).is_completed
    assert sorted(recipients_of(acme)) == sorted(acme.truth())


def test_a_refused_person_is_left_out_until_the_next_sync(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", 30)
    assert sync("acme").is_completed
    closed = sorted(acme.truth())[:2]
    x.command("PUT", "recipients", state="closed", users=closed)
    first = confirmed(acme)
    assert send(first).is_completed
    assert numbers_of(first) == {MessageState.SENT: 28, MessageState.REFUSED: 2}

    assert analysed(acme, label="Second").analysis.excluded == {"does_not_receive": 2}
    x.command("PUT", "recipients", state="open", users=closed)
    assert sync("acme").is_completed
    assert analysed(acme, label="Third").analysis.excluded == {}


def test_too_many_refusals_pause_the_broadcast_and_ask_a_person(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", 60)
    assert sync("acme").is_completed
    x.command("PUT", "recipients", state="closed", followers_of="acme")
    name = confirmed(acme)

    outcome = send(name)

    assert not outcome.is_completed
    assert "X refused" in outcome.message
    assert state_of(name) is DeliveryState.PAUSED
    assert numbers_of(name)[MessageState.PENDING] > 0


def test_what_is_pending_when_the_validity_ends_is_cancelled(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", 20)
    assert sync("acme").is_completed
    x.command("PUT", "limits", limits={"messages": 8}, day_limits=ALL_DAY)
    name = confirmed(acme)
    assert send(name, wait=False).is_completed
    assert numbers_of(name) == {MessageState.SENT: 8, MessageState.PENDING: 12}
    with transaction() as session:
        deliveries.named(session, name).confirmed_at = pendulum.now("UTC").subtract(days=6)

    send(name)

    assert state_of(name) is DeliveryState.EXPIRED
    assert numbers_of(name) == {MessageState.SENT: 8, MessageState.CANCELLED: 12}
    assert len(recipients_of(acme)) == 8


def test_a_delivery_of_the_other_kind_is_refused_in_one_sentence(connect: Connect) -> None:
    connect("acme")
    post = compose(Draft(label="Post", services=["acme"], content=Content(parts=[Part(text="Hi")])), actor="ana").name
    assert send(post).message == f"{post} is a post; run post-publication for it."


def test_the_analysis_warns_of_a_broadcast_that_empties_the_balance(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", 45)
    assert sync("acme").is_completed
    x.command("PUT", "accounts/acme/credits", prepaid=1)
    found = {one.code: one.sentence for one in analysed(acme).analysis.findings}
    assert found["balance"].startswith("X has $1.00 left for the app of @acme, and this costs about $1.125")
    x.command("PUT", "accounts/acme/credits", prepaid=100)
    assert "balance" not in {one.code for one in analysed(acme, label="Rich").analysis.findings}
    x.command("PUT", "prices", serves_credits=False)
    assert "balance" not in {one.code for one in analysed(acme, label="Unknown").analysis.findings}

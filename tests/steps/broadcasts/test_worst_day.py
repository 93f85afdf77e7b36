"""The worst day of a broadcast: kill -9 at random moments, lost answers, 503s, 429s, the database gone, two senders."""

import random
import time
from collections import Counter
from typing import Any

import pendulum
import pytest
from sqlalchemy import text
from sqlmodel import select

from campaign.broadcasts import waves
from campaign.broadcasts.prepare import analyse_delivery
from campaign.db.engine import engine, read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import compose
from campaign.deliveries.draft import Audience, Broadcast, Content, Draft, Part
from campaign.kinds import confirm
from campaign.limits import rate_limits
from campaign.x.error_table import SENDING_V2
from campaign.x.types import DIRECT_MESSAGE_CREATE, Receipt, Window
from models import Charge, DeliveryKind, DeliveryState, MessageState, WindowName
from tests.command import here
from tests.forking import Started, fork
from tests.simulated_x import Brand, Connect, SimulatedX
from tests.steps.running import sync

SEND = "/2/dm_conversations/*"
PER_WINDOW, WINDOW_SECONDS = 30, 3
FOLLOWERS, KILLS = 220, 8
"""Each time one of two processes that send at once is killed; there is something left to send to the last time."""
PATIENCE = {"CAMPAIGN_SETTLE_SECONDS": "2", "CAMPAIGN_INBOX_SECONDS": "1"}
_RATE_LIMITED = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}


def confirmed(brand: Brand, where: str = "") -> str:
    """A broadcast that a person said yes to."""
    draft = Draft(
        kind=DeliveryKind.DM,
        label="Worst",
        services=[brand.name],
        content=Content(parts=[Part(text="Hello {{ visitor.username | default('there') }}")]),
        broadcast=Broadcast(audience=Audience(where=where)),
    )
    name = compose(draft, actor="ana").name
    analyse_delivery(name, "ana")
    confirm(name, "ana", accept_unconsented=True)
    return name


def trouble(x: SimulatedX, seed: int) -> None:
    """Answers lost before and after X did the work, and 429s that do not say until when."""
    chances = {"answer_lost": 0.04, "unavailable_after": 0.03, "unavailable_before": 0.03, "reset_before": 0.03}
    for kind, chance in chances.items():
        x.fault(SEND, kind, method="POST", times=None, probability=chance, seed=seed)
    x.fault("/2/dm_events", "unavailable_before", method="GET", times=None, probability=0.1, seed=seed)


def restart(database: str) -> None:
    """What a restart of the database does to everybody who is connected."""
    if database == "postgresql":
        with transaction() as session:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            session.execute(text(f"{others} AND pid <> pg_backend_pid()"))
        engine().dispose()  # the connections of this process are gone too


def two_senders(name: str) -> list[Started]:
    return [fork("delivery", "send", name, "--json", environment=PATIENCE) for _ in range(2)]


def messages_of(brand: Brand) -> list[dict[str, Any]]:
    return list(brand.x.command("GET", f"accounts/{brand.name}/messages")["messages"])


@pytest.mark.timeout(280)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_all_people_get_it_exactly_once_and_none_after_a_stop(
    x: SimulatedX, connect: Connect, request: pytest.FixtureRequest
) -> None:
    acme, dice = connect("acme", FOLLOWERS, spend_cap=10_000), random.Random(11)
    database = request.node.callspec.params["database"]
    assert sync("acme").is_completed
    x.command("PUT", "limits", window_seconds=WINDOW_SECONDS, limits={"messages": PER_WINDOW, "messages/events": 100})
    x.command("PUT", "messages", show_after_seconds=1)
    name, stopped = confirmed(acme), dict[str, Any]()
    trouble(x, seed=5)
    kills = 0
    while kills < KILLS:
        senders = two_senders(name)
        time.sleep(dice.uniform(0.8, 2.5))
        if kills == KILLS // 2:
            restart(database)
            time.sleep(0.5)
        for sender in senders:
            kills += sender.poll() is None
            sender.kill()
            sender.end()
        says_stop(acme, stopped)
    x.be_well()
    x.fault(SEND, "literal", method="POST", after=3, status=429, body=_RATE_LIMITED, headers={})
    x.command("PUT", "limits", window_seconds=WINDOW_SECONDS, limits={"messages": PER_WINDOW, "messages/events": 100})
    hear_of_new_window(acme)

    finish_it(x, name)

    check(acme, name, stopped)


def says_stop(brand: Brand, stopped: dict[str, Any]) -> None:
    """Somebody who got nothing yet says stop, while nobody sends."""
    reached = {message["recipient"] for message in messages_of(brand)}
    left = [user["id"] for user in brand.users() if user["id"] not in reached and user["id"] not in stopped]
    if left:
        said = brand.x.command("POST", f"accounts/{brand.name}/messages", **{"from": left[-1], "text": "stop"})
        stopped[left[-1]] = said["at"]
        time.sleep(1.2)  # so late X may show it


def hear_of_new_window(brand: Brand) -> None:
    """Know of it as if X had told: whoever was killed before an answer counts the calls, for X's 15 minutes."""
    reset_at = pendulum.now("UTC").add(seconds=WINDOW_SECONDS)
    window = Window(WindowName.QUARTER_HOUR, PER_WINDOW, PER_WINDOW, reset_at)
    with transaction() as session:
        rate_limits.note(session, brand.service.id, Receipt(SENDING_V2, DIRECT_MESSAGE_CREATE, 0, (window,)))


def finish_it(x: SimulatedX, name: str) -> None:
    """Let it go on to its end: after a 429 that says nothing a run waits for a quarter of an hour, or ends."""
    deadline, said = time.monotonic() + 60, ""
    # A run may end before the 429, where it waits for what nobody knows.
    while not was_limited(x) and state_of(name) is not DeliveryState.FINISHED:
        assert time.monotonic() < deadline, said
        first = here("delivery", "send", name, "--json", "--no-wait", **PATIENCE)
        said = first.err
        assert "continues" in said.lower() or state_of(name) is DeliveryState.FINISHED, said
    done = here("delivery", "send", name, "--json", **PATIENCE)
    assert done.status == 0, done.err


def was_limited(x: SimulatedX) -> bool:
    return any(fault["struck"] for fault in x.command("GET", "faults")["faults"])


def state_of(name: str) -> DeliveryState:
    with read_session() as session:
        return deliveries.named(session, name).state


def check(brand: Brand, name: str, stopped: dict[str, Any]) -> None:
    account = brand.made["user_id"]
    truth = [message for message in messages_of(brand) if message["sender"] == account]
    received = Counter(message["recipient"] for message in truth)
    everybody = set(brand.truth())
    assert set(received.values()) == {1}
    assert set(received) >= everybody - set(stopped)
    assert not set(received) & set(stopped)
    with read_session() as session:
        delivery = deliveries.named(session, name)
        numbers = waves.count_by_state(session, delivery.id)
        charges = list(session.exec(select(Charge)))
    assert delivery.state is DeliveryState.FINISHED
    assert numbers == {MessageState.SENT: len(received), MessageState.CANCELLED: len(stopped)}
    sending = [charge for charge in charges if charge.endpoint.startswith("POST /2/dm_conversations")]
    assert all(charge.settled for charge in charges)
    assert sum(charge.resources for charge in sending) == len(received)
    windows = brand.x.command("GET", "windows")["windows"]
    most = [one["most_done"] for one in windows if (one["endpoint"], one["family"]) == ("messages", "window")]
    assert max(most) <= PER_WINDOW

"""A broadcast as a marketer sends it: the form, the question, the answer, through the API that the UI uses."""

import time
from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import PrefectHTTPStatusError

from campaign.broadcasts import waves
from campaign.broadcasts.prepare import analyse_delivery
from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import recompose
from campaign.deliveries.draft import Content, Part
from models import Delivery, DeliveryState, MessageState
from tasks.deliveries import APPROVE
from tests.flows.marketer import answer, artifacts, form_of, start, wait_for
from tests.simulated_x import Brand, SimulatedX
from tests.steps.running import sync

DEPLOYMENT = "dm-broadcast/dm-broadcast"
FOLLOWERS = 1_000


def messages_of(brand: Brand) -> list[dict[str, Any]]:
    """What the account sent, in the order in which X took it."""
    sent = brand.x.command("GET", f"accounts/{brand.name}/messages")["messages"]
    return [one for one in sent if one["sender"] == brand.made["user_id"]]


def says(brand: Brand, user_id: str, text: str) -> None:
    brand.x.command("POST", f"accounts/{brand.name}/messages", **{"from": user_id, "text": text})


def the_delivery() -> Delivery:
    with read_session() as session:
        return deliveries.listed(session)[0]


def change_text(text: str) -> None:
    with read_session() as session:
        delivery = deliveries.named(session, the_delivery().name)
        draft = deliveries.draft_of(session, delivery)
    recompose(delivery.name, draft.model_copy(update={"content": Content(parts=[Part(text=text)])}), actor="ana")
    analyse_delivery(delivery.name, "ana")


def shown(client: SyncPrefectClient, run_id: UUID) -> str:
    """What the newest question shows, which Prefect saves a moment after the run is suspended."""
    details = client.read_flow_run(run_id).state.state_details  # type: ignore[union-attr]
    key = (details.run_input_keyset or {})["description"]
    for _ in range(100):
        with suppress(PrefectHTTPStatusError):
            return str(client._client.get(f"/flow_runs/{run_id}/input/{key}").json())
        time.sleep(0.2)
    raise AssertionError(key)


def follow_ups(client: SyncPrefectClient, name: str) -> list[UUID]:
    return [run.id for run in client.read_flow_runs() if run.parameters.get("delivery") == name]


def wait_until_over(name: str, seconds: float = 400) -> Delivery:
    deadline = time.monotonic() + seconds
    while not (delivery := the_delivery()).is_over:
        assert time.monotonic() < deadline, delivery
        time.sleep(0.3)
    assert delivery.name == name
    return delivery


def wait_until_nothing_is_scheduled(client: SyncPrefectClient) -> None:
    """A broadcast is over a moment before the run that concluded it."""
    deadline = time.monotonic() + 20
    while scheduled := [run.name for run in client.read_flow_runs() if run.state_name == "Scheduled"]:
        assert time.monotonic() < deadline, scheduled
        time.sleep(0.3)


@pytest.mark.timeout(600)
def test_an_approved_broadcast_goes_out_over_windows_and_obeys_a_stop(client: SyncPrefectClient, x: SimulatedX) -> None:
    acme, form = form_of(x, "acme", FOLLOWERS)
    assert sync("acme").is_completed
    truth = acme.truth()
    wanted = [user for user in acme.users() if user["id"] in truth and (truth[user["id"]][2] or 0) > 1_500]
    x.command("PUT", "limits", window_seconds=6, limits={"messages": len(wanted) // 3 + 1}, day_limits=_LARGE_DAYS)
    closed = wanted[:-1:40]
    x.command("PUT", "recipients", state="closed", users=[user["id"] for user in closed])
    broadcast = {
        "label": "Hello",
        "services": [form],
        "text": "Hello.",
        "where": "followers_count > 1500",
        "proof_recipients": [_proof_recipient(wanted)["username"]],
    }

    run_id = start(client, DEPLOYMENT, broadcast=broadcast)
    wait_for(client, run_id, "Suspended")

    # Nothing but the proof is out, and a yes that does not accept people without consent is none.
    [proof] = messages_of(acme)
    assert proof["recipient"] == _proof_recipient(wanted)["id"]
    assert f"{len(wanted):,}" in artifacts(client, run_id)["markdown"]

    answer(client, run_id, answer=APPROVE, confirm_as="Ana")
    wait_for(client, run_id, "Suspended")
    assert len(messages_of(acme)) == 1

    # Nor is one to what was shown before a change.
    assert "Please check it again" not in shown(client, run_id)
    change_text("Hello {{ visitor.full_name | default('there') }}, from {{ service.label }}.")
    answer(client, run_id, answer=APPROVE, confirm_as="Ana", accept_unconsented=True)
    wait_for(client, run_id, "Suspended")
    assert the_delivery().state is DeliveryState.ANALYSED
    assert "Please check it again" in shown(client, run_id)
    assert ", from acme" in shown(client, run_id)

    answer(client, run_id, answer=APPROVE, confirm_as="Ana", accept_unconsented=True)
    wait_for(client, run_id, "Completed")
    name = the_delivery().name
    already = {one["recipient"] for one in messages_of(acme)}
    leaving = next(user["id"] for user in reversed(wanted) if user["id"] not in already)
    says(acme, leaving, "Stop!")
    wait_until_over(name)

    assert the_delivery().state is DeliveryState.FINISHED
    received = Counter(one["recipient"] for one in messages_of(acme) if one["id"] != proof["id"])
    expected = {user["id"] for user in wanted} - {leaving} - {user["id"] for user in closed}
    assert set(received) == expected
    assert set(received.values()) == {1}
    texts = {one["recipient"]: one["text"] for one in messages_of(acme)}
    assert all(
        texts[user["id"]].startswith(f"Hello {user.get('name', 'there')}, from acme.")
        for user in wanted
        if user["id"] in expected
    )
    assert _most_in_a_window(x) <= len(wanted) // 3 + 1
    with read_session() as session:
        numbers = waves.count_by_state(session, the_delivery().id)
    assert numbers == {MessageState.SENT: len(expected), MessageState.REFUSED: len(closed), MessageState.CANCELLED: 1}
    assert len(follow_ups(client, name)) >= 2
    # The run that would go on should one die is taken back when none did.
    wait_until_nothing_is_scheduled(client)


#: Of which X tells: of what it does not tell, the documented 1,440 count.
_LARGE_DAYS = {"messages": {"user": 100_000, "app": 100_000}}


def _proof_recipient(wanted: list[dict[str, Any]]) -> dict[str, Any]:
    return next(user for user in reversed(wanted) if user.get("username"))


def _most_in_a_window(x: SimulatedX) -> int:
    windows = x.command("GET", "windows")["windows"]
    return max(int(one["most_done"]) for one in windows if one["endpoint"] == "messages" and one["family"] == "window")

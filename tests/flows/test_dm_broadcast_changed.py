"""A broadcast that is changed while its question waits: a yes is about what was shown, and about nothing else."""

from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient

from campaign.broadcasts.prepare import analyse_delivery
from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import recompose
from campaign.deliveries.draft import Content, Part
from models import Delivery, DeliveryState
from tasks.deliveries import APPROVE
from tests.flows.marketer import answer, form_of, start, wait_for
from tests.simulated_x import SimulatedX
from tests.steps.running import sync

YES: dict[str, Any] = {"answer": APPROVE, "confirm_as": "Ana", "accept_unconsented": True}


def shown(client: SyncPrefectClient, run_id: UUID) -> str:
    """What the newest question shows."""
    details = client.read_flow_run(run_id).state.state_details  # type: ignore[union-attr]
    key = (details.run_input_keyset or {})["description"]
    return str(client._client.get(f"/flow_runs/{run_id}/input/{key}").json())


def the_delivery() -> Delivery:
    with read_session() as session:
        return deliveries.listed(session)[0]


def change_text(text: str) -> None:
    with read_session() as session:
        delivery = deliveries.named(session, the_delivery().name)
        draft = deliveries.draft_of(session, delivery)
    recompose(delivery.name, draft.model_copy(update={"content": Content(parts=[Part(text=text)])}), actor="ana")
    analyse_delivery(delivery.name, "ana")


@pytest.mark.timeout(240)
def test_a_yes_to_what_was_shown_before_a_change_is_none(client: SyncPrefectClient, x: SimulatedX) -> None:
    acme, form = form_of(x, "acme", 3)
    assert sync("acme").is_completed
    run_id = start(client, "dm-broadcast/dm-broadcast", broadcast={"label": "x", "services": [form], "text": "Old"})
    wait_for(client, run_id, "Suspended")
    assert "Please check it again" not in shown(client, run_id)

    change_text("New")
    answer(client, run_id, **YES)
    wait_for(client, run_id, "Suspended")
    assert the_delivery().state is DeliveryState.ANALYSED
    assert "Please check it again" in shown(client, run_id)
    assert "> New" in shown(client, run_id)

    answer(client, run_id, **YES)
    wait_for(client, run_id, "Completed")
    sent = acme.x.command("GET", "accounts/acme/messages")["messages"]
    assert [one["text"].partition("\n")[0] for one in sent] == ["New"] * 3

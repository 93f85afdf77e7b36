"""What the desk asks of a real Prefect server, and a post whose run waits while it is answered at the desk."""

from typing import Any
from uuid import UUID

import pendulum
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.settings import PREFECT_UI_URL, temporary_settings

from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.kinds import confirm
from campaign.users import store as users
from deployments.runs import PrefectRuns
from deployments.worker import wait_for_worker
from flows.post_publication import post_publication
from models import EVERY_SERVICE, Delivery, DeliveryState, Role
from tasks.forms import PostAction
from tests.command import here
from tests.factories import NOW
from tests.flows.house import House
from tests.flows.marketer import artifacts, form_of, start, wait_for
from tests.flows.test_post_publication import posts_of
from tests.flows.test_scheduled_runs import confirmed, scheduled
from tests.simulated_x import SimulatedX

POSTS = "post-publication"
ACT: dict[str, Any] = {"post": None}


def of(name: str) -> Delivery:
    with read_session() as session:
        return deliveries.named(session, name)


def test_a_waiting_run_says_so_and_ends_when_it_is_answered_at_the_desk(
    house: House, client: SyncPrefectClient, x: SimulatedX
) -> None:
    acme, form = form_of(x, "acme")
    with transaction() as session:
        for name, role in (("op", Role.OPERATOR), ("ann", Role.APPROVER)):
            users.add_user(session, name, f"{name.title()} Smith", {EVERY_SERVICE: role}, NOW)
    run_id = start(client, f"{POSTS}/{POSTS}", post={"label": "News", "services": [form], "text": "Good morning"})
    waiting = wait_for(client, run_id, "Suspended")
    name = waiting.name.partition(" ")[0]
    assert waiting.name == f"{name} · waits for approval"
    shown = artifacts(client, run_id)["markdown"]
    assert f"{name} waits for the approval of Ann Smith or Op Smith." in shown
    places = [f"{house.pages_url}/desk/deliveries/{name}", f"/runs/flow-run/{run_id}"]
    logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id])))
    assert all(place in shown and any(place in log.message for log in logs) for place in places)

    confirm(name, "ann")
    runs = PrefectRuns()
    assert runs.schedule(of(name)) == of(name).confirmed_at

    over = client.read_flow_run(run_id)
    assert (over.state_name, over.name) == ("Answered elsewhere", f"{name} · answered elsewhere")
    assert f"{name} was approved by ann" in str(over.state and over.state.message)
    [own] = [run for run in client.read_flow_runs() if run.parameters["delivery"] == name]
    wait_for(client, own.id, "Completed")
    assert [one["text"] for one in posts_of(acme)] == ["Good morning"]
    assert of(name).state is DeliveryState.FINISHED

    with temporary_settings({PREFECT_UI_URL: "https://prefect.example.com"}):
        url = runs.start(POSTS, f"{name} · withdraw", ACT | {"delivery": name, "action": "withdraw"})
    assert url.startswith("https://prefect.example.com/runs/flow-run/")
    gone = wait_for(client, UUID(url.rpartition("/")[2]), "Completed")
    assert (gone.name, gone.state and gone.state.message) == (f"{name} · withdraw", f"1 post of {name} deleted from X.")
    assert [one["deleted"] for one in posts_of(acme)] == [True]
    assert here("delivery", "proof", name, "--withdraw", "--json").document == {"withdrawn": 0}
    assert f"{name} · withdraw proofs" in [run.name for run in client.read_flow_runs()]


@pytest.mark.usefixtures("client")
def test_a_proof_is_a_run_that_fails_in_one_sentence_without_a_recipient(x: SimulatedX) -> None:
    form_of(x, "acme")
    name = confirmed("--kind", "post", "--service", "acme", "--text", "Hello")
    failed = post_publication(name, action=PostAction.PROOF, return_state=True)
    assert failed.is_failed()
    assert "has no proof service" in str(failed.message)
    assert of(name).state is DeliveryState.CONFIRMED


@pytest.mark.usefixtures("house")
def test_the_desk_schedules_shows_cancels_and_switches(client: SyncPrefectClient, x: SimulatedX) -> None:
    form_of(x, "acme")
    runs = PrefectRuns()
    wait_for_worker(NOW)
    assert runs.workers_online() == 1
    soon = pendulum.now("UTC").add(minutes=30)
    name = confirmed("--kind", "post", "--service", "acme", "--text", "Later", "--at", soon.to_iso8601_string())
    assert runs.schedule(of(name)) == of(name).contact_date
    [planned] = scheduled(client, POSTS)
    [shown] = runs.active()
    assert (shown.id, shown.name, shown.workflow, shown.state) == (str(planned.id), name, POSTS, "Scheduled")
    assert shown.starts_at == of(name).contact_date
    assert shown.url.endswith(f"/runs/flow-run/{planned.id}")
    runs.cancel(shown.id)
    wait_for(client, planned.id, "Cancelled", "Cancelling")

    runs.schedule(of(name))
    with transaction() as session:
        delivery = deliveries.named(session, name)
        deliveries.move(session, delivery, DeliveryState.PAUSED, "ann", pendulum.now("UTC"))
    runs.schedule(of(name))
    assert scheduled(client, POSTS) == []

    assert [one.name for one in runs.workflows()] == sorted({one.name for one in runs.workflows()})
    assert not any(one.is_enabled for one in runs.workflows())
    assert "no-such is not deployed" in here("workflow", "start", "no-such").sentence
    assert "is enabled" in here("workflow", "start", "account-sync").sentence
    assert [one.name for one in runs.workflows() if one.is_enabled] == ["account-sync"]
    listed = here("workflow", "list", "--json").document
    assert [one["workflow"] for one in listed if one["state"] == "enabled"] == ["account-sync/account-sync"]
    assert "is stopped" in here("workflow", "stop", "account-sync/account-sync").sentence
    assert not any(one.is_enabled for one in runs.workflows())

"""Runs that are scheduled for later: continuations, and confirmed deliveries with a contact date."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pendulum
import pytest
from prefect import Flow, tags
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled
from sqlalchemy import update

from campaign.db.engine import transaction
from campaign.services.fields import block_name
from campaign.services.store import find_service
from campaign.settings import load_settings
from deployments.deploying import deploy
from flows.account_sync import account_sync
from flows.contact_acquisition import contact_acquisition
from flows.dm_broadcast import dm_broadcast
from flows.engagement_statistics import engagement_statistics
from flows.post_publication import post_publication
from models import ApprovalMode, Budget
from tasks.continuation import CONTINUATION, NO_WAIT
from tasks.forms import PostForm
from tasks.services import XAccount
from tests.command import here
from tests.engaging import went_out
from tests.flows.house import House
from tests.flows.marketer import form_of, start, wait_for
from tests.simulated_x import Brand, SimulatedX
from tests.steps.contacts.test_recovery import CALLBACK, say_yes

WINDOW = 900


def scheduled(client: SyncPrefectClient, workflow: str) -> list[FlowRun]:
    """The runs of a workflow that have not begun."""
    deployment = client.read_deployment_by_name(f"{workflow}/{workflow}")
    runs = client.read_flow_runs()
    return [run for run in runs if run.deployment_id == deployment.id and run.state and run.state.is_scheduled()]


def run_to_its_end(client: SyncPrefectClient, workflow: str, **parameters: Any) -> str:
    run_id = start(client, f"{workflow}/{workflow}", **parameters)
    state = wait_for(client, run_id, "Completed").state
    return str(state and state.message)


def run_here(workflow: Flow[..., State], **parameters: Any) -> str:
    """Run a workflow in this process, as commands do it, which takes a tenth of the time."""
    with tags(NO_WAIT):
        state: State = workflow(**parameters, return_state=True)
    assert state.is_completed(), state.message
    return str(state.message)


def the_scheduled(client: SyncPrefectClient, workflow: str) -> FlowRun:
    [run] = scheduled(client, workflow)
    return run


def cancel(client: SyncPrefectClient, run_id: UUID) -> None:
    """As the button in the UI does it."""
    client.set_flow_run_state(run_id, Cancelled())


def confirmed(*options: str) -> str:
    """A delivery that is confirmed with commands."""
    name = str(here("delivery", "create", *options, "--json").document["name"])
    assert here("delivery", "analyse", name).status == 0
    done = here("delivery", "confirm", name, "--json")
    assert done.status == 0, done.err
    return name


@pytest.mark.timeout(400)
def test_a_cancelled_deleted_or_kept_continuation_is_scheduled_once_more(
    client: SyncPrefectClient, x: SimulatedX
) -> None:
    form_of(x, "acme")
    x.limit(WINDOW, posts=1)
    name = confirmed("--kind", "post", "--service", "acme", "--text", "First", "--part", "Second")
    said = run_to_its_end(client, "post-publication", delivery=name)
    first = the_scheduled(client, "post-publication")
    assert f"continues at {first.expected_start_time:%Y-%m-%d %H:%M:%S}" in said

    # Cancelled: starting the delivery again schedules another run at the same time.
    cancel(client, first.id)
    assert run_to_its_end(client, "post-publication", delivery=name) == said
    second = the_scheduled(client, "post-publication")
    assert second.id != first.id
    assert second.expected_start_time == first.expected_start_time

    # Deleted: likewise.
    client.delete_flow_run(second.id)
    run_here(post_publication, delivery=name)
    third = the_scheduled(client, "post-publication")

    # Deployed again, and started again: it stays the only one.
    deploy(load_settings())
    run_here(post_publication, delivery=name)
    assert the_scheduled(client, "post-publication").id == third.id


def let_a_broadcast_wait(x: SimulatedX) -> dict[str, Any]:
    brand, _ = form_of(x, "acme", followers=3)
    assert here("sync", "acme").status == 0
    x.command("PUT", "limits", window_seconds=WINDOW, limits={"messages": 1})
    options = ("--kind", "dm", "--service", brand.name, "--text", "Hello")
    name = str(here("delivery", "create", *options, "--json").document["name"])
    assert here("delivery", "analyse", name).status == 0
    assert here("delivery", "confirm", name, "--accept-unconsented").status == 0
    return {"delivery": name}


def let_a_sync_wait(x: SimulatedX) -> dict[str, Any]:
    form_of(x, "acme", followers=1_500)
    x.limit(WINDOW, followers=1)
    return {"services": ["acme"]}


def let_statistics_wait(x: SimulatedX) -> dict[str, Any]:
    form_of(x, "acme")
    x.limit(WINDOW, timeline=0, **{"posts/lookup": 0})
    went_out(find_service("acme"), "launch", at=pendulum.now("UTC").subtract(hours=2))
    return {"services": ["acme"]}


def let_a_profile_wait(x: SimulatedX) -> dict[str, Any]:
    acme, _ = form_of(x, "acme", followers=1, callbacks=[CALLBACK])
    acme.connect(join_purpose="To greet you.", asks_email=True, spend_cap=1_000, **acme.client)
    say_yes(acme)
    x.limit(WINDOW, **{"users/me": 0})
    return {}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("workflow", "let_it_wait"),
    [
        (contact_acquisition, let_a_profile_wait),
        (dm_broadcast, let_a_broadcast_wait),
        (account_sync, let_a_sync_wait),
        (engagement_statistics, let_statistics_wait),
    ],
)
def test_a_promised_continuation_is_scheduled_despite_the_last_one(
    client: SyncPrefectClient,
    x: SimulatedX,
    workflow: Flow[..., State],
    let_it_wait: Callable[[SimulatedX], dict[str, Any]],
) -> None:
    parameters = let_it_wait(x)
    assert "continues at" in run_here(workflow, **parameters).lower()
    first = the_scheduled(client, workflow.name)

    cancel(client, first.id)

    assert "continues at" in run_here(workflow, **parameters).lower()
    second = the_scheduled(client, workflow.name)
    assert (second.id != first.id, second.expected_start_time) == (True, first.expected_start_time)

    client.delete_flow_run(second.id)
    run_here(workflow, **parameters)
    third = the_scheduled(client, workflow.name)

    # Deployed again, and started again: it stays the only one.
    deploy(load_settings())
    run_here(workflow, **parameters)
    assert the_scheduled(client, workflow.name).id == third.id


@pytest.mark.timeout(400)
def test_a_broadcast_with_a_cancelled_continuation_reaches_all_people(client: SyncPrefectClient, x: SimulatedX) -> None:
    acme, _ = form_of(x, "acme", followers=40)
    assert here("sync", "acme").status == 0
    x.command("PUT", "limits", window_seconds=WINDOW, limits={"messages": 15})
    name = str(
        here("delivery", "create", "--kind", "dm", "--service", "acme", "--text", "Hello", "--json").document["name"]
    )
    assert here("delivery", "analyse", name).status == 0
    assert here("delivery", "confirm", name, "--accept-unconsented").status == 0

    run_here(dm_broadcast, delivery=name)
    assert len(received(acme)) == 15
    cancel(client, the_scheduled(client, "dm-broadcast").id)

    said = run_here(dm_broadcast, delivery=name)

    run = the_scheduled(client, "dm-broadcast")
    assert f"{run.expected_start_time:%Y-%m-%d %H:%M:%S}" in said
    assert len(received(acme)) == 15
    # Its time comes: X allows messages again.
    x.command("PUT", "limits", window_seconds=WINDOW, limits={"messages": 1_000})
    with transaction() as session:
        session.execute(update(Budget).values(reset_at=pendulum.now("UTC")))
    with tags(CONTINUATION):
        run_here(dm_broadcast, **run.parameters)
    assert received(acme) == dict.fromkeys(acme.truth(), 1)


def received(brand: Brand) -> dict[str, int]:
    """How many messages each person got."""
    messages = brand.x.command("GET", f"accounts/{brand.name}/messages")["messages"]
    return dict(Counter(one["recipient"] for one in messages))


def test_a_continuation_leaves_a_form_in_its_parameters_alone(client: SyncPrefectClient, x: SimulatedX) -> None:
    acme, _ = form_of(x, "acme")
    service = XAccount.load(block_name("acme"))
    assert isinstance(service, XAccount)
    post = PostForm(label="Default", services=[service], text="Not again", approval=ApprovalMode.AUTOMATIC)

    with tags(CONTINUATION):
        run_here(post_publication, post=post)

    assert scheduled(client, "post-publication") == []
    assert acme.x.command("GET", "accounts/acme/posts")["posts"] == []


def test_a_delivery_confirmed_by_command_goes_out_at_its_date(client: SyncPrefectClient, x: SimulatedX) -> None:
    acme, _ = form_of(x, "acme")
    at = pendulum.now("UTC").add(seconds=15)

    confirmed("--kind", "post", "--service", "acme", "--text", "On time", "--at", at.to_iso8601_string())

    run = the_scheduled(client, "post-publication")
    wait_for(client, run.id, "Completed")
    [post] = acme.x.command("GET", "accounts/acme/posts")["posts"]
    assert post["text"] == "On time"
    assert pendulum.parse(post["created_at"]) >= at.start_of("second")  # type: ignore[operator]


def test_the_run_of_a_delivery_follows_its_date_and_ends_with_it(client: SyncPrefectClient, x: SimulatedX) -> None:
    form_of(x, "acme")
    soon, later = (pendulum.now("UTC").add(days=days).start_of("minute") for days in (1, 2))
    options = ("--kind", "post", "--service", "acme", "--text", "Good morning", "--at")
    name = str(here("delivery", "create", *options, soon.to_iso8601_string(), "--json").document["name"])
    assert here("delivery", "analyse", name).status == 0
    said = here("delivery", "confirm", name).err

    assert f"It goes out at {soon:%Y-%m-%d %H:%M} UTC, with a run that is scheduled on the Prefect server." in said
    run = the_scheduled(client, "post-publication")
    assert (run.expected_start_time, run.parameters["delivery"]) == (soon, name)

    # Another date: the old run is gone, and the new one comes with the new confirmation.
    assert here("delivery", "edit", name, "--at", later.to_iso8601_string()).status == 0
    assert scheduled(client, "post-publication") == []
    assert here("delivery", "analyse", name).status == 0
    assert here("delivery", "confirm", name).status == 0
    assert the_scheduled(client, "post-publication").expected_start_time == later

    # The schedule's own run finds it early, and schedules nothing twice.
    run_here(post_publication, delivery=name)
    assert the_scheduled(client, "post-publication").expected_start_time == later

    assert here("delivery", "stop", name).status == 0
    assert scheduled(client, "post-publication") == []


def test_a_delivery_confirmed_without_a_server_is_scheduled_when_one_runs(
    client: SyncPrefectClient, x: SimulatedX, house: House
) -> None:
    form_of(x, "acme")
    at = pendulum.now("UTC").add(days=1).start_of("minute")
    options = ("--kind", "post", "--service", "acme", "--text", "Good morning", "--at", at.to_iso8601_string())
    name = str(here("delivery", "create", *options, "--json").document["name"])
    assert here("delivery", "analyse", name).status == 0
    house.address.rename(house.address.with_suffix(".away"))
    try:
        said = here("delivery", "confirm", name, PREFECT_API_URL="").err
    finally:
        house.address.with_suffix(".away").rename(house.address)

    assert "No Prefect server runs, so it does not go out by itself. Start `campaign up` by" in said
    assert f"After {at.add(days=5):%Y-%m-%d %H:%M} UTC it is too late." in said
    assert scheduled(client, "post-publication") == []

    assert here("deploy").status == 0
    assert the_scheduled(client, "post-publication").expected_start_time == at

"""Post publication as a marketer uses it: the form, the question, the answer, through the API that the UI uses."""

from typing import Any
from uuid import UUID

import pendulum
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectHTTPStatusError

from campaign.db.engine import read_session, transaction
from campaign.deliveries import media
from campaign.deliveries import store as deliveries
from campaign.services.fields import block_name
from flows.post_publication import post_publication
from models import ApprovalMode, DeliveryState
from tasks.deliveries import APPROVE
from tasks.forms import PostForm
from tasks.services import XAccount
from tests.flows.marketer import answer, artifacts, form_of, wait_for
from tests.flows.marketer import start as start_run
from tests.pictures import picture
from tests.simulated_x import Brand, SimulatedX

DEPLOYMENT = "post-publication/post-publication"


def connect(x: SimulatedX, username: str, **more: Any) -> tuple[Brand, dict[str, Any]]:
    """An account with a saved form, and the reference to the form that the UI's drop-down sends."""
    return form_of(x, username, **more)


def start(client: SyncPrefectClient, **parameters: Any) -> UUID:
    """As the form in the UI does it."""
    return start_run(client, DEPLOYMENT, **parameters)


def publish(**post: Any) -> State:
    """A run of a post of acme in this process, which is quicker than one of the worker."""
    return post_publication(post=PostForm(services=[XAccount.load(block_name("acme"))], **post), return_state=True)


def posts_of(brand: Brand) -> list[dict[str, Any]]:
    return list(brand.x.command("GET", f"accounts/{brand.name}/posts")["posts"])


def test_an_approved_thread_with_a_picture_goes_out_on_two_accounts(client: SyncPrefectClient, x: SimulatedX) -> None:
    (acme, acme_form), (bolt, bolt_form) = connect(x, "acme"), connect(x, "bolt")
    proof, proof_form = connect(x, "acme_test", protected=True)
    with transaction() as session:
        media.save(session, "Launch.png", picture("PNG"), "ana", pendulum.now("UTC"), "A red square")
    form = {
        "label": "Launch",
        "services": [acme_form, bolt_form],
        "text": "It is here, says {{ service.label }}.",
        "more_parts": ["And this is why."],
        "media": [{"source": "library:launch.png"}],
        "proof": proof_form,
    }

    run_id = start(client, post=form)
    wait_for(client, run_id, "Suspended")

    # Nothing but the proof is out; the place of the workflow is free for others.
    assert [one["text"] for one in posts_of(proof)] == ["It is here, says acme.", "And this is why."]
    assert posts_of(acme) == posts_of(bolt) == []
    assert "It is here, says bolt" in artifacts(client, run_id)["markdown"]
    other = start(client)
    assert wait_for(client, other, "Completed").state.message == "Nothing is due."  # type: ignore[union-attr]

    answer(client, run_id, answer=APPROVE, comment="Go", confirm_as="Ana")
    done = wait_for(client, run_id, "Completed")
    assert done.name.endswith("-launch · 2 accounts")

    for brand in (acme, bolt):
        first, second = posts_of(brand)
        assert (first["text"], second["text"]) == (f"It is here, says {brand.name}.", "And this is why.")
        assert second["reply_to"] == first["id"]
        assert [media["alt_text"] for media in first["media"]] == ["A red square"]
    with read_session() as session:
        [delivery] = deliveries.listed(session)
        assert (delivery.state, delivery.confirmed_by) == (DeliveryState.FINISHED, "Ana")
    shown = artifacts(client, run_id)
    assert "x.com/acme/status" in str(shown["table"])
    assert "Launch" in shown["markdown"]


@pytest.mark.usefixtures("client")
def test_a_post_with_an_error_fails_in_one_sentence_and_asks_no_person(x: SimulatedX) -> None:
    acme, _ = connect(x, "acme")
    failed = publish(label="Long", text="x" * 281)
    assert failed.is_failed()
    assert "281" in str(failed.message)
    assert posts_of(acme) == []


def test_what_x_does_not_allow_now_goes_on_by_itself_in_a_run_of_its_own(
    client: SyncPrefectClient, x: SimulatedX
) -> None:
    acme, form = connect(x, "acme")
    x.limit(12, posts=1)
    thread = {"label": "Slow", "services": [form], "text": "First", "more_parts": ["Second"], "approval": "automatic"}

    run_id = start(client, post=thread)
    done = wait_for(client, run_id, "Completed")

    # Where it takes long to end a run, the next one has begun when this is read.
    assert "continues at" in str(done.state and done.state.message)
    [upcoming] = [run for run in client.read_flow_runs() if str(run.parameters["delivery"]).endswith("slow")]
    other = wait_for(client, upcoming.id, "Completed")
    assert [post["text"] for post in posts_of(acme)] == ["First", "Second"]
    assert done.end_time
    assert other.start_time
    assert done.end_time <= other.start_time
    windows = x.command("GET", "windows")["windows"]
    assert [one["most_done"] for one in windows if (one["endpoint"], one["family"]) == ("posts", "window")] == [1]


def test_a_contact_date_ahead_schedules_a_run_for_that_time(client: SyncPrefectClient, x: SimulatedX) -> None:
    acme, _ = connect(x, "acme")
    at = pendulum.now("Europe/Brussels").add(days=1)

    done = publish(label="Tomorrow", text="Good morning", approval=ApprovalMode.AUTOMATIC, contact_date=at)

    assert done.is_completed()
    assert posts_of(acme) == []
    [upcoming] = [run for run in client.read_flow_runs() if run.state_name == "Scheduled"]
    assert upcoming.expected_start_time == at
    assert str(upcoming.parameters["delivery"]).endswith("tomorrow")
    client.delete_flow_run(upcoming.id)


def test_a_form_with_a_wrong_type_starts_no_run(client: SyncPrefectClient, x: SimulatedX) -> None:
    _, form = connect(x, "acme")
    with pytest.raises(PrefectHTTPStatusError) as refused:
        start(client, post={"label": "Wrong", "services": [form], "text": ["not", "a", "text"]})
    assert refused.value.response.status_code == 409
    assert "text" in refused.value.response.text

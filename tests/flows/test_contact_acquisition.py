"""Contacts as a marketer wins them: an invitation, somebody who agrees on the page, a profile that comes by itself."""

import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from sqlmodel import select
from tasks.twitter_service import TwitterService, block_name

from campaign.broadcasts.prepare import aim
from campaign.cli.server import make_whole_app
from campaign.consent.agreements import invitation_of
from campaign.contacts import report as acquisitions
from campaign.db.engine import reading
from campaign.deliveries import store as deliveries
from campaign.deliveries.edit import compose
from deployments.deploying import WORKFLOW
from deployments.server import Server, free_port
from flows.contact_acquisition import contact_acquisition
from models import Contact, Delivery, DeliveryState
from tasks.forms import MessageInvitationForm, PostInvitationForm
from tests.flows.marketer import a_prefect_server, an_empty_x, answer, artifacts, form_of, start, wait_for
from tests.simulated_x import Brand, SimulatedX
from tests.steps.running import sync
from tests.web_visits import Browser, House, serving

SETTINGS = {
    "CAMPAIGN_SETTLE_SECONDS": "2",
    "CAMPAIGN_INBOX_SECONDS": "1",
    "CAMPAIGN_TERMS_URL": "https://example.com/terms",
    "CAMPAIGN_PRIVACY_URL": "https://example.com/privacy",
}
PAGES_PORT = free_port()
FOLLOWERS = 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prefect server, a worker, a simulated X and the pages, as `campaign up` starts them."""
    settings = {**SETTINGS, "CAMPAIGN_PUBLIC_URL": f"http://127.0.0.1:{PAGES_PORT}"}
    home = tmp_path_factory.mktemp("home")
    with a_prefect_server(home, **settings) as server, serving(make_whole_app(), PAGES_PORT):
        yield server


@pytest.fixture
def x(server: Server) -> SimulatedX:
    assert server
    return an_empty_x()


def invitation(form: dict[str, Any], label: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "services": [form], "approval": "manual", **more}


def confirmed(client: SyncPrefectClient, run_id: UUID, **more: bool) -> None:
    wait_for(client, run_id, "Suspended")
    answer(client, run_id, answer="Confirm", confirm_as="Ana", **more)
    wait_for(client, run_id, "Completed", seconds=150)


def wait_until(is_so: Any, seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return found


def finished(label: str) -> Delivery | None:
    with reading() as session:
        found = next(one for one in deliveries.listed(session) if one.label == label)
    return found if found.state is DeliveryState.FINISHED else None


def contacts() -> list[Contact]:
    with reading() as session:
        return list(session.exec(select(Contact)))


def the_delivery() -> Delivery:
    with reading() as session:
        return deliveries.listed(session)[0]


def messages_of(brand: Brand) -> list[dict[str, Any]]:
    sent = brand.x.command("GET", f"accounts/{brand.name}/messages")["messages"]
    return [one for one in sent if one["sender"] == brand.made["user_id"]]


def link_in(text: str) -> str:
    (link,) = re.findall(r"\?i=(\S+)", text)
    return str(link)


@pytest.mark.timeout(400)
def test_people_are_invited_once_and_a_yes_brings_the_profile_by_itself(
    client: SyncPrefectClient, x: SimulatedX
) -> None:
    url = f"http://127.0.0.1:{PAGES_PORT}"
    acme, form = form_of(client, x, "acme", FOLLOWERS, callbacks=[f"{url}/join/callback"])
    acme.connect(join_purpose="To greet you by your name.", spend_cap=1_000, **acme.client)
    assert sync("acme").is_completed

    run_id = start(client, WORKFLOW, message=invitation(form, "Come closer"))
    wait_for(client, run_id, "Suspended")
    assert not messages_of(acme)
    shown = artifacts(client, run_id)["markdown"].replace("\\", "").replace("\N{WORD JOINER}", "")
    assert {invitation_of(signed) for signed in re.findall(r"\?i=([\w.-]+)", shown)} == {(the_delivery().id, 0)}
    confirmed(client, run_id, accept_unconsented=True)
    first = wait_until(lambda: finished("Come closer"))

    assert first.is_invitation
    received = {one["recipient"]: one["text"] for one in messages_of(acme)}
    assert len(received) == len(messages_of(acme)) == len(acme.truth())
    assert len({link_in(text) for text in received.values()}) == len(received)

    # Somebody follows the link and agrees: nobody has to start anything.
    person = next(user for user in acme.users() if user["id"] in received and user.get("username"))
    thanks = Browser(House(x, url, acme.service, {})).join(person["username"], link_in(received[person["id"]]))
    assert thanks.status_code == 200, thanks.text
    (contact,) = wait_until(contacts)
    assert (contact.external_id, contact.username) == (person["id"], person["username"])
    assert contact.visitor_id is not None

    # The next invitation leaves out whoever was asked, and says why; the report tells how far people came.
    form_again = MessageInvitationForm(label="Once more", services=[TwitterService.load(block_name("acme"))])
    again = aim(compose(form_again.draft(), actor="ana").name, "ana").analysis
    assert again.excluded == {"already_contact": 1, "already_invited": len(received) - 1}
    with reading() as session:
        report = acquisitions.acquisition_of(session, acme.service)
    came = report.invitations[-1].funnel
    assert (report.contacts, came.invited, came.opened, came.agreed) == (1, len(received), 1, 1)
    done = contact_acquisition(return_state=True)
    assert done.is_completed()
    reports: Any = done.result()
    assert [one.contacts for one in reports] == [1]


@pytest.mark.timeout(200)
def test_a_post_invites_everybody_who_reads_it(client: SyncPrefectClient, x: SimulatedX) -> None:
    _, form = form_of(client, x, "acme")
    run_id = start(client, WORKFLOW, post=invitation(form, "Public") | {"approval": "automatic"})
    wait_for(client, run_id, "Completed")
    wait_until(lambda: finished("Public"))
    (post,) = x.command("GET", "accounts/acme/posts")["posts"]
    assert f"http://127.0.0.1:{PAGES_PORT}/join/acme?i=" in post["text"]


def test_what_invites_nobody_is_refused_in_one_sentence(client: SyncPrefectClient, x: SimulatedX) -> None:
    form_of(client, x, "acme")
    given: dict[str, Any] = {"label": "Silent", "services": [TwitterService.load(block_name("acme"))]}
    silent = PostInvitationForm(**given, text="Come!")
    refused = contact_acquisition(post=silent, return_state=True)
    assert refused.is_failed()
    assert "write {{ join_link }} where people shall click" in (refused.message or "")

    both = contact_acquisition(message=MessageInvitationForm(**given), post=silent, return_state=True)
    assert both.is_failed()
    assert "Run it twice for both" in (both.message or "")
    assert not x.command("GET", "accounts/acme/posts")["posts"]

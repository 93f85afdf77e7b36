"""Contacts as a marketer wins them: an invitation, somebody who agrees on the page, a profile that comes by itself."""

import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from sqlmodel import select

from campaign.broadcasts.prepare import analyse_delivery
from campaign.consent.store import invitation_of
from campaign.contacts import acquisition as acquisitions
from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import compose
from campaign.services.fields import block_name
from campaign.web.app import make_site
from deployments.deploying import ACQUISITION
from flows.contact_acquisition import contact_acquisition
from models import ApprovalMode, Contact, Delivery, DeliveryState
from tasks.contact_acquisition import announce_agreement
from tasks.deliveries import APPROVE
from tasks.forms import MessageInvitationForm, PostInvitationForm
from tasks.services import XAccount
from tests.flows.house import House as Home
from tests.flows.marketer import answer, artifacts, form_of, start, wait_for
from tests.simulated_x import Brand, SimulatedX
from tests.steps.running import sync
from tests.web_visits import Browser, House, serving

WORKFLOW = "contact-acquisition/contact-acquisition"
FOLLOWERS = 12


@pytest.fixture
def pages(house: Home) -> Iterator[str]:
    """Where the pages for the public are."""
    with serving(make_site(announce_agreement), house.pages_port):
        yield house.pages_url


def invitation(form: dict[str, Any], label: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "services": [form], "approval": "manual", **more}


def confirmed(client: SyncPrefectClient, run_id: UUID, **more: bool) -> None:
    wait_for(client, run_id, "Suspended")
    answer(client, run_id, answer=APPROVE, confirm_as="Ana", **more)
    wait_for(client, run_id, "Completed", seconds=150)


def wait_until(is_so: Any, seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return found


def finished(label: str) -> Delivery | None:
    with read_session() as session:
        found = next(one for one in deliveries.listed(session) if one.label == label)
    return found if found.state is DeliveryState.FINISHED else None


def contacts() -> list[Contact]:
    with read_session() as session:
        return list(session.exec(select(Contact)))


def the_delivery() -> Delivery:
    with read_session() as session:
        return deliveries.listed(session)[0]


def messages_of(brand: Brand) -> list[dict[str, Any]]:
    sent = brand.x.command("GET", f"accounts/{brand.name}/messages")["messages"]
    return [one for one in sent if one["sender"] == brand.made["user_id"]]


def link_in(text: str) -> str:
    (link,) = re.findall(r"\?i=(\S+)", text)
    return str(link)


@pytest.mark.timeout(400)
def test_people_are_invited_once_and_a_yes_brings_the_profile_by_itself(
    client: SyncPrefectClient, x: SimulatedX, pages: str
) -> None:
    url = pages
    acme, form = form_of(x, "acme", FOLLOWERS, callbacks=[f"{url}/join/callback"])
    acme.connect(join_purpose="To greet you by your name.", spend_cap=1_000, **acme.client)
    assert sync("acme").is_completed

    run_id = start(client, ACQUISITION, message=invitation(form, "Come closer"))
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
    form_again = MessageInvitationForm(label="Once more", services=[XAccount.load(block_name("acme"))])
    again = analyse_delivery(compose(form_again.draft(), actor="ana").name, "ana").analysis
    assert again.excluded == {"already_contact": 1, "already_invited": len(received) - 1}
    with read_session() as session:
        report = acquisitions.acquisition_of(session, acme.service)
    came = report.invitations[-1].funnel
    assert (report.contacts, came.invited, came.opened, came.agreed) == (1, len(received), 1, 1)
    done = contact_acquisition(return_state=True)
    assert done.is_completed()
    reports: Any = done.result()
    assert [one.contacts for one in reports] == [1]


@pytest.mark.usefixtures("client")
@pytest.mark.timeout(200)
def test_a_post_invites_all_people_who_reads_it(x: SimulatedX, house: Home) -> None:
    form_of(x, "acme")
    acme = XAccount.load(block_name("acme"))
    public = PostInvitationForm(label="Public", services=[acme], approval=ApprovalMode.AUTOMATIC)
    assert contact_acquisition(post=public, return_state=True).is_completed()
    wait_until(lambda: finished("Public"))
    (post,) = x.command("GET", "accounts/acme/posts")["posts"]
    assert f"{house.pages_url}/join/acme?i=" in post["text"]


def test_what_invites_no_person_is_refused_in_one_sentence(x: SimulatedX) -> None:
    form_of(x, "acme")
    given: dict[str, Any] = {"label": "Silent", "services": [XAccount.load(block_name("acme"))]}
    silent = PostInvitationForm(**given, text="Come!")
    refused = contact_acquisition(post=silent, return_state=True)
    assert refused.is_failed()
    assert "write {{ join_link }} where people should click" in (refused.message or "")

    both = contact_acquisition(message=MessageInvitationForm(**given), post=silent, return_state=True)
    assert both.is_failed()
    assert "Run it twice for both" in (both.message or "")
    assert not x.command("GET", "accounts/acme/posts")["posts"]

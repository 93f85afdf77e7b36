"""Who is invited to become a contact: nobody twice, no contact; at the analysis, and again when a message is armed."""

from collections.abc import Iterator
from typing import Any

import pytest

from campaign.broadcasts import waves
from campaign.broadcasts.prepare import text_for
from campaign.broadcasts.waves import Span
from campaign.consent import permission, store
from campaign.consent.store import invitation_of
from campaign.contacts import acquisition as acquisitions
from campaign.contacts.acquisition import Funnel
from campaign.db.engine import read_session, transaction
from campaign.db.vault import signed
from campaign.settings import load_settings
from models import (
    Agreement,
    AgreementState,
    Contact,
    Delivery,
    DeliveryKind,
    DeliveryState,
    InvitationOpening,
    MessageState,
    ReconciledBy,
    Service,
    Visitor,
)
from tests.analysing import draft
from tests.crowds import add, aimed, people, reached, write
from tests.databases import Database
from tests.factories import NOW
from tests.planned import broadcast, message_to
from tests.readings import saved_service

PUBLIC = "https://social.example.com"


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service()


@pytest.fixture
def public_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("CAMPAIGN_PUBLIC_URL", PUBLIC)
    load_settings.cache_clear()
    yield PUBLIC
    load_settings.cache_clear()


def invitation(service: Service, state: DeliveryState = DeliveryState.IN_PROGRESS, **changes: Any) -> Delivery:
    made = broadcast(service, state)
    with transaction() as session:
        row = session.get_one(Delivery, made.id)
        row.is_invitation = True
        for name, value in changes.items():
            setattr(row, name, value)
        return row


def contact(**fields: Any) -> Contact:
    return Contact(**{"created_at": NOW, "updated_at": NOW, **fields})


def agreement(service: Service, external_id: str, **fields: Any) -> Agreement:
    defaults: dict[str, Any] = {"text": "All", "text_version": "1", "scopes": "users.read", "agreed_at": NOW}
    return Agreement(service_id=service.id, external_id=external_id, **{**defaults, **fields})


def x_id(visitor_id: int) -> str:
    with read_session() as session:
        return session.get_one(Visitor, visitor_id).external_id


def test_contacts_and_who_was_invited_before_are_left_out(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    by_id, by_visitor, agreed, withdrew, failed, asked, by_other, news_only, proofed, new = people(10, acme)
    add(
        contact(external_id=x_id(by_id)),
        contact(visitor_id=by_visitor),
        contact(email="who@example.com"),
        agreement(acme, x_id(agreed)),
        agreement(acme, x_id(withdrew), state=AgreementState.WITHDRAWN),
        agreement(acme, x_id(failed), state=AgreementState.FAILED),
        agreement(other, x_id(new)),
    )
    before = invitation(acme)
    reached(before, acme, asked)
    reached(before, other, by_other)
    reached(broadcast(acme), acme, news_only)
    reached(before, acme, proofed, proof_number=1)

    found = write(aimed(invitation(acme), acme, is_invitation=True))

    assert found == {
        **dict.fromkeys([by_id, by_visitor, agreed, withdrew], "already_contact"),
        asked: "already_invited",
        **dict.fromkeys([failed, by_other, news_only, proofed, new], "pending"),
    }


def test_what_is_no_invitation_goes_to_contacts_too(acme: Service) -> None:
    (person,) = people(1, acme)
    add(contact(external_id=x_id(person)))
    reached(invitation(acme), acme, person)
    assert write(aimed(broadcast(acme), acme)) == {person: "pending"}


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(MessageState.UNCERTAIN, "already_invited"), (MessageState.REFUSED, "pending"), (MessageState.PENDING, "pending")],
)
def test_an_invitation_counts_when_it_may_have_arrived(acme: Service, state: MessageState, outcome: str) -> None:
    (person,) = people(1, acme)
    reached(invitation(acme), acme, person, state=state)
    assert write(aimed(invitation(acme), acme, is_invitation=True)) == {person: outcome}


def test_it_is_asked_again_in_the_statement_that_arms(acme: Service) -> None:
    still_new, became_contact, was_invited = people(3, acme)
    delivery = invitation(acme)
    messages = {person: message_to(delivery, acme, person) for person in (still_new, became_contact, was_invited)}
    reasons = permission.in_order([*permission.of_broadcast(acme, NOW), *store.of_invitation(acme, delivery.id)])
    add(agreement(acme, x_id(became_contact)))
    reached(invitation(acme), acme, was_invited)
    with transaction(durable=True) as session:
        told = {
            one.visitor_id: one.reason
            for one in waves.candidates(session, Span(delivery.id, acme.id), reasons, at_most=10)
        }
        armed = waves.arm(session, dict.fromkeys(messages.values(), "Come"), reasons, NOW)
    assert told == {still_new: None, became_contact: "already_contact", was_invited: "already_invited"}
    assert armed == {messages[still_new]}


def test_the_link_of_an_invitation_says_of_which_delivery_it_is_and_whose(public_url: str) -> None:
    link = store.join_link("acme", 17, 4)
    address, _, signature = link.partition("?i=")
    assert address == f"{public_url}/join/acme"
    assert invitation_of(signature) == (17, 4)
    assert invitation_of(signature[:-2]) is None
    assert link == store.join_link("acme", 17, 4)
    assert signature not in store.join_link("acme", 17, 5)


def test_without_a_public_address_there_is_no_link(acme: Service) -> None:
    assert not store.join_link("acme", 17, 4)
    assert not store.leave_link(acme, "1")


def test_a_link_to_leave_is_of_one_person_and_a_samples_of_none(acme: Service, public_url: str) -> None:
    address, _, link = store.leave_link(acme, "1").partition("?p=")
    assert (address, signed("leave", link)) == (f"{public_url}/leave", [acme.id, "1"])
    assert store.leave_link(acme, None) == f"{public_url}/leave/acme"
    text = text_for(draft("Hello"), acme, 1)
    person = {"external_id": "1", "visitor_id": "7"}
    assert store.leave_link(acme, "1") in text.render(person)
    assert f"{public_url}/leave/acme" in text.render(person | {"visitor_id": None})


def test_the_funnel_of_each_invitation_and_the_rate_of_the_service(acme: Service) -> None:
    *crowd, late = people(10, acme)
    personal = invitation(acme, label="Come closer", started_at=NOW)
    public = invitation(acme, kind=DeliveryKind.POST, label="A post")
    for person in crowd[:6]:
        reached(personal, acme, person)
    message_to(personal, acme, late)
    done: dict[str, Any] = {"state": AgreementState.RECOVERED, "recovered_at": NOW}
    add(
        *(InvitationOpening(delivery_id=personal.id, visitor_id=person, opened_at=NOW) for person in crowd[:4]),
        InvitationOpening(delivery_id=public.id, visitor_id=0, opened_at=NOW),
        agreement(acme, "1", delivery_id=personal.id, reconciled_by=ReconciledBy.EMAIL, **done),
        agreement(acme, "2", delivery_id=personal.id, reconciled_by=ReconciledBy.NOTHING, **done),
        agreement(acme, "3", delivery_id=personal.id),
        agreement(acme, "4", delivery_id=public.id, reconciled_by=ReconciledBy.NOTHING, **done),
        agreement(acme, "5", state=AgreementState.WITHDRAWN, recovered_at=NOW, withdrawn_at=NOW),
        agreement(acme, "1", state=AgreementState.WITHDRAWN, withdrawn_at=NOW),
    )
    with read_session() as session:
        report = acquisitions.acquisition_of(session, acme)
    assert (report.followers, report.contacts, report.withdrawn, report.rate) == (10, 3, 1, 0.3)
    assert {one.label: one.funnel for one in report.invitations} == {
        "A post": Funnel(agreed=1, recovered=1),
        "Come closer": Funnel(invited=6, opened=4, agreed=3, recovered=2, reconciled=1),
        "Without an invitation": Funnel(agreed=2, recovered=1),
    }
    assert report.funnel == Funnel(invited=6, opened=4, agreed=6, recovered=4, reconciled=1)


def test_a_service_that_invited_no_person_has_an_empty_report(acme: Service) -> None:
    with read_session() as session:
        report = acquisitions.acquisition_of(session, acme)
    assert (report.contacts, report.rate, list(report.invitations)) == (0, None, [])

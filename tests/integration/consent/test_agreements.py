"""Agreements and the contacts that come of them, on both databases."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from campaign.consent import store as consent
from campaign.consent.store import Yes
from campaign.contacts import store as contacts
from campaign.db.engine import read_session, transaction
from campaign.x.types import Profile
from models import Agreement, AgreementState, Contact, ReconciledBy, Service, Suppression
from tests.databases import Database
from tests.factories import NOW, page
from tests.readings import everybody, read_all, saved_service

A_DAY = timedelta(days=1)
ANA = Profile(
    "7",
    "ana",
    "Ana",
    "Likes <b>tea</b>",
    "Gent",
    "https://ana.example",
    None,
    True,
    12,
    34,
    NOW,
    "nl",
    "Ana@Example.org",
)
KEYS = [ReconciledBy.X_USER_ID, ReconciledBy.EMAIL, ReconciledBy.USERNAME]
PROFILE_COLUMNS = [
    "username",
    "full_name",
    "description",
    "location",
    "website",
    "picture_url",
    "verified",
    "followers_count",
    "posts_count",
    "joined_x_at",
    "language",
    "email",
]


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service()


def a_yes(service: Service, **changes: Any) -> Yes:
    return replace(Yes(service.id, "7", 0, "what is shared", "v1", "users.read", may_link=False, at=NOW), **changes)


def say_yes(service: Service, **changes: Any) -> Agreement:
    with transaction() as session:
        return consent.save(session, a_yes(service, **changes))


def learn(profile: Profile = ANA, keys: list[ReconciledBy] = KEYS, *, may_link: bool = True) -> ReconciledBy:
    with transaction() as session:
        return contacts.save_profile(session, profile, keys if may_link else [], NOW)[1]


def recover(agreement: Agreement, profile: Profile = ANA) -> None:
    with transaction() as session:
        row = consent.lock(session, agreement.id)
        assert row
        contact, row.reconciled_by = contacts.save_profile(session, profile, KEYS if row.may_link else [], NOW)
        row.contact_id = contact.id
        row.become(AgreementState.RECOVERED)


def write(**fields: Any) -> int:
    with transaction() as session:
        row = Contact(created_at=NOW, updated_at=NOW, **fields)
        session.add(row)
        session.flush()
        return row.id


def all_contacts() -> list[Contact]:
    with read_session() as session:
        return list(session.exec(select(Contact).order_by(col(Contact.id))))


def all_agreements() -> list[Agreement]:
    with read_session() as session:
        return list(session.exec(select(Agreement).order_by(col(Agreement.id))))


def test_who_says_yes_twice_before_the_profile_is_read_has_one_agreement(acme: Service) -> None:
    first = say_yes(acme, delivery_id=3)
    second = say_yes(acme, text="more is shared", text_version="v2", may_link=True, at=NOW + A_DAY)
    assert first.id == second.id
    (row,) = all_agreements()
    assert (row.text_version, row.may_link, row.agreed_at, row.delivery_id) == ("v2", True, NOW + A_DAY, 3)


def test_who_says_yes_again_afterwards_has_two(acme: Service) -> None:
    recover(say_yes(acme))
    say_yes(acme)
    assert [row.state for row in all_agreements()] == [AgreementState.RECOVERED, AgreementState.AGREED]


def test_the_opening_of_an_invitation_is_kept_once(acme: Service) -> None:  # noqa: ARG001
    with transaction() as session:
        assert consent.record_opening(session, 1, 2, NOW)
        assert not consent.record_opening(session, 1, 2, NOW + A_DAY)
        assert consent.record_opening(session, 1, 3, NOW)


def test_a_profile_makes_one_contact_joined_to_the_visitor(acme: Service) -> None:
    read_all(acme, [page([7])])
    assert learn() is ReconciledBy.NOTHING
    assert learn(replace(ANA, full_name="Ana B.", location=None)) is ReconciledBy.X_USER_ID
    (contact,) = all_contacts()
    assert contact.visitor_id == everybody()["7"].id
    assert (contact.external_id, contact.full_name, contact.location) == ("7", "Ana B.", "Gent")
    assert (contact.email, contact.joined_x_at, contact.posts_count) == ("ana@example.org", NOW, 34)


@pytest.mark.parametrize(
    ("known", "keys", "told_by"),
    [
        ({"email": "ana@example.org"}, KEYS, ReconciledBy.EMAIL),
        ({"username": "Ana"}, KEYS, ReconciledBy.USERNAME),
        ({"username": "Ana"}, [ReconciledBy.X_USER_ID, ReconciledBy.EMAIL], ReconciledBy.NOTHING),
        ({"email": "ana@example.org"}, [], ReconciledBy.NOTHING),
        ({"email": "bo@example.org"}, KEYS, ReconciledBy.NOTHING),
    ],
)
def test_a_known_contact_is_found_by_the_keys_of_the_service(
    acme: Service,  # noqa: ARG001
    known: dict[str, str],
    keys: list[ReconciledBy],
    told_by: ReconciledBy,
) -> None:
    write(full_name="Mrs A.", **known)
    assert learn(keys=keys) is told_by
    contact = all_contacts()[-1]
    assert contact.external_id == "7"
    assert contact.full_name == ("Ana" if told_by is ReconciledBy.NOTHING else "Mrs A.")


def test_no_person_is_linked_outside_x_without_the_separate_tick(acme: Service) -> None:  # noqa: ARG001
    known = write(email="ana@example.org")
    assert learn(may_link=False) is ReconciledBy.NOTHING
    assert [contact.id == known for contact in all_contacts()] == [True, False]


def test_of_several_contacts_with_one_address_none_is_guessed(acme: Service) -> None:  # noqa: ARG001
    write(email="ana@example.org", full_name="One")
    write(email="ana@example.org", full_name="Two")
    assert learn(keys=[ReconciledBy.EMAIL]) is ReconciledBy.NOTHING


def test_a_contact_of_another_person_on_x_is_never_taken_over(acme: Service) -> None:  # noqa: ARG001
    write(external_id="8", email="ana@example.org", username="ana")
    assert learn() is ReconciledBy.NOTHING


def test_withdrawing_leaves_only_the_x_user_id(acme: Service) -> None:
    recover(say_yes(acme))
    with transaction() as session:
        assert consent.withdraw(session, acme.id, "7", NOW + A_DAY) == 1
        assert consent.withdraw(session, acme.id, "7", NOW + 2 * A_DAY) == 0
    (contact,), (row,) = all_contacts(), all_agreements()
    assert contact.external_id == "7"
    assert {getattr(contact, name) for name in PROFILE_COLUMNS} == {None}
    assert (row.state, row.withdrawn_at) == (AgreementState.WITHDRAWN, NOW + A_DAY)


def test_withdrawing_cuts_a_contact_that_was_known_before_from_x(acme: Service) -> None:
    write(email="ana@example.org")
    recover(say_yes(acme, may_link=True))
    with transaction() as session:
        consent.withdraw(session, acme.id, "7", NOW)
    (contact,) = all_contacts()
    assert (contact.external_id, contact.email, contact.full_name) == (None, "ana@example.org", None)


def test_a_profile_stays_while_the_person_shares_it_with_another_service(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    recover(say_yes(acme))
    recover(say_yes(other))
    with transaction() as session:
        consent.withdraw(session, acme.id, "7", NOW)
    assert all_contacts()[0].full_name == "Ana"
    with transaction() as session:
        consent.withdraw(session, other.id, "7", NOW)
    assert all_contacts()[0].full_name is None


def test_the_word_stop_withdraws_the_agreement_too(acme: Service) -> None:
    read_all(acme, [page([7])])
    recover(say_yes(acme))
    visitor = everybody()["7"].id
    with transaction() as session:
        consent.opt_out(session, acme.id, visitor, "a message", NOW)
    assert all_agreements()[0].state is AgreementState.WITHDRAWN
    assert all_contacts()[0].full_name is None
    with read_session() as session:
        assert session.get(Suppression, (acme.id, visitor))

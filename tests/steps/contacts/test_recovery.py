"""Profiles are recovered with tokens that the vault keeps, and the tokens end, whatever happens."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pendulum
import pytest
import requests
from sqlmodel import col, select

from campaign.consent import lists
from campaign.consent import store as consents
from campaign.contacts.acquisition import keep_grant, recover_profiles
from campaign.db import vault
from campaign.db.engine import read_session, transaction
from campaign.services.store import app_keys_of
from campaign.settings import load_settings
from campaign.x.oauth import Grant, sign_in_of
from models import Agreement, AgreementState, Contact, ReconciledBy, Secret, SecretKind
from tests.simulated_x import Brand, SimulatedX
from tests.steps.running import both_databases
from tests.web_visits import query_of

CALLBACK = "http://127.0.0.1:4280/join/callback"
ANA = {
    "name": "Ana",
    "description": "Tea <b>& more</b>",
    "location": "Gent",
    "confirmed_email": "Ana@Example.org",
    "created_at": "2012-03-04T05:06:07Z",
}


@pytest.fixture
def acme(x: SimulatedX) -> Brand:
    brand = x.make("acme", 3, callbacks=[CALLBACK])
    brand.connect(join_purpose="To greet you.", asks_email=True, **app_of(brand))
    return brand


def app_of(brand: Brand) -> dict[str, str]:
    return {name: str(brand.made[name]) for name in ("client_id", "client_secret")}


def signed_in(brand: Brand, person: dict[str, Any]) -> Grant:
    sign_in = sign_in_of(app_keys_of(brand.service), load_settings().x_api_url, asks_email=True)
    begun = sign_in.begin(CALLBACK)
    answer = {"answer": "authorize", "username": person["username"]}
    back = requests.post(begun.url, data=answer, allow_redirects=False, timeout=10).headers["location"]
    return sign_in.complete(begun.kept, query_of(back), CALLBACK)


def say_yes(brand: Brand, number: int = 0, *, hours_ago: float = 0, token: bool = True, **more: Any) -> int:
    """Agree as the page has it; gives the number of the agreement."""
    person = brand.users()[number]
    grant = signed_in(brand, person)
    with transaction() as session:
        yes = consents.Yes(
            service_id=brand.service.id,
            external_id=more.pop("external_id", person["id"]),
            delivery_id=0,
            text="what is shared",
            text_version="v1",
            scopes=grant.scopes,
            may_link=True,
            at=pendulum.now("UTC") - timedelta(hours=hours_ago),
        )
        row = consents.save(session, yes)
        if token:
            keep_grant(session, row, grant, yes.at)
        return row.id


def agreement(row: int) -> Agreement:
    with read_session() as session:
        return session.get_one(Agreement, row)


def kept() -> list[int]:
    """The agreements whose tokens are in the vault."""
    with read_session() as session:
        return vault.list_owners(session, SecretKind.CONTACT_GRANT)


def contacts() -> list[Contact]:
    with read_session() as session:
        return list(session.exec(select(Contact).order_by(col(Contact.id))))


def tokens_alive(brand: Brand) -> int:
    """How many tokens still open something at X, by its own word."""
    return sum(one["stage"] == "alive" for one in brand.x.command("GET", "sign_ins")["sign_ins"])


def test_a_profile_becomes_a_contact_and_the_token_is_gone_everywhere(acme: Brand) -> None:
    person = acme.users()[0]
    acme.x.command("PATCH", f"users/{person['id']}", **ANA)
    row = say_yes(acme)
    found = recover_profiles()
    assert (found.recovered, found.reconciled, found.failed, found.waiting, found.problems) == (1, 0, 0, 0, ())
    (contact,) = contacts()
    assert (contact.external_id, contact.full_name, contact.location) == (person["id"], "Ana", "Gent")
    assert (contact.description, contact.email) == ("Tea <b>& more</b>", "ana@example.org")
    assert contact.joined_x_at == pendulum.datetime(2012, 3, 4, 5, 6, 7)
    assert agreement(row).contact_id == contact.id
    assert (agreement(row).state, agreement(row).reconciled_by) == (AgreementState.RECOVERED, ReconciledBy.NOTHING)
    assert kept() == []
    assert tokens_alive(acme) == 0
    assert acme.booked() == Decimal("0.010")
    assert recover_profiles().recovered == 0


def test_who_is_known_by_the_address_is_reconciled(acme: Brand) -> None:
    acme.x.command("PATCH", f"users/{acme.users()[0]['id']}", **ANA)
    with transaction() as session:
        session.add(Contact(email="ana@example.org", created_at=pendulum.now(), updated_at=pendulum.now()))
    row = say_yes(acme)
    assert recover_profiles().reconciled == 1
    assert agreement(row).reconciled_by is ReconciledBy.EMAIL
    assert len(contacts()) == 1


@pytest.mark.parametrize("kind", ["unavailable_before", "answer_lost"])
def test_while_x_is_away_everything_waits_and_goes_on_later(acme: Brand, kind: str) -> None:
    row = say_yes(acme)
    acme.x.fault("/2/users/me", kind)
    found = recover_profiles()
    assert (found.recovered, found.waiting) == (0, 1)
    assert found.again_at
    assert found.again_at > pendulum.now()
    assert kept() == [row]
    assert tokens_alive(acme) == 1
    acme.x.be_well()
    assert recover_profiles().recovered == 1
    assert tokens_alive(acme) == 0


def be_older(agreement_id: int, length: timedelta) -> None:
    with transaction() as session:
        row = session.get_one(Agreement, agreement_id)
        row.agreed_at -= length
        session.add(row)


def test_an_outage_that_rejects_tokens_fails_no_agreement(acme: Brand) -> None:
    row = say_yes(acme)
    acme.x.fault("/2/users/me", "unauthorized", times=3)
    for _ in range(3):
        assert (recover_profiles().waiting, kept()) == (1, [row])
    assert recover_profiles().recovered == 1


def test_a_token_that_x_does_not_take_fails_its_agreement_alone(acme: Brand) -> None:
    first, second = say_yes(acme), say_yes(acme, 1)
    acme.x.command("POST", "sign_ins/revoke", user=acme.users()[0]["username"])
    found = recover_profiles()
    assert (found.recovered, found.failed, found.waiting) == (1, 0, 1)
    assert found.again_at
    be_older(first, timedelta(hours=2))
    assert recover_profiles().failed == 1
    assert agreement(first).state is AgreementState.FAILED
    assert "X no longer accepts this sign-in" in agreement(first).reason
    assert agreement(second).state is AgreementState.RECOVERED
    assert kept() == []


def test_a_token_that_x_could_not_end_is_ended_the_next_time(acme: Brand) -> None:
    say_yes(acme)
    acme.x.fault("/2/oauth2/revoke", "unavailable_before")
    assert recover_profiles().recovered == 1
    assert (len(kept()), tokens_alive(acme)) == (1, 1)
    acme.x.be_well()
    recover_profiles()
    assert (kept(), tokens_alive(acme)) == ([], 0)


def test_what_was_withdrawn_meanwhile_is_not_read_and_its_token_ends(acme: Brand) -> None:
    row = say_yes(acme)
    with transaction() as session:
        consents.withdraw(session, acme.service.id, agreement(row).external_id, pendulum.now("UTC"))
    assert recover_profiles().recovered == 0
    assert contacts() == []
    assert (kept(), tokens_alive(acme)) == ([], 0)


def test_above_the_cap_everything_waits_for_the_operator(acme: Brand) -> None:
    row = say_yes(acme)
    acme.connect(spend_cap=Decimal("0.005"), **app_of(acme))
    found = recover_profiles()
    assert (found.waiting, found.again_at) == (1, None)
    assert "spend cap" in found.problems[0]
    assert kept() == [row]
    assert acme.booked() == 0


def test_an_agreement_whose_token_never_came_fails_after_a_while(acme: Brand) -> None:
    fresh, old = say_yes(acme, token=False), say_yes(acme, 1, hours_ago=1, token=False)
    assert recover_profiles().failed == 1
    assert agreement(fresh).state is AgreementState.AGREED
    assert (agreement(old).state, "lost" in agreement(old).reason) == (AgreementState.FAILED, True)


def test_the_profile_of_another_person_is_not_kept(acme: Brand) -> None:
    row = say_yes(acme, external_id="999")
    assert recover_profiles().failed == 1
    assert agreement(row).state is AgreementState.FAILED
    assert contacts() == []


def test_no_token_can_be_read_in_the_database(acme: Brand) -> None:
    row = say_yes(acme)
    with read_session() as session:
        values = vault.read(session, SecretKind.CONTACT_GRANT, row)
        stored = session.exec(select(Secret).where(Secret.kind == SecretKind.CONTACT_GRANT)).one()
    assert values
    assert values["service_id"] == str(acme.service.id)
    assert len(values["access_token"]) > 10
    assert values["access_token"] not in str(stored.model_dump())


@both_databases
@pytest.mark.parametrize(
    ("profile", "named"),
    [
        ({"description": "secret\x00words"}, "description"),
        ({"location": "secret\x00words"}, "location"),
        ({"confirmed_email": f"secretwords@{'a' * 320}.example"}, "email"),
        ({"followers_count": 2**63}, "followers_count"),
    ],
)
def test_a_profile_that_cannot_be_stored_fails_its_agreement_alone(
    acme: Brand, profile: dict[str, Any], named: str
) -> None:
    acme.x.command("PATCH", f"users/{acme.users()[0]['id']}", **profile)
    first, second = say_yes(acme), say_yes(acme, 1)
    found = recover_profiles()
    assert (found.recovered, found.failed, found.waiting) == (1, 1, 0)
    assert agreement(first).state is AgreementState.FAILED
    assert f"The profile cannot be stored: its {named} " in agreement(first).reason
    assert agreement(second).state is AgreementState.RECOVERED
    assert "secret" not in f"{agreement(first).reason} {found.problems}"
    assert (kept(), recover_profiles().failed) == ([], 0)


@both_databases
@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ({"verified": "secret"}, "verified"),
        ({"verified": 1}, "verified"),
        ({"public_metrics": {"followers_count": "secret"}}, "followers_count"),
        ({"public_metrics": {"followers_count": 1.5}}, "followers_count"),
        ({"public_metrics": {"post_count": True}}, "posts_count"),
        ({"description": ["secret"]}, "description"),
    ],
)
def test_a_field_of_the_wrong_type_fails_its_agreement_alone(acme: Brand, odd: dict[str, Any], named: str) -> None:
    first, second = say_yes(acme), say_yes(acme, 1)
    acme.x.fault("/2/users/me", "odd_record", put=odd)
    found = recover_profiles()
    assert (found.recovered, found.failed, found.waiting) == (1, 1, 0)
    assert agreement(first).reason == f"The profile cannot be stored: its {named} is of the wrong type."
    assert "secret" not in str(found.problems)
    assert agreement(second).state is AgreementState.RECOVERED


@both_databases
@pytest.mark.parametrize(
    "odd",
    [
        {"created_at": "soon"},
        {"created_at": 5},
        {"public_metrics": 7},
        {"entities": {"url": {"urls": ["x"]}}},
        {"name": 5},
    ],
)
def test_a_field_that_cannot_be_read_is_left_out(acme: Brand, odd: dict[str, Any]) -> None:
    say_yes(acme)
    acme.x.fault("/2/users/me", "odd_record", put=odd)
    assert (recover_profiles().recovered, len(contacts())) == (1, 1)


def test_a_profile_that_is_never_readable_is_not_paid_for_without_end(acme: Brand) -> None:
    new, old = say_yes(acme), say_yes(acme, 1, hours_ago=25)
    acme.x.fault("/2/users/me", "broken_json", times=None)
    found = recover_profiles()
    assert (found.waiting, found.failed) == (1, 1)
    assert agreement(new).state is AgreementState.AGREED
    assert "the person may agree again" in agreement(old).reason


@both_databases
def test_a_denied_handle_is_suppressed_when_its_person_shares_a_profile(acme: Brand) -> None:
    person = acme.users()[0]
    with transaction() as session:
        consents.suppress_handles(session, {person["username"]: "asked by letter"}, pendulum.now("UTC"))
    say_yes(acme)
    assert recover_profiles().recovered == 1
    with read_session() as session:
        (suppressed,) = lists.suppressions(session)
    assert (suppressed.external_id, suppressed.service, suppressed.proof) == (person["id"], None, "asked by letter")

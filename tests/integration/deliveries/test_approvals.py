"""Approvals in the database: by accounts, by the rules of the services, of exactly what was analysed."""

from decimal import Decimal

import pytest

from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Content, Draft, Part
from campaign.errors import NotPossible
from campaign.users import store as users
from models import EVERY_SERVICE, Delivery, DeliveryState, Role, Service
from tests.databases import Database
from tests.factories import NOW
from tests.readings import saved_service


@pytest.fixture
def acme(database: Database) -> Service:
    assert database
    people = {"ann": Role.APPROVER, "bo": Role.APPROVER, "cy": Role.APPROVER, "wim": Role.WRITER, "op": Role.OPERATOR}
    with transaction() as session:
        for name, role in sorted(people.items(), key=lambda one: one[1] is not Role.OPERATOR):
            users.add_user(
                session, name, f"{name.title()} Smith", {EVERY_SERVICE: role}, NOW, email=f"{name}@a.example"
            )
    return saved_service(approval_by_another=True, two_approvers_cost=Decimal(5))


def analysed(acme: Service, writer: str = "ann", cost: int = 10, fingerprint: str = "f1") -> Delivery:
    draft = Draft(label="News", services=[acme.internal_name], content=Content(parts=[Part(text="Hello")]))
    with transaction() as session:
        made = deliveries.create(session, draft, "news", [acme], None, actor=writer, now=NOW)
        analyse(session, made, cost, fingerprint)
        return made


def analyse(session: object, delivery: Delivery, cost: int, fingerprint: str) -> None:
    found = f'{{"cost": "{cost}", "messages": 1}}'
    approval.record_analysis(session, delivery, found, fingerprint, is_ok=True, actor="ann", now=NOW)  # type: ignore[arg-type]


def approve(person: str, fingerprint: str = "f1") -> Delivery:
    with transaction() as session:
        delivery = deliveries.named(session, "news")
        approval.confirm(session, delivery, fingerprint, person, "", NOW)
        return delivery


def test_two_others_than_the_writer_confirm_it_and_both_are_named(acme: Service) -> None:
    analysed(acme)
    with pytest.raises(NotPossible, match="ann wrote it; another person"):
        approve("ann")
    first = approve("bo")
    assert (first.state, first.confirmed_by) == (DeliveryState.ANALYSED, "")
    with pytest.raises(NotPossible, match="bo approved it already"):
        approve("bo")
    second = approve("cy")
    assert (second.state, second.confirmed_by) == (DeliveryState.CONFIRMED, "bo and cy")
    with read_session() as session:
        actions = [(one.actor, one.action) for one in deliveries.audit_of(session, second)]
    assert actions[-2:] == [("bo", "approved"), ("cy", "confirmed")]


@pytest.mark.parametrize("name", ["Ann Smith", "ANN", "ann@a.example", " ann "])
def test_another_name_of_the_writer_is_the_writer(acme: Service, name: str) -> None:
    analysed(acme)
    with pytest.raises(NotPossible, match="ann wrote it"):
        approve(name)


@pytest.mark.parametrize("name", ["wim", "a stranger", "a person in the Prefect UI", "automatic approval", ""])
def test_only_accounts_that_may_approve_count(acme: Service, name: str) -> None:
    analysed(acme)
    with pytest.raises(NotPossible, match="who may approve for @acme at the desk"):
        approve(name)


def test_who_changed_it_last_is_its_writer(acme: Service) -> None:
    made = analysed(acme, writer="ann", cost=1)
    with transaction() as session:
        delivery = deliveries.get(session, made.id)
        draft = deliveries.draft_of(session, delivery).model_copy(update={"label": "Other"})
        deliveries.change(session, delivery, draft, [acme], None, actor="bo", now=NOW)
        analyse(session, delivery, 1, "f2")
    with pytest.raises(NotPossible, match="bo wrote it"):
        approve("bo", "f2")
    assert approve("ann", "f2").state is DeliveryState.CONFIRMED


def test_an_approval_counts_for_one_analysis_only(acme: Service) -> None:
    made = analysed(acme)
    approve("bo")
    with transaction() as session:
        analyse(session, deliveries.get(session, made.id), 10, "f1")
    with read_session() as session:
        assert approval.standing_of(session, deliveries.get(session, made.id)).given == ()
    assert approve("cy").state is DeliveryState.ANALYSED


def test_the_approval_of_a_person_who_lost_the_role_does_not_count(acme: Service) -> None:
    analysed(acme)
    approve("bo")
    with transaction() as session:
        users.remove_user(session, users.find_user(session, "bo"), NOW)
    assert approve("cy").state is DeliveryState.ANALYSED
    confirmed = approve("op")
    assert (confirmed.state, confirmed.confirmed_by) == (DeliveryState.CONFIRMED, "cy and op")


def test_a_delivery_without_a_known_writer_is_approved_by_no_person(acme: Service) -> None:
    analysed(acme, writer="the run wild-cat")
    with pytest.raises(NotPossible, match="not known who wrote it"):
        approve("bo")


def test_those_who_may_approve_are_listed(acme: Service) -> None:
    made = analysed(acme)
    with read_session() as session:
        people = approval.may_approve(session, deliveries.get(session, made.id))
    assert [one.user.name for one in people] == ["bo", "cy", "op"]


def test_without_rules_any_name_confirms_at_once(database: Database) -> None:
    assert database
    analysed(saved_service())
    assert approve("whoever").state is DeliveryState.CONFIRMED

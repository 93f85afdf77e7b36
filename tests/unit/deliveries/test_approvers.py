"""Who may approve what: never the writer where another person is required, never one person twice."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.approval import RUN, Rules, Standing, rules_for
from models import Service
from tests.factories import service

PEOPLE = ("ann", "bo", "cy", "dee")


def asks(**rules: object) -> Service:
    return service(**rules)


@given(
    by_another=st.booleans(),
    needed=st.sampled_from([1, 2]),
    writer=st.sampled_from([*PEOPLE, f"{RUN}new", ""]),
    answers=st.lists(st.sampled_from(PEOPLE), max_size=6),
)
def test_no_writer_and_no_person_twice_approves(by_another: bool, needed: int, writer: str, answers: list[str]) -> None:
    standing = Standing(Rules(by_another, needed), writer)
    for person in answers:
        if not standing.is_enough and not standing.why_not(person):
            standing = Standing(standing.rules, writer, (*standing.given, person))
    assert len(set(standing.given)) == len(standing.given) <= needed
    assert not (by_another and writer in standing.given)
    assert not (by_another and writer not in PEOPLE and standing.given)
    others = {one for one in answers if not (by_another and one == writer)}
    is_known = not (by_another and writer not in PEOPLE)
    assert standing.is_enough == (is_known and len(others) >= needed)


def test_one_strict_service_of_several_decides() -> None:
    services = [asks(), asks(approval_by_another=True), asks(two_approvers_recipients=100)]
    assert rules_for(services, 100, Decimal(0)) == Rules(by_another=True)
    assert rules_for(services, 101, Decimal(0)) == Rules(by_another=True, people=2)
    assert rules_for([asks()], 10**9, Decimal(10**9)) == Rules()


def test_two_people_approve_what_costs_more_than_the_limit() -> None:
    services = [asks(two_approvers_cost=Decimal("1.50"))]
    assert rules_for(services, 10, Decimal("1.50")).people == 1
    assert rules_for(services, 10, Decimal("1.51")).people == 2

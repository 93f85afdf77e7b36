"""What a sync learns of where people are, and of who takes the account's messages, on both databases."""

from datetime import timedelta

import pytest
from sqlmodel import select

from campaign.consent import store as consent
from campaign.db.engine import read_session, transaction
from campaign.x.types import Follower
from models import Service, Unreachable
from tests.databases import Database
from tests.factories import NOW, follower, page
from tests.readings import everybody, read_all, saved_service

A_DAY = timedelta(days=1)


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service()


def unreachable() -> set[tuple[int, str, str]]:
    """Who does not receive whose messages, and why."""
    known = {row.id: person for person, row in everybody().items()}
    with read_session() as session:
        return {(row.service_id, known[row.visitor_id], row.reason) for row in session.exec(select(Unreachable))}


def refused(service: Service, person: str, reason: str) -> None:
    with transaction() as session:
        consent.record_unreachable(session, service.id, everybody()[person].id, reason, NOW)


def told(number: int, *, receives: bool | None) -> Follower:
    return follower(number, receives_messages=receives)


def test_where_people_are_is_kept_as_they_wrote_it(acme: Service) -> None:
    read_all(acme, [page([follower(1, location="Zürich 🏔 'n \\u0000"), 2])])
    assert [everybody()[person].location for person in "12"] == ["Zürich 🏔 'n \\u0000", None]


def test_who_moved_is_changed_and_who_did_not_is_not(acme: Service) -> None:
    read_all(acme, [page([follower(1, location="Paris"), follower(2, location="Rome")])])
    run = read_all(acme, [page([follower(1, location="Lyon"), follower(2, location="Rome")])], now=NOW + A_DAY)
    assert (run.new, run.changed) == (0, 1)
    assert everybody()["1"].location == "Lyon"
    assert [everybody()[person].updated_at for person in "12"] == [NOW + A_DAY, NOW]


def test_a_place_that_x_leaves_out_does_not_overwrite_what_is_known(acme: Service) -> None:
    read_all(acme, [page([follower(1, location="Paris")])])
    run = read_all(acme, [page([1])])
    assert everybody()["1"].location == "Paris"
    assert run.changed == 0


def test_who_does_not_take_messages_is_kept_and_the_others_leave_no_row(acme: Service) -> None:
    run = read_all(acme, [page([told(1, receives=False), told(2, receives=True), told(3, receives=None)])])
    assert unreachable() == {(acme.id, "1", "closed")}
    again = read_all(acme, [page([told(1, receives=False), told(2, receives=True)])], now=NOW + A_DAY)
    assert unreachable() == {(acme.id, "1", "closed")}
    assert ((run.new, run.changed), (again.new, again.changed)) == ((3, 0), (0, 0))


@pytest.mark.parametrize("reason", ["closed", "blocked", "dm_closed"])
def test_who_takes_messages_again_is_forgotten_whatever_the_reason(acme: Service, reason: str) -> None:
    read_all(acme, [page([1, 2, 3])])
    for person in "123":
        refused(acme, person, reason)
    read_all(acme, [page([told(1, receives=True), told(2, receives=None), told(3, receives=False)])])
    assert unreachable() == {(acme.id, "2", reason), (acme.id, "3", reason)}


def test_a_list_that_says_nothing_of_messages_forgets_nothing(acme: Service) -> None:
    read_all(acme, [page([told(1, receives=False)])])
    read_all(acme, [page([1, 2])])
    assert unreachable() == {(acme.id, "1", "closed")}


def test_who_is_not_on_a_page_is_not_touched_by_it(acme: Service) -> None:
    read_all(acme, [page([told(1, receives=False)], "t1"), page([told(2, receives=True)])])
    assert unreachable() == {(acme.id, "1", "closed")}


def test_one_service_may_be_closed_to_a_person_and_another_open(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    read_all(acme, [page([told(1, receives=False)])])
    read_all(other, [page([told(1, receives=False)])])
    read_all(other, [page([told(1, receives=True)])])
    assert unreachable() == {(acme.id, "1", "closed")}


def test_a_page_of_which_no_person_takes_messages_and_then_all_people_does(acme: Service) -> None:
    read_all(acme, [page([told(number, receives=False) for number in range(1_000)])])
    assert len(unreachable()) == 1_000
    read_all(acme, [page([told(number, receives=True) for number in range(1_000)])])
    assert unreachable() == set()


def test_a_person_twice_in_a_page_is_as_the_last_record(acme: Service) -> None:
    read_all(acme, [page([told(1, receives=False), told(1, receives=True)])])
    assert unreachable() == set()

"""Series in the database: made ahead, once, and stopped together."""

from datetime import timedelta

import pendulum
import pytest

from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, planning
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Content, Draft, Part
from campaign.errors import NotPossible, WrongUsage
from models import Delivery, DeliveryState, Every, Series
from tests.databases import Database
from tests.readings import saved_service

START = pendulum.now("UTC").add(days=3).replace(second=0, microsecond=0)


@pytest.fixture(autouse=True)
def acme(database: Database) -> None:
    assert database
    saved_service()


def post(**changes: object) -> str:
    draft = Draft(label="Tip", services=["acme"], content=Content(parts=[Part(text="A tip")]), **changes)
    return approval.compose(draft, actor="ann").name


def repeat(every: Every = Every.WEEK, **changes: object) -> Series:
    return planning.create_series(post(contact_date=START), every, "Europe/Brussels", "ann", **changes)  # type: ignore[arg-type]


def posts_of(one: Series) -> list[Delivery]:
    with read_session() as session:
        return planning.deliveries_of(session, one)


def test_posts_are_made_eight_weeks_ahead_as_drafts_and_each_once() -> None:
    made = repeat()
    assert len(posts_of(made)) == 8
    planning.extend_series(pendulum.now("UTC"))
    assert len(posts_of(made)) == 8
    planning.extend_series(pendulum.now("UTC") + timedelta(weeks=1))
    found = posts_of(made)
    assert len(found) == 9
    assert {one.state for one in found} == {DeliveryState.BEING_EDITED}
    assert found[0].contact_date == START
    assert len({one.contact_date for one in found}) == 9


def test_what_was_missed_is_not_made_later() -> None:
    made = repeat()
    planning.extend_series(pendulum.now("UTC") + timedelta(weeks=30))
    moments = [one.contact_date for one in posts_of(made)[8:]]
    assert all(moment and moment > pendulum.now("UTC") + timedelta(weeks=29) for moment in moments)
    assert len(moments) == 8


def test_a_stopped_series_stops_its_posts_and_makes_no_more() -> None:
    made = repeat(times=3)
    with transaction() as session:
        begun = deliveries.get(session, posts_of(made)[0].id)
        begun.state, begun.started_at = DeliveryState.IN_PROGRESS, pendulum.now("UTC")
    assert len(planning.stop_series(made.id, "ann")) == 2
    planning.extend_series(pendulum.now("UTC") + timedelta(weeks=30))
    states = [one.state for one in posts_of(made)]
    assert states == [DeliveryState.IN_PROGRESS, DeliveryState.STOPPED, DeliveryState.STOPPED]


def test_a_series_whose_account_is_gone_says_so_and_holds_up_no_other() -> None:
    first, second = repeat(), repeat()
    with transaction() as session:
        broken = planning.get_series(session, first.id)
        broken.draft = broken.draft.replace("acme", "gone")
    planning.extend_series(pendulum.now("UTC") + timedelta(weeks=1))
    with read_session() as session:
        assert "There is no service gone" in planning.get_series(session, first.id).problem
    assert (len(posts_of(first)), len(posts_of(second))) == (8, 9)


def test_only_a_post_with_a_date_to_come_is_repeated_and_once() -> None:
    with pytest.raises(NotPossible, match="no date in the future"):
        planning.create_series(post(), Every.WEEK, "UTC", "ann")
    made = repeat()
    with pytest.raises(NotPossible, match="belongs to a series already"):
        planning.create_series(posts_of(made)[1].name, Every.WEEK, "UTC", "ann")
    with pytest.raises(WrongUsage, match="2 to 1,000"):
        repeat(times=1)


def test_the_next_free_slot_is_beside_what_is_planned() -> None:
    acme = saved_service(internal_name="other", block_id=None)
    now = pendulum.datetime(2030, 1, 7, 8)  # a Monday
    with transaction() as session:
        assert planning.next_free(session, [acme], now) is None
        planning.add_slot(session, acme, 0, planning.read_clock("09:00"), "UTC", actor="ann", now=now)
        with pytest.raises(NotPossible, match="already"), session.begin_nested():
            planning.add_slot(session, acme, 0, planning.read_clock("09:00"), "UTC", actor="ann", now=now)
    draft = Draft(label="Tip", services=["other"], content=Content(parts=[Part(text="A tip")]))
    name = approval.compose(draft.model_copy(update={"contact_date": now.add(hours=1)}), actor="ann").name
    with read_session() as session:
        assert planning.next_free(session, [acme], now) == now.add(hours=1, weeks=1)
    approval.stop(name, "ann")
    with read_session() as session:
        assert planning.next_free(session, [acme], now) == now.add(hours=1)

"""Clicks counted on both databases: people and robots apart, and none of a proof."""

from datetime import timedelta

import pytest

from campaign.db.engine import read_session, transaction
from campaign.statistics import clicks
from campaign.statistics.clicks import Clicks
from models import MAIN, Click, Link, Message
from tests.databases import Database
from tests.factories import NOW

HOUR = timedelta(hours=1)


@pytest.fixture
def links(database: Database) -> list[Link]:  # noqa: ARG001
    """Two links of delivery 7 and one of delivery 8; message 3 is a proof."""
    with transaction() as session:
        made = [
            Link(delivery_id=7, number=1, url="https://a.example/x", label="Shop", category="sale"),
            Link(delivery_id=7, number=2, url="b.example"),
            Link(delivery_id=8, number=1, url="https://a.example/x"),
        ]
        session.add_all(made)
        for number, proof in ((1, MAIN), (2, MAIN), (3, 1)):
            session.add(Message(id=number, delivery_id=7, proof_number=proof, service_id=1, visitor_id=number, text=""))
        session.add(Message(id=4, delivery_id=8, service_id=1, visitor_id=1, text=""))
        session.flush()
        return made


def click(link: Link, message: int, *, robot: bool = False, after: timedelta = timedelta()) -> Click:
    return Click(link_id=link.id, message_id=message, clicked_at=NOW + after, agent="Firefox", is_robot=robot)


def keep(*clicked: Click) -> None:
    with transaction() as session:
        clicks.write(session, clicked)


def test_people_and_robots_are_counted_apart_and_proofs_not_at_all(links: list[Link]) -> None:
    first, second, other = links
    keep(
        *(click(first, 1) for _ in range(2)),
        click(first, 2),
        click(first, 2, robot=True),
        click(first, 3),
        click(second, 1),
        click(other, 4, robot=True),
    )
    with read_session() as session:
        assert clicks.of_delivery(session, 7) == Clicks(people=4, robots=1, messages=2)
        assert clicks.of_deliveries(session, [7, 8, 9]) == {7: Clicks(4, 1, 2), 8: Clicks(0, 1, 0)}
        assert clicks.by_message(session, [1, 3]) == {1: Clicks(3, 0, 1), 3: Clicks(1, 0, 1)}


def test_every_link_is_shown_also_one_without_a_click(links: list[Link]) -> None:
    keep(click(links[0], 1))
    with read_session() as session:
        shown = clicks.by_link(session, 7)
    assert [(one.number, one.url, one.label, one.category, one.clicks) for one in shown] == [
        (1, "https://a.example/x", "Shop", "sale", 1),
        (2, "b.example", "", "", 0),
    ]


def test_clicks_of_people_by_the_hour_in_which_they_came(links: list[Link]) -> None:
    keep(click(links[0], 1), click(links[1], 2, after=HOUR / 3), click(links[0], 2, robot=True))
    keep(click(links[0], 2, after=5 * HOUR))
    hour = NOW.replace(minute=0)
    with read_session() as session:
        assert clicks.by_hour(session, 7) == [(hour, 2), (hour + 5 * HOUR, 1)]


def test_without_clicks_there_are_none(links: list[Link]) -> None:  # noqa: ARG001
    keep()
    with read_session() as session:
        assert clicks.of_delivery(session, 7) == Clicks()
        assert clicks.by_hour(session, 7) == []

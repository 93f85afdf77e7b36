"""The list of visitors on both databases, as people and scripts see it."""

from datetime import datetime, timedelta

import pytest

from campaign.audience import visitors
from campaign.audience.visitors import VisitorRow
from campaign.db.engine import read_session
from campaign.errors import WrongUsage
from models import Service
from tests.databases import Database
from tests.factories import NOW, follower, page
from tests.readings import read_all, saved_service

A_DAY = timedelta(days=1)


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    """Followed by 1, 2 and, a day later, by 3; 2 has left by then; other is followed by 1."""
    acme = saved_service()
    other = saved_service(internal_name="other", block_id="block-other", visitor_folder="Others")
    read_all(acme, [page([1, follower(2, full_name='Ñandú 🦊, "two"', verified=True, followers_count=2**40)])])
    read_all(acme, [page([3, 1])], now=NOW + A_DAY)
    read_all(other, [page([1])], now=NOW + 2 * A_DAY)
    return acme


def listed(
    service: str | None = None,
    new_since: datetime | None = None,
    *,
    ended: bool = False,
    limit: int | None = None,
) -> list[VisitorRow]:
    with read_session() as session:
        selection = visitors.selection_of(session, service, new_since, ended=ended)
        rows = list(visitors.select_visitors(session, selection, limit))
        if limit is None:
            assert visitors.count_visitors(session, selection) == len(rows)
        return rows


def ids(rows: list[VisitorRow]) -> list[tuple[str, str]]:
    return [(row.service, row.external_id) for row in rows]


@pytest.mark.usefixtures("acme")
def test_who_follows_is_listed_once_per_service_the_newest_first() -> None:
    assert ids(listed()) == [("other", "1"), ("acme", "3"), ("acme", "1")]


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("name", ["acme", "ACME"])
def test_the_list_of_one_service(name: str) -> None:
    assert ids(listed(name)) == [("acme", "3"), ("acme", "1")]


@pytest.mark.usefixtures("acme")
def test_a_limit_cuts_the_list_after_the_newest() -> None:
    assert ids(listed(limit=2)) == [("other", "1"), ("acme", "3")]


@pytest.mark.usefixtures("acme")
def test_new_since_includes_its_moment() -> None:
    assert ids(listed("acme", NOW + A_DAY)) == [("acme", "3")]
    assert ids(listed("acme", NOW + A_DAY + timedelta(seconds=1))) == []


@pytest.mark.usefixtures("acme")
def test_new_since_without_a_time_zone_is_utc() -> None:
    assert ids(listed("acme", datetime(2026, 11, 27))) == [("acme", "3")]  # noqa: DTZ001


@pytest.mark.usefixtures("acme")
def test_who_no_longer_follows_is_listed_apart() -> None:
    (gone,) = listed(ended=True)
    assert (gone.external_id, gone.began_at, gone.ended_at) == ("2", NOW, NOW + A_DAY)


@pytest.mark.usefixtures("acme")
def test_a_row_has_campaigns_labels_and_text() -> None:
    (gone,) = listed(ended=True)
    assert gone.as_row() == {
        "Service": "acme",
        "Origin": "Twitter",
        "External ID": "2",
        "Username": "person_2",
        "Full name": 'Ñandú 🦊, "two"',
        "Number of friends": "1099511627776",
        "Checked": "yes",
        "Folder": "Visitors",
        "Follows since": "2026-11-26 07:30",
        "No longer since": "2026-11-27 07:30",
    }


@pytest.mark.usefixtures("acme")
def test_a_row_for_scripts_has_the_names_of_the_columns() -> None:
    newest = listed("acme", limit=1)[0]
    assert newest.as_json() == {
        "service": "acme",
        "origin": "Twitter",
        "external_id": "3",
        "username": "person_3",
        "full_name": "Person 3",
        "followers_count": 10,
        "verified": False,
        "folder": "Visitors",
        "began_at": (NOW + A_DAY).isoformat(),
        "ended_at": None,
    }


def test_what_is_not_known_is_an_empty_cell() -> None:
    row = VisitorRow("acme", "Twitter", "1", None, None, None, None, "Visitors", None, None)
    assert [cell for cell in row.as_row().values() if cell] == ["acme", "Twitter", "1", "Visitors"]


@pytest.mark.usefixtures("acme")
def test_a_service_no_person_knows_is_one_sentence() -> None:
    with pytest.raises(WrongUsage, match=r"^There is no service nobody, or it has not been synchronised yet\.$"):
        listed("nobody")

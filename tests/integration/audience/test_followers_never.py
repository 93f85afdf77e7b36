"""Whatever happens between two readings and within one, the table is the truth and history never overlaps."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.audience import sync
from campaign.db.engine import transaction
from campaign.x.types import Follower, FollowerPage
from models import Service, SyncRun, SyncState
from tests.databases import Database
from tests.factories import NOW, follower
from tests.readings import (
    everybody,
    followers_of,
    followings,
    known_run,
    open_run,
    past_of,
    saved_service,
    write_and_fail,
    write_page,
)

_numbers = count(1)

people = st.builds(
    lambda number, name: follower(number, username=name),
    st.integers(min_value=0, max_value=7),
    st.sampled_from(["ana", "bo", "cy"]),
)
lists = st.lists(people, max_size=8, unique_by=lambda person: person.external_id)
#: What happens before each page: nothing, the process dies, its transaction fails, or X no longer accepts the token
#: and somebody has left by the time the list is read from its beginning.
events = st.lists(st.sampled_from(["", "", "killed", "rolled back", "started over"]), min_size=12, max_size=12)
readings = st.tuples(lists, st.integers(min_value=1, max_value=4), events)


def pages_of(everyone: list[Follower], size: int) -> list[FollowerPage]:
    chunks = [everyone[start : start + size] for start in range(0, len(everyone), size)] or [[]]
    return [FollowerPage(chunk, str(number)) for number, chunk in enumerate(chunks[:-1], 1)] + [
        FollowerPage(chunks[-1], None)
    ]


def read(
    service: Service, everyone: list[Follower], size: int, happening: list[str], clock: Iterator[datetime]
) -> tuple[SyncRun, list[Follower]]:
    """Read to the end, whatever happens before each page; who is left in the list by then."""
    run, happenings = open_run(service, now=next(clock)), iter(happening)
    while run.state is SyncState.RUNNING:
        now, event = next(clock), next(happenings, "")
        if event == "killed":
            run = open_run(service, now=now)
        elif event == "rolled back":
            with pytest.raises(ZeroDivisionError):
                write_and_fail(service, run, pages_of(everyone, size)[run.pages], now)
        elif event == "started over":
            everyone = everyone[1:]
            run = start_over(run, now)
        run = write_page(service, run, pages_of(everyone, size)[run.pages], now)
    return run, everyone


def start_over(run: SyncRun, now: datetime) -> SyncRun:
    with transaction() as session:
        sync.start_over(session, session.get_one(SyncRun, run.id), now)
    return known_run(run)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(readings, min_size=1, max_size=4))
def test_after_any_syncs_the_table_is_true_and_history_never_overlaps(
    sqlite_database: Database,  # noqa: ARG001
    happened: list[tuple[list[Follower], int, list[str]]],
) -> None:
    number = next(_numbers)
    service = saved_service(internal_name=f"service_{number}", block_id=f"block-{number}")
    clock = (NOW + timedelta(hours=hour) for hour in count())
    following = 0
    for everyone, size, happening in happened:
        run, still_there = read(service, everyone, size, happening, clock)
        truth = {person.external_id: person for person in still_there}
        assert followers_of(service) == set(truth)
        assert {person: everybody()[person].username for person in truth} == {
            person: one.username for person, one in truth.items()
        }
        following += run.new - run.ended
        assert following == run.followers == len(truth)
    for person, intervals in history(service).items():
        assert all(began < ended for began, ended in intervals), person
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(intervals)), person


def history(service: Service) -> dict[str, list[tuple[datetime, datetime]]]:
    """Begin and end of each following of each person; what lasts ends far away."""
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for person, began, ended in past_of(service):
        found.setdefault(person, []).append((began, ended))
    for person, last in followings(service).items():
        found.setdefault(person, []).append((last.began_at, last.ended_at or NOW + timedelta(days=10_000)))
    return found

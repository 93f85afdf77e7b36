"""Pages of followers on both databases: who is there, who is new, what is known of them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from campaign.audience import sync
from campaign.audience.followers import SWEPT_AT_ONCE
from campaign.db.engine import transaction
from campaign.errors import AlreadyRunning
from campaign.x.types import Follower
from models import Service, SyncMode, SyncRun, SyncState, Visitor
from tests.databases import Database
from tests.factories import NOW, follower, page
from tests.readings import (
    everybody,
    followers_of,
    followings,
    known_run,
    open_run,
    past_of,
    read_all,
    saved_service,
    write_and_fail,
    write_page,
)

A_DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service()


def counts(run: SyncRun) -> tuple[int, int, int]:
    return run.new, run.changed, run.ended


def profile(visitor: Visitor) -> tuple[Any, ...]:
    return visitor.username, visitor.full_name, visitor.followers_count, visitor.verified


def test_a_page_makes_visitors_who_follow_the_service(acme: Service) -> None:
    run = read_all(acme, [page([1, 2])])
    assert followers_of(acme) == {"1", "2"}
    assert profile(everybody()["1"]) == ("person_1", "Person 1", 10, False)
    assert everybody()["1"].folder == "Visitors"
    assert everybody()["1"].origin == "Twitter"
    assert followings(acme)["1"].began_at == NOW
    assert counts(run) == (2, 0, 0)


def test_the_same_list_again_changes_nothing(acme: Service) -> None:
    read_all(acme, [page([1, 2])])
    before = everybody(), followings(acme)
    again = read_all(acme, [page([1, 2])], now=NOW + A_DAY)
    assert counts(again) == (0, 0, 0)
    assert (everybody(), followings(acme)) == before


def test_a_renamed_person_keeps_the_row(acme: Service) -> None:
    read_all(acme, [page([1])])
    run = read_all(acme, [page([follower(1, username="renamed", full_name="Re Named")])], now=NOW + A_DAY)
    assert profile(everybody()["1"])[:2] == ("renamed", "Re Named")
    assert everybody()["1"].created_at == NOW
    assert everybody()["1"].updated_at == NOW + A_DAY
    assert counts(run) == (0, 1, 0)


def test_two_people_may_swap_their_handles_in_one_page(acme: Service) -> None:
    read_all(acme, [page([follower(1, username="left"), follower(2, username="right")])])
    run = read_all(acme, [page([follower(1, username="right"), follower(2, username="left")])])
    assert {person: row.username for person, row in everybody().items()} == {"1": "right", "2": "left"}
    assert counts(run) == (0, 2, 0)


def test_what_x_leaves_out_does_not_overwrite_what_is_known(acme: Service) -> None:
    read_all(acme, [page([follower(1, verified=True)])])
    run = read_all(acme, [page([Follower("1")])])
    assert profile(everybody()["1"]) == ("person_1", "Person 1", 10, True)
    assert counts(run) == (0, 0, 0)


def test_what_x_left_out_at_first_is_filled_in_later(acme: Service) -> None:
    read_all(acme, [page([Follower("1")])])
    assert profile(everybody()["1"]) == (None, None, None, None)
    run = read_all(acme, [page([1])])
    assert profile(everybody()["1"]) == ("person_1", "Person 1", 10, False)
    assert counts(run) == (0, 1, 0)


@pytest.mark.parametrize("count", [0, 2**31, 2**40])
def test_follower_counts_of_any_size_are_kept(acme: Service, count: int) -> None:
    read_all(acme, [page([follower(1, followers_count=count)])])
    assert everybody()["1"].followers_count == count


@pytest.mark.parametrize(
    "name",
    [
        "🦊🇧🇪👩‍👩‍👧‍👦",
        "مرحبا بالعالم",
        "\u202eright to left",
        "n" * 50,
        "👍" * 50,
        "",
        'O\'Brien "%s" \\ :name',
        "a\nb\tc",
        "\\u0000",
        "\\u0000n",
    ],
)
def test_names_are_kept_as_they_are(acme: Service, name: str) -> None:
    read_all(acme, [page([follower(1, full_name=name)])])
    assert everybody()["1"].full_name == name
    assert counts(read_all(acme, [page([follower(1, full_name=name)])])) == (0, 0, 0)


def test_a_nul_character_in_a_name_is_left_out(acme: Service) -> None:
    run = read_all(acme, [page([follower(1, full_name="Nu\x00l"), 2])])
    assert run.state is SyncState.FINISHED
    assert everybody()["1"].full_name == "Nul"
    assert counts(read_all(acme, [page([follower(1, full_name="Nu\x00l"), 2])])) == (0, 0, 0)


def test_an_old_handle_longer_than_todays_is_kept(acme: Service) -> None:
    read_all(acme, [page([follower(1, username="twenty_characters_xx")])])
    assert everybody()["1"].username == "twenty_characters_xx"


def test_the_longest_id_on_x_is_kept(acme: Service) -> None:
    longest = str(2**64 - 1)
    read_all(acme, [page([Follower(longest)])])
    assert followers_of(acme) == {longest}


def test_a_person_twice_in_a_page_is_one_visitor_as_the_last_record(acme: Service) -> None:
    run = read_all(acme, [page([1, 2, follower(1, username="later")])])
    assert followers_of(acme) == {"1", "2"}
    assert everybody()["1"].username == "later"
    assert counts(run) == (2, 0, 0)


def test_a_person_on_two_pages_is_counted_once(acme: Service) -> None:
    run = read_all(acme, [page([1, 2], "t1"), page([2, 3])])
    assert counts(run) == (3, 0, 0)
    assert run.followers == 3


def test_an_empty_page_in_the_middle_is_no_end(acme: Service) -> None:
    run = read_all(acme, [page([1], "t1"), page([], "t2"), page([2])])
    assert followers_of(acme) == {"1", "2"}
    assert (run.pages, run.state) == (3, SyncState.FINISHED)


def test_an_account_without_followers_is_read_to_its_end(acme: Service) -> None:
    run = read_all(acme, [page([])])
    assert (run.state, run.followers, counts(run)) == (SyncState.FINISHED, 0, (0, 0, 0))


def test_a_list_that_became_empty_ends_all_people(acme: Service) -> None:
    read_all(acme, [page([1, 2])])
    run = read_all(acme, [page([])], now=NOW + A_DAY)
    assert followers_of(acme) == set()
    assert counts(run) == (0, 0, 2)


def test_two_services_share_their_visitors(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other", visitor_folder="Others")
    read_all(acme, [page([1, 2])])
    run = read_all(other, [page([2, 3])])
    assert (followers_of(acme), followers_of(other)) == ({"1", "2"}, {"2", "3"})
    assert {person: row.folder for person, row in everybody().items()} == {
        "1": "Visitors",
        "2": "Visitors",
        "3": "Others",
    }
    assert counts(run) == (2, 0, 0)


def test_a_sweep_leaves_the_other_services_alone(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    read_all(acme, [page([1, 2])])
    read_all(other, [page([1, 2])])
    read_all(acme, [page([1])], now=NOW + A_DAY)
    assert (followers_of(acme), followers_of(other)) == ({"1"}, {"1", "2"})


def test_the_end_of_a_full_reading_ends_exactly_the_unseen(acme: Service) -> None:
    read_all(acme, [page(range(10))])
    run = read_all(acme, [page([0, 1, 2], "t1"), page([3, 4, 10])], now=NOW + A_DAY)
    assert followers_of(acme) == {"0", "1", "2", "3", "4", "10"}
    assert {person for person, one in followings(acme).items() if one.ended_at == NOW + A_DAY} == set("56789")
    assert counts(run) == (1, 0, 5)
    assert run.followers == 6


def test_who_has_left_before_is_not_ended_again(acme: Service) -> None:
    read_all(acme, [page([1, 2])])
    read_all(acme, [page([1])], now=NOW + A_DAY)
    run = read_all(acme, [page([1])], now=NOW + 2 * A_DAY)
    assert followings(acme)["2"].ended_at == NOW + A_DAY
    assert counts(run) == (0, 0, 0)


def test_who_comes_back_begins_again_and_the_earlier_following_is_kept(acme: Service) -> None:
    read_all(acme, [page([1, 2])])
    read_all(acme, [page([1])], now=NOW + A_DAY)
    run = read_all(acme, [page([1, 2])], now=NOW + 2 * A_DAY)
    assert followings(acme)["2"].began_at == NOW + 2 * A_DAY
    assert followings(acme)["2"].ended_at is None
    assert past_of(acme) == [("2", NOW, NOW + A_DAY)]
    assert counts(run) == (1, 0, 0)


def test_a_partial_reading_ends_no_person(acme: Service) -> None:
    read_all(acme, [page([1, 2])])
    run = read_all(acme, [page([1], "t1")], now=NOW + A_DAY)
    assert run.state is SyncState.RUNNING
    assert followers_of(acme) == {"1", "2"}


def test_an_incremental_reading_ends_no_person(acme: Service) -> None:
    read_all(acme, [page([1, 2])])
    run = read_all(acme, [page([3])], SyncMode.INCREMENTAL)
    assert run.state is SyncState.FINISHED
    assert followers_of(acme) == {"1", "2", "3"}
    assert counts(run) == (1, 0, 0)


def test_an_incremental_reading_stops_at_the_first_page_with_no_person_new(acme: Service) -> None:
    read_all(acme, [page([1, 2])])
    run = read_all(acme, [page([4, 3], "t1"), page([2, 1], "t2")], SyncMode.INCREMENTAL, NOW + A_DAY)
    assert (run.state, run.pages) == (SyncState.FINISHED, 2)


def test_a_page_that_fails_after_it_was_written_leaves_nothing(acme: Service) -> None:
    run = write_page(acme, open_run(acme), page([1], "t1"))
    with pytest.raises(ZeroDivisionError):
        write_and_fail(acme, run, page([follower(1, username="x"), 2, 3]))
    assert followers_of(acme) == {"1"}
    assert everybody()["1"].username == "person_1"
    assert (known_run(run).pages, known_run(run).next_token, known_run(run).state) == (1, "t1", SyncState.RUNNING)


def test_a_reading_killed_after_a_page_goes_on_from_there(acme: Service) -> None:
    read_all(acme, [page([1, 2, 3, 4])])
    killed = read_all(acme, [page([1, 2], "t1")], now=NOW + A_DAY)
    resumed = open_run(acme, now=NOW + 2 * A_DAY)
    assert (resumed.id, resumed.pages, resumed.next_token) == (killed.id, 1, "t1")
    finished = write_page(acme, resumed, page([3]), NOW + 2 * A_DAY)
    assert followers_of(acme) == {"1", "2", "3"}
    assert counts(finished) == (0, 0, 1)


def test_a_finished_reading_is_followed_by_a_new_one(acme: Service) -> None:
    first = read_all(acme, [page([1])])
    assert open_run(acme).id != first.id


def test_the_two_modes_go_on_with_their_own_readings(acme: Service) -> None:
    full = read_all(acme, [page([1], "t1")])
    incremental = read_all(acme, [page([9], "n1")], SyncMode.INCREMENTAL)
    assert incremental.id != full.id
    assert known_run(full).state is SyncState.INTERRUPTED
    assert open_run(acme).id == full.id
    assert known_run(incremental).state is SyncState.INTERRUPTED


def test_a_reading_that_starts_over_forgets_whom_it_saw(acme: Service) -> None:
    read_all(acme, [page([1, 2])])
    run = read_all(acme, [page([1, 3], "t1")], now=NOW + A_DAY)
    with transaction() as session:
        sync.start_over(session, session.get_one(SyncRun, run.id), NOW + 2 * A_DAY)
    assert (known_run(run).pages, known_run(run).next_token, known_run(run).restarts) == (0, None, 1)
    finished = write_page(acme, known_run(run), page([2]), NOW + 2 * A_DAY)
    assert followers_of(acme) == {"2"}
    assert counts(finished) == (1, 0, 2)


def test_an_incremental_sync_that_starts_over_reads_the_people_it_missed(acme: Service) -> None:
    read_all(acme, [page([1])])
    run = read_all(acme, [page([5, 4], "t1")], SyncMode.INCREMENTAL, NOW + A_DAY)
    with transaction() as session:
        sync.start_over(session, session.get_one(SyncRun, run.id), NOW)
    again = write_page(acme, known_run(run), page([5, 4], "t1"), NOW + A_DAY)
    assert again.state is SyncState.RUNNING
    write_page(acme, again, page([3, 2], "t2"), NOW + A_DAY)
    assert followers_of(acme) == set("12345")


def test_people_of_an_incremental_sync_survive_an_older_full_one(acme: Service) -> None:
    full = read_all(acme, [page([1], "t1")])
    read_all(acme, [page([9], "n1"), page([1], "n2")], SyncMode.INCREMENTAL, NOW + A_DAY)
    resumed = open_run(acme, now=NOW + 2 * A_DAY)
    assert resumed.id == full.id
    write_page(acme, resumed, page([2]), NOW + 2 * A_DAY)
    assert followers_of(acme) == {"1", "2", "9"}


def test_a_page_that_another_process_wrote_first_is_refused(acme: Service) -> None:
    run = open_run(acme)
    write_page(acme, run, page([1], "t1"))
    with pytest.raises(AlreadyRunning):
        write_page(acme, run, page([1, 2], "t1"))
    assert followers_of(acme) == {"1"}
    assert known_run(run).pages == 1


@pytest.mark.parametrize("state", [SyncState.WAITING, SyncState.STOPPED, SyncState.FAILED, SyncState.INTERRUPTED])
def test_a_reading_that_was_left_takes_no_page(acme: Service, state: SyncState) -> None:
    run = write_page(acme, open_run(acme), page([1], "t1"))
    with transaction() as session:
        sync.close(session, session.get_one(SyncRun, run.id), state, "a reason", NOW)
    with pytest.raises(AlreadyRunning):
        write_page(acme, run, page([2]))
    assert followers_of(acme) == {"1"}


def left(acme: Service, state: SyncState) -> SyncRun:
    run = open_run(acme)
    with transaction() as session:
        sync.close(session, session.get_one(SyncRun, run.id), state, "a reason", NOW)
    return known_run(run)


@pytest.mark.parametrize("state", [SyncState.WAITING, SyncState.STOPPED, SyncState.FAILED, SyncState.INTERRUPTED])
def test_a_reading_that_was_left_is_taken_up_without_its_old_reason(acme: Service, state: SyncState) -> None:
    before = left(acme, state)
    assert before.reason == "a reason"
    resumed = open_run(acme)
    assert (resumed.id, resumed.state, resumed.reason) == (before.id, SyncState.RUNNING, "")


def test_a_refused_reading_is_not_taken_up(acme: Service) -> None:
    refused = left(acme, SyncState.REFUSED)
    assert open_run(acme).id != refused.id
    assert known_run(refused).state is SyncState.REFUSED


@pytest.mark.parametrize("mode", list(SyncMode))
def test_a_reading_is_unfinished_until_its_last_page(acme: Service, mode: SyncMode) -> None:
    def unfinished() -> bool:
        with transaction() as session:
            return sync.is_unfinished(session, acme.id, mode)

    assert not unfinished()
    run = read_all(acme, [page([1], "t1")], mode)
    assert unfinished()
    write_page(acme, run, page([2]))
    assert not unfinished()


def touched(moment: datetime, *services: Service) -> set[int]:
    with transaction() as session:
        return {run.id for run in sync.touched_since(session, moment, [one.id for one in services])}


def test_syncs_since_a_moment_are_running_or_ended_after_it(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    old = read_all(acme, [page([1])], now=NOW)
    recent = read_all(acme, [page([1])], now=NOW + A_DAY)
    running = open_run(acme, now=NOW)
    elsewhere = open_run(other)
    assert touched(NOW + A_DAY, acme) == {recent.id, running.id}
    assert touched(NOW, acme, other) == {old.id, recent.id, running.id, elsewhere.id}
    assert touched(NOW) == set()


def test_the_sweep_reaches_visitors_beyond_what_one_statement_compares(acme: Service, database: Database) -> None:
    read_all(acme, [page([1, 2])])
    with transaction() as session:
        if database.is_sqlite:  # ids count up from the largest
            visitor: dict[str, Any] = {"external_id": "9", "folder": "Visitors", "created_at": NOW, "updated_at": NOW}
            session.add(Visitor(id=3 * SWEPT_AT_ONCE, **visitor))
        else:
            session.connection().execute(text(f"SELECT setval('visitor_id_seq', {3 * SWEPT_AT_ONCE})"))
    read_all(acme, [page([1, 2, 3, 4])], now=NOW + A_DAY)
    assert everybody()["4"].id > 3 * SWEPT_AT_ONCE

    run = read_all(acme, [page([1, 3])], now=NOW + 2 * A_DAY)

    assert run.ended == 2
    assert followers_of(acme) == {"1", "3"}


def test_an_odd_record_never_spoils_a_page(acme: Service) -> None:
    read_all(acme, [page([follower(1, username="ana", full_name="Ana", location="Gent"), 2])])
    odd = [
        follower(1, username="a" * 51, full_name="\ud800", location="nu\x00l \udfff", followers_count=2**63),
        follower(3, full_name="nu\x00l"),
        replace_id(follower(4), "9" * 21),
        replace_id(follower(5), ""),
    ]
    run = read_all(acme, [page([*odd, 2])], now=NOW + A_DAY)
    assert (run.state, run.left_out, run.ended) == (SyncState.FINISHED, 2, 0)
    found = everybody()
    assert set(found) == {"1", "2", "3"}
    assert (found["1"].username, found["1"].full_name, found["1"].location) == ("ana", "Ana", "Gent")
    assert (found["3"].full_name, found["3"].folded_name) == ("nul", "nul")


def replace_id(person: Follower, external_id: str) -> Follower:
    return person._replace(external_id=external_id)

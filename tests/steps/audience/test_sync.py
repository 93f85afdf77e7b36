"""The account sync as it should go: who follows, who is new, who has gone, and what it cost."""

from decimal import Decimal

from models import SyncMode, SyncState
from tests.readings import everybody, followings, past_of
from tests.simulated_x import Connect, SimulatedX
from tests.steps.running import both_databases, sync


def test_all_people_who_follows_is_in_the_table_with_the_right_profile(connect: Connect) -> None:
    brand = connect("acme", 2_345)

    outcome = sync()

    assert outcome.is_completed
    assert brand.table() == brand.truth()
    assert len(brand.truth()) == 2_345
    [line] = outcome.reports
    assert (line.state, line.followers, line.new, line.changed, line.ended) == (SyncState.FINISHED, 2_345, 2_345, 0, 0)
    assert (line.pages, line.cost) == (3, Decimal("2.345"))
    assert brand.booked() == brand.billed() == Decimal("2.355")


@both_databases
def test_a_second_sync_finds_who_came_who_left_and_who_is_called_otherwise(connect: Connect) -> None:
    brand = connect("acme", 1_500)
    sync()
    stayed = brand.lose(count=30)
    new = brand.gain(count=25)
    renamed = brand.rename(40)
    one, two = [user for user in brand.users() if {"username", "name"} <= user.keys() and user["id"] not in renamed][
        -2:
    ]
    brand.x.command("PATCH", f"users/{one['id']}", username=two["username"])

    line = sync().of("acme")

    assert (line.new, line.changed, line.ended, line.followers) == (25, 42, 30, 1_495)
    assert brand.table() == brand.truth()
    assert brand.table()[one["id"]][0] == two["username"]
    assert brand.table()[two["id"]][0] == one["username"]
    ended = {person: row for person, row in followings(brand.service).items() if row.ended_at}
    assert ended.keys() == set(stayed)
    assert all(row.began_at < row.ended_at for row in ended.values() if row.ended_at)
    assert set(new) <= brand.table().keys()
    assert past_of(brand.service) == []


def test_who_comes_back_begins_again_and_the_time_before_is_kept(connect: Connect) -> None:
    brand = connect("acme", 300)
    sync()
    before = followings(brand.service)
    left = brand.lose(count=20)
    sync()
    brand.gain(user_ids=left[:5])

    line = sync().of("acme")

    assert (line.new, line.ended, line.followers) == (5, 0, 285)
    now = followings(brand.service)
    assert brand.table() == brand.truth()
    assert {(person, began) for person, began, _ in past_of(brand.service)} == {
        (person, before[person].began_at) for person in left[:5]
    }
    assert all(end <= now[person].began_at for person, _, end in past_of(brand.service))
    assert {person for person, row in now.items() if row.ended_at} == set(left[5:])


@both_databases
def test_services_that_share_followers_are_read_side_by_side_and_keep_apart(x: SimulatedX, connect: Connect) -> None:
    one = connect("acme", 1_500, visitor_folder="Acme")
    two = x.make("acme_two", 1_400, shares_followers_with="acme", overlap=900)
    two.connect(visitor_folder="Two")
    none = connect("nobody", 0)

    outcome = sync()

    assert outcome.is_completed
    assert one.table() == one.truth()
    assert two.table() == two.truth()
    assert none.table() == {}
    assert outcome.of("nobody").state is SyncState.FINISHED
    assert len(everybody()) == 1_500 + 1_400 - 900
    assert {visitor.folder for visitor in everybody().values()} == {"Acme", "Two"}
    assert [outcome.of(each.name).new for each in (one, two, none)] == [1_500, 1_400, 0]
    one.lose(count=100)
    outcome = sync()
    assert [outcome.of(each.name).ended for each in (one, two, none)] == [100, 0, 0]
    assert two.table() == two.truth()
    for each in (one, two, none):
        assert each.booked() == each.billed()


def test_only_synchronised_services_are_read_unless_named(connect: Connect) -> None:
    one, two = connect("acme", 10), connect("acme_two", 10, synchronize=False)

    assert [line.service for line in sync().reports] == ["acme"]
    assert two.pages_asked() == []
    assert [line.service for line in sync("ACME_two").reports] == ["acme_two"]
    assert len(one.pages_asked()) == len(two.pages_asked()) == 1


def test_both_apis_give_the_same_table(connect: Connect) -> None:
    brand = connect("acme", 1_100, api_version="1.1")

    line = sync().of("acme")

    assert (line.state, line.new, line.pages, line.cost) == (SyncState.FINISHED, 1_100, 1, Decimal("1.1"))
    assert brand.table() == brand.truth()
    assert brand.pages_asked() == []
    before = everybody()
    brand.connect()
    line = sync().of("acme")
    assert (line.new, line.changed, line.ended) == (0, 0, 0)
    assert len(brand.pages_asked()) == 2
    assert everybody() == before


def test_followers_of_another_persons_app_cost_ten_times_as_much(connect: Connect) -> None:
    brand = connect("acme", 200, owned=False)

    assert sync().of("acme").cost == Decimal(2)
    assert brand.booked() == Decimal("2.01")


def test_incremental_stops_at_a_page_without_newcomers_and_ends_no_person(connect: Connect) -> None:
    brand = connect("acme", 5_000)
    sync()
    brand.lose(count=50)
    new = brand.gain(count=1_200)
    asked = len(brand.pages_asked())

    line = sync(mode=SyncMode.INCREMENTAL).of("acme")

    # 100, 200 and 400 are new; the next 800 are in part, so that 100 are enough to find nobody new.
    assert (line.state, line.new, line.ended, line.pages) == (SyncState.FINISHED, 1_200, 0, 5)
    assert (len(brand.pages_asked()) - asked, line.cost) == (5, Decimal("1.6"))
    assert set(new) <= brand.table().keys()
    assert len(brand.table()) == 6_200
    line = sync(mode=SyncMode.INCREMENTAL).of("acme")
    assert (line.new, line.pages, line.cost) == (0, 1, Decimal("0.1"))
    assert brand.booked() == brand.billed()


def test_the_first_incremental_sync_reads_all_people(connect: Connect) -> None:
    brand = connect("acme", 2_100)

    assert sync(mode=SyncMode.INCREMENTAL).of("acme").new == 2_100
    assert brand.table() == brand.truth()

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.broadcasts.schedule import MOST_SAME_WAVES, WaveShare, needed_waves, split
from campaign.deliveries.draft import MOST_WAVES, PlannedWave, SameWaves, Waves

A_DAY = 86_400


def same(amount: int, *, is_percentage: bool = False) -> Waves:
    return Waves(same=SameWaves(amount=amount, is_percentage=is_percentage, period_seconds=A_DAY))


def calendar(*waves: tuple[int, int], is_percentage: bool = False) -> Waves:
    planned = [PlannedWave(amount=amount, is_percentage=is_percentage, after_seconds=after) for amount, after in waves]
    return Waves(calendar=planned)


def sizes(shares: list[WaveShare]) -> list[int]:
    return [share.recipients for share in shares]


def test_without_waves_all_people_is_in_one() -> None:
    assert split(Waves(), [7, 0, 3]) == [[WaveShare(1, 7, 0)], [], [WaveShare(1, 3, 0)]]


def test_thirty_per_cent_is_three_times_that_and_a_rest() -> None:
    shares = split(same(30, is_percentage=True), [100])[0]
    assert shares == [
        WaveShare(1, 30, 0),
        WaveShare(2, 30, A_DAY),
        WaveShare(3, 30, 2 * A_DAY),
        WaveShare(4, 10, 3 * A_DAY),
    ]


def test_a_per_cent_of_few_people_is_one_at_least() -> None:
    assert sizes(split(same(10, is_percentage=True), [3])[0]) == [1, 1, 1]
    assert split(same(30, is_percentage=True), [1]) == [[WaveShare(1, 1, 0)]]


def test_a_limit_above_all_people_is_all_people() -> None:
    assert sizes(split(same(200, is_percentage=True), [5])[0]) == [5]
    assert sizes(split(same(50), [5])[0]) == [5]


def test_a_size_is_that_of_the_delivery_and_spread_in_proportion() -> None:
    assert [sizes(shares) for shares in split(same(10), [20, 10])] == [[7, 7, 6], [3, 3, 4]]


def test_who_has_no_person_in_a_wave_leaves_its_number_out() -> None:
    many, one = split(same(4), [9, 1])
    assert [share.number for share in many] == [1, 2, 3]
    assert one == [WaveShare(2, 1, A_DAY)]


def test_what_a_calendar_leaves_over_goes_with_its_last_wave() -> None:
    assert split(calendar((10, 0), (20, 60)), [100]) == [[WaveShare(1, 10, 0), WaveShare(2, 90, 60)]]


def test_waves_beyond_the_last_person_are_left_out() -> None:
    assert split(calendar((10, 0), (20, 60), (30, 120)), [15]) == [[WaveShare(1, 10, 0), WaveShare(2, 5, 60)]]
    assert split(calendar((10, 0), (20, 60)), [0]) == [[]]


def test_the_per_cents_of_a_calendar_are_of_all_people() -> None:
    assert sizes(split(calendar((50, 0), (25, 60), (25, 120), is_percentage=True), [200])[0]) == [100, 50, 50]


def test_a_million_in_waves_of_one_are_too_many_waves() -> None:
    shares = split(same(1), [1_000_000])[0]
    assert (len(shares), shares[-1].recipients) == (MOST_SAME_WAVES, 1_000_000 - MOST_SAME_WAVES + 1)


@pytest.mark.parametrize(
    ("waves", "recipients", "needed"),
    [(same(1), 1_000_000, 1_000_000), (same(30), 61, 3), (same(30, is_percentage=True), 7, 4), (same(3), 0, 0)],
)
def test_how_many_waves_of_a_size_it_takes(waves: Waves, recipients: int, needed: int) -> None:
    assert waves.same is not None
    assert needed_waves(waves.same, recipients) == needed


AMOUNTS = st.integers(1, 120)
SIZES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({"amount": AMOUNTS, "is_percentage": st.booleans()})
WAVES = st.one_of(
    st.just(Waves()),
    SIZES.map(lambda size: Waves(same=SameWaves(**size, period_seconds=60))),
    st.lists(SIZES, max_size=MOST_WAVES).map(lambda many: Waves(calendar=[PlannedWave(**size) for size in many])),
)


@given(WAVES, st.lists(st.integers(0, 2_000), max_size=5))
def test_no_person_is_ever_lost_or_written_to_twice(waves: Waves, recipients: list[int]) -> None:
    shares = split(waves, recipients)
    assert [sum(sizes(of_one)) for of_one in shares] == recipients
    assert all(share.recipients > 0 for of_one in shares for share in of_one)
    assert all(one.number < other.number for of_one in shares for one, other in pairwise(of_one))


@given(st.integers(1, 500), st.lists(st.integers(0, 2_000), min_size=1, max_size=5))
def test_every_wave_of_one_size_but_the_last_has_that_size(amount: int, recipients: list[int]) -> None:
    whole: dict[int, int] = {}
    for share in (share for of_one in split(same(amount), recipients) for share in of_one):
        whole[share.number] = whole.get(share.number, 0) + share.recipients
    full = [whole[number] for number in sorted(whole)][:-1]
    assert set(full) <= {amount}

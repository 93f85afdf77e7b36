"""What people did with posts: sums, rates, hours, the best ones, and how the numbers are read most cheaply."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from campaign.statistics import counts as reading
from campaign.statistics.counts import NUMBERS, Engagement, PostNumbers, Prices, added, best, by_hour, days_of, rate_of
from tests.factories import NOW

OWNED = Prices(look_up=Decimal("0.005"), timeline=Decimal("0.001"))
counts = st.none() | st.integers(0, 10**12)
engagements = st.builds(Engagement, **dict.fromkeys(NUMBERS, counts))


def post(hours: int = 0, **numbers: int) -> PostNumbers:
    given: dict[str, Any] = {"delivery": "post", "label": "", "service": "acme", "handle": "acme", "part": 1}
    return PostNumbers(**given, x_id="1", published_at=NOW + timedelta(hours=hours), engagement=Engagement(**numbers))


def test_reactions_are_all_kinds_and_unknown_when_no_kind_is_known() -> None:
    assert Engagement(1, 2, 3, 4, 5, impressions=100).reactions == 15
    assert Engagement(likes=2).reactions == 2
    assert Engagement(impressions=5, link_visits=3).reactions is None


def test_the_rate_is_reactions_by_impressions_where_there_are_any() -> None:
    assert Engagement(likes=5, impressions=100).rate == 0.05
    assert Engagement(likes=5, impressions=0).rate is None
    assert Engagement(likes=5).rate is None
    assert Engagement(impressions=5).rate is None


def test_posts_without_impressions_do_not_spoil_the_rate_of_the_others() -> None:
    assert rate_of([Engagement(likes=5, impressions=100), Engagement(likes=500)]) == 0.05
    assert rate_of([Engagement(likes=500)]) is None
    assert rate_of([]) is None


@given(st.lists(engagements))
def test_together_they_are_as_much_as_one_by_one_and_unknown_stays_unknown(several: list[Engagement]) -> None:
    together = added(several)
    for name in NUMBERS:
        known = [getattr(one, name) for one in several if getattr(one, name) is not None]
        assert getattr(together, name) == (sum(known) if known else None)


def test_hours_are_of_the_time_zone_and_average_their_posts() -> None:
    posts = [post(0, likes=1, impressions=10), post(24, likes=90, impressions=300), post(-8, likes=1, impressions=100)]
    posts.append(post(24, likes=9))  # whose impressions X did not give

    hours = by_hour(posts, "Europe/Brussels")

    assert len(hours) == 24
    assert {hour.hour: (hour.posts, hour.rate) for hour in hours if hour.posts} == {8: (3, 0.2), 0: (1, 0.01)}


def test_the_best_posts_have_the_most_reactions_then_the_best_rate() -> None:
    good, better, best_one = post(likes=5, impressions=100), post(likes=5, impressions=50), post(likes=6)

    assert best([good, post(), post(likes=0), better, best_one]) == (best_one, better, good)
    assert len(best([good] * 30)) == 10


@given(st.integers(0, 1000), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=60))
def test_gained_and_lost_add_up_to_the_followers(followers: int, changes: list[tuple[int, int]]) -> None:
    first = date(2026, 2, 20)
    gained = {first + timedelta(days=day): one for day, (one, _) in enumerate(changes) if one}
    lost = {first + timedelta(days=day): one for day, (_, one) in enumerate(changes) if one}

    days = list(days_of(first, first + timedelta(days=len(changes) - 1), followers, gained, lost))

    assert [day.day for day in days] == [first + timedelta(days=number) for number in range(len(changes))]
    for before, day in pairwise(days):
        assert day.followers - before.followers == day.gained - day.lost
    assert days[-1].followers == followers + sum(day.gained - day.lost for day in days)


def test_the_own_timeline_is_read_where_it_is_cheaper() -> None:
    assert reading.is_timeline_cheaper(2, 5, OWNED)
    assert not reading.is_timeline_cheaper(1, 5, OWNED)  # five of it for one cost the same
    assert not reading.is_timeline_cheaper(80, 5, Prices(Decimal("0.005"), Decimal("0.005")))
    assert reading.estimate(2, 5, OWNED) == Decimal("0.005")
    assert reading.estimate(1, 5, OWNED) == Decimal("0.005")
    assert reading.estimate(200, 5, OWNED) == Decimal("0.2")


@given(st.integers(1, 5000), st.sampled_from([1, 5]))
def test_the_timeline_never_costs_more_than_looking_up(posts: int, shortest: int) -> None:
    if reading.is_timeline_cheaper(posts, shortest, OWNED):
        most = reading.most_on_timeline(posts, OWNED)
        assert max(posts, shortest) <= most
        assert most * OWNED.timeline <= posts * OWNED.look_up


def test_a_refusal_says_what_it_costs_what_is_left_and_the_ways_out() -> None:
    refusal = reading.refusal_of(1_200, Decimal(6), Decimal("1.5"), Decimal(50))
    assert refusal == (
        "Reading the counts of 1,200 posts costs about $6.00, and $1.50 of this month's cap of $50.00 is left:"
        " raise the spend cap of the service, or wait for the next month."
    )
    assert reading.refusal_of(1, Decimal("1.5"), Decimal("1.5"), Decimal(50)) is None

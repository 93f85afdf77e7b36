import pytest

from campaign.deliveries.draft import MOST_WAVES, SameWaves, Waves
from tests.broadcasting import broadcast, calendar, errors, receiver, same


@pytest.mark.parametrize(
    ("waves", "code", "says"),
    [
        (calendar((1, 60), (2, 0)), "calendar_backwards", "Wave 2 of the calendar begins before wave 1"),
        (calendar((60, 0), (50, 0), is_percentage=True), "waves_over_all", "110 percent of all recipients"),
        (same(101, is_percentage=True), "waves_over_all", "101 percent of all recipients"),
        (same(1, 60), "too_many_waves", "takes 2,000 waves"),
        (calendar((1, 0), (1, 5 * 86_400)), "wave_after_validity", "ends at 2026-12-01 07:30 UTC"),
        (calendar((1, 0), (1, 10**30)), "wave_after_validity", "Wave 2 on @acme"),
        (
            Waves(same=SameWaves(amount=900, period_seconds=60), calendar=calendar((900, 0)).calendar),
            "two_kinds_of_waves",
            "keep one of the two",
        ),
        (
            Waves.model_construct(same=None, calendar=calendar((1, 0)).calendar * (MOST_WAVES + 1)),
            "too_many_waves",
            "has 101 waves",
        ),
    ],
)
def test_waves_that_cannot_be_kept_are_reported(waves: Waves, code: str, says: str) -> None:
    said = errors(broadcast(waves=waves), receiver(recipients=2_000))
    assert says in said.pop(code)
    assert said == {}


def test_a_calendar_may_begin_several_waves_at_once() -> None:
    assert errors(broadcast(waves=calendar((5, 0), (5, 0)))) == {}

"""The first schedules of `make soak`: no duplicate, nothing missing, log and ledger tell the truth."""

import pytest

from tests.schedules import a_database, run_schedule

EACH = 100


@pytest.mark.apart
@pytest.mark.parametrize("first", range(0, 250, EACH))
def test_whatever_goes_wrong_each_part_is_out_exactly_once_and_in_order(first: int) -> None:
    with a_database():
        for seed in range(first, first + EACH):
            run_schedule(seed)

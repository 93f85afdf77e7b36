"""When a run continues with a service that X did not serve."""

from datetime import timedelta

import pendulum
import pytest

from campaign.broadcasts.send import AWAY_FOR, end_of
from campaign.deliveries.kind import End
from campaign.errors import Uncertain, Unsent
from tests.factories import NOW, service

SPEND_CAP = "The spending limit is reached."


def test_a_service_waits_for_the_moment_that_x_names() -> None:
    error = Unsent(SPEND_CAP, reason="x_spend_cap", retry_at=NOW + timedelta(days=9), remedy="Raise the limit.")
    end = end_of(service(), error)
    assert (end.end, end.until, end.reason) == (End.WAITING, error.retry_at, f"acme: {SPEND_CAP} Raise the limit.")


@pytest.mark.parametrize("error", [Unsent("Away.", reason="unreachable"), Uncertain("Away.", reason="no_answer")])
def test_a_service_waits_some_minutes_where_x_names_no_moment(error: Unsent | Uncertain) -> None:
    before = pendulum.now("UTC")
    end = end_of(service(), error)
    assert end.end is End.WAITING
    assert end.until is not None
    assert before + AWAY_FOR <= end.until <= pendulum.now("UTC") + AWAY_FOR

"""The account sync as it should go: who follows, who is new, who has gone, and what it cost."""

from datetime import datetime
from decimal import Decimal

import pytest

from models import SyncMode, SyncState
from tests.flows.conftest import Connect
from tests.flows.running import both_databases, sync
from tests.readings import everybody, followings, past_of
from tests.simulated_x import PAGE, SimulatedX


@both_databases
def test_everybody_who_follows_is_in_the_table_with_the_right_profile(connect: Connect) -> None:
    brand = connect("acme", 2_345)

    outcome = sync()

    assert outcome.is_completed
    assert brand.table() == brand.truth()
    assert len(brand.truth()) == 2_345
    [line] = outcome.reports
    assert (line.state, line.followers, line.new, line.changed, line.ended) == (SyncState.FINISHED, 2_345, 2_345, 0, 0)
    assert (line.pages, line.cost) == (3, Decimal("2.345"))
    assert brand.booked() == brand.billed() == Decimal("2.355")

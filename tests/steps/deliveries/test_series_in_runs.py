"""What a run does with series at its start."""

import pendulum
import pytest

from campaign.db.engine import read_session
from campaign.deliveries import approval, planning
from campaign.deliveries.draft import Content, Draft, Part
from models import ApprovalMode, DeliveryState, Every, Series
from tasks.deliveries import repeat_series
from tests.databases import Database
from tests.simulated_x import Connect


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return sqlite_database


def repeated(mode: ApprovalMode) -> Series:
    at = pendulum.now("UTC").add(days=3)
    draft = Draft(services=["acme"], content=Content(parts=[Part(text="A tip")]), contact_date=at, approval=mode)
    return planning.create_series(approval.compose(draft, actor="ann").name, Every.WEEK, "UTC", "ann", times=2)


def states(one: Series) -> set[DeliveryState]:
    with read_session() as session:
        return {delivery.state for delivery in planning.deliveries_of(session, one)}


def test_only_what_needs_no_person_is_approved_by_a_run(connect: Connect) -> None:
    connect("acme")
    manual, automatic = repeated(ApprovalMode.MANUAL), repeated(ApprovalMode.AUTOMATIC)
    cautious = repeated(ApprovalMode.SEMI_AUTOMATIC)  # without a proof account there is a warning
    repeat_series()
    assert states(manual) == {DeliveryState.BEING_EDITED}
    assert states(automatic) == {DeliveryState.CONFIRMED}
    assert states(cautious) == {DeliveryState.ANALYSED}

"""Which failed steps are worth repeating, and how; and what a failed call leaves in the ledgers."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pendulum
from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff
from sqlmodel import Session

from campaign.errors import Uncertain, Unsent, XError
from campaign.store import ledgers
from campaign.store.engine import writing


def is_passing(error: object) -> bool:
    """Whether a call that only reads may go better in a moment: X was away or answered nonsense, and set no time."""
    return isinstance(error, Uncertain) or (isinstance(error, Unsent) and error.retry_at is None)


def _failed_in_passing(_task: Task[..., Any], _run: TaskRun, state: State) -> bool:
    return is_passing(state.result(raise_on_failure=False))


#: For tasks that only read: four more tries after about 1, 2, 4 and 8 seconds, each up to half as long again.
RETRIES: dict[str, Any] = {
    "retries": 4,
    "retry_delay_seconds": exponential_backoff(backoff_factor=1),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _failed_in_passing,
}


def settle_failed_call(service_id: int, purpose: str, error: XError) -> Decimal:
    """Book the calls that X did answer, in a transaction of their own; see `book_failed_call`."""
    with writing() as session:
        return book_failed_call(session, service_id, purpose, error, pendulum.now("UTC"))


def book_failed_call(session: Session, service_id: int, purpose: str, error: XError, now: datetime) -> Decimal:
    """Book the calls that X did answer and return their cost, in US dollars.

    Money set aside stays so where X may have acted without telling.
    """
    if not isinstance(error, Uncertain):
        return ledgers.settle(session, service_id, purpose, error.receipts, now)
    for receipt in error.receipts:
        ledgers.note_limits(session, service_id, receipt)
    return Decimal(0)

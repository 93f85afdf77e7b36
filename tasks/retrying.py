"""Which failed steps are worth repeating, and how."""

from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from campaign.errors import Uncertain, Unsent


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

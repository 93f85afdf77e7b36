"""Run logs that a marketer can read: an error raised on purpose is a sentence, so its traceback is left out."""

import logging

from prefect.exceptions import FailedRun

from campaign.errors import CampaignError


def _leave_traceback_out(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, CampaignError):
        record.exc_info = record.exc_text = None
    # A run that ends as failed on purpose has said so, with its sentence, in the line before.
    return not isinstance(error, FailedRun)


def speak_plainly() -> None:
    """Apply it to the logs of flow runs and task runs; safe to repeat."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_leave_traceback_out)

"""Run logs that a marketer can read: an error raised on purpose is a sentence, so its traceback is left out."""

import logging

from prefect.exceptions import FailedRun

from campaign.errors import CampaignError


def _leave_traceback_out(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, CampaignError):
        record.exc_info = record.exc_text = None
    return not _is_told(error)


def _is_told(error: BaseException | None) -> bool:
    """Whether it is only a run that ends as failed on purpose: that stands, with its sentence, in the line before.

    Prefect has its own words for one that has reports too.
    """
    return isinstance(error, FailedRun) or str(error).startswith("Unexpected result for failed state")


def speak_plainly() -> None:
    """Apply it to the logs of flow runs and task runs; safe to repeat."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_leave_traceback_out)

"""Run logs that a marketer can read: an error raised on purpose is a sentence, so its traceback is left out."""

import logging

from campaign.errors import CampaignError


def _leave_traceback_out(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], CampaignError):
        record.exc_info = record.exc_text = None
    return True


def speak_plainly() -> None:
    """Apply it to the logs of flow runs and task runs; safe to repeat."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_leave_traceback_out)

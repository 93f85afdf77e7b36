"""Log lines of long-running processes as JSON, one object a line, for systems that collect them."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from campaign.formatting import printable

#: What Prefect adds to the lines of a run.
_OF_RUNS = ("flow_run_id", "flow_run_name", "task_run_id", "task_run_name")
JSON_FORMATTER = "campaign.logs.JsonFormatter"


class JsonFormatter(logging.Formatter):
    """Writes time, level, logger, message and run; of an exception its type and place, never its text or values."""

    def __init__(self, *_: object) -> None:
        # Prefect hands over a format of its own, which is not one of Python's.
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Returns one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": printable(record.getMessage()),
        }
        line |= {name: str(value) for name in _OF_RUNS if (value := getattr(record, name, None))}
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            line["place"] = " > ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)
        return json.dumps(line, ensure_ascii=False)


def server_logging(log_format: str) -> dict[str, Any] | None:
    """Builds the logging of the process that serves the pages; None for that of its server."""
    if log_format != "json":
        return None
    handler = {"class": "logging.StreamHandler", "formatter": "json", "stream": sys.stderr}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JSON_FORMATTER}},
        "handlers": {"default": handler},
        "root": {"level": "WARNING", "handlers": ["default"]},
    }

"""Logs as JSON: Prefect's processes and the pages write one object a line, without texts of errors."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from campaign.settings import Settings
from deployments.processes import prefect_environment

PREFECT = """
import logging, prefect.main
from prefect.logging import get_logger
of_run = {"flow_run_id": "1", "flow_run_name": "sync", "a": "b"}
get_logger("flow_runs").warning("One %s \\x1b[31m", "run", extra=of_run)
logging.getLogger("campaign.audience").error("Two [bold]\\nlines")
logging.getLogger("uvicorn.error").error("Three")
try:
    raise ValueError("a secret")
except ValueError:
    logging.getLogger("another").exception("Four")
"""
PAGES = """
import logging
from campaign.web.app import web_server
web_server(lambda: None, "127.0.0.1", 0)
logging.getLogger("campaign.web").error("One")
logging.getLogger("uvicorn.error").error("Two")
"""


def lines_of(program: str, **environment: str) -> list[dict[str, Any]]:
    everything = os.environ | environment
    done = subprocess.run(
        [sys.executable, "-c", program], env=everything, capture_output=True, text=True, check=True, timeout=60
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_processes_of_prefect_write_an_object_a_line(tmp_path: Path) -> None:
    environment = prefect_environment(Settings(log_format="json", home=tmp_path))
    run, ours, server, failed = lines_of(PREFECT, **environment, PREFECT_LOGGING_TO_API_ENABLED="false")
    assert run.pop("time").endswith("+00:00")
    assert run == {
        "level": "warning",
        "logger": "prefect.flow_runs",
        "message": "One run \ufffd[31m",
        "flow_run_id": "1",
        "flow_run_name": "sync",
    }
    assert (ours["logger"], ours["message"]) == ("campaign.audience", "Two [bold]\nlines")
    assert server["message"] == "Three"
    assert failed["exception"] == "ValueError"
    assert "a secret" not in str(failed)


def test_the_pages_write_an_object_a_line() -> None:
    lines = lines_of(PAGES, CAMPAIGN_LOG_FORMAT="json")
    assert [(line["logger"], line["message"]) for line in lines] == [("campaign.web", "One"), ("uvicorn.error", "Two")]


def test_text_is_the_default(tmp_path: Path) -> None:
    with pytest.raises(json.JSONDecodeError):
        lines_of(PREFECT, **prefect_environment(Settings(home=tmp_path)), PREFECT_LOGGING_TO_API_ENABLED="false")

"""What a marketer reads in the log of a run."""

import logging
from collections.abc import Iterator

import pytest
from prefect.exceptions import FailedRun
from prefect.states import Failed

from campaign.errors import NotPossible
from tasks.continuation import configure_run_logs


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[logging.Logger]:
    configure_run_logs()
    found = logging.getLogger("prefect.flow_runs")
    found.addHandler(caplog.handler)
    yield found
    found.removeHandler(caplog.handler)


def says(log: logging.Logger, error: Exception) -> None:
    log.error("It went wrong.", exc_info=error)


def test_an_error_raised_on_purpose_has_no_traceback(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    says(log, NotPossible("Choose another."))
    assert "It went wrong." in caplog.text
    assert "NotPossible" not in caplog.text


def test_a_run_that_failed_on_purpose_says_so_once(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    for data in (None, ["a report"]):
        with pytest.raises((FailedRun, TypeError)) as raised:
            Failed(message="Choose another.", data=data).result()
        says(log, raised.value)
    assert caplog.text == ""


def test_any_other_error_keeps_its_traceback(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    says(log, ValueError("x"))
    assert "ValueError: x" in caplog.text

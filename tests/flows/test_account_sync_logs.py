"""What a run writes to logs and states: nothing secret or personal, and nothing that only a programmer understands."""

import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from prefect import flow, tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import State
from prefect.logging.handlers import APILogWorker

from campaign.db.engine import transaction
from deployments.server import Server
from flows.account_sync import account_sync
from models import Visitor
from tasks.continuation import NO_WAIT
from tests.databases import Database
from tests.factories import NOW
from tests.servers import used
from tests.simulated_x import Connect, SimulatedX

CHATTY = [
    "tweepy",
    "requests",
    "requests_oauthlib",
    "oauthlib",
    "urllib3",
    "httpx",
    "sqlalchemy",
    "campaign",
    "prefect",
]


class Keeper(logging.Handler):
    """Keeps every record as it would be written, tracebacks and all."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def everything_logged() -> Iterator[Keeper]:
    keeper, levels = Keeper(), {name: logging.getLogger(name).level for name in ["", *CHATTY]}
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(keeper)
    yield keeper
    logging.getLogger().removeHandler(keeper)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def logs_of(run_id: UUID | None) -> list[str]:
    """What the server keeps of a run, as the UI shows it."""
    APILogWorker.drain_all(timeout=10)
    assert run_id
    of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
    with get_client(sync_client=True) as client:
        found: list[str] = []
        while page := client.read_logs(of_run, limit=200, offset=len(found)):
            found += [log.message for log in page]
    return found


def test_no_key_signature_or_expected_traceback_is_logged(
    x: SimulatedX, connect: Connect, everything_logged: Keeper
) -> None:
    well, revoked = connect("well", 1_200), connect("revoked", 10)
    old, limited = connect("old", 50, api_version="1.1"), connect("limited", 1_200)
    revoked.become(condition="revoked")
    x.fault(well.pages_path, "answer_lost", after=1)
    x.fault(limited.pages_path, "literal", status=429, body={"title": "Too Many Requests"})

    with tags(NO_WAIT):
        state: State = account_sync(return_state=True)

    assert state.is_failed()
    assert well.table() == well.truth()
    in_process, in_the_ui = "\n".join(everything_logged.lines), "\n".join(logs_of(state.state_details.flow_run_id))
    assert "revoked" in in_process
    assert "Beginning flow run" in in_the_ui
    for brand in (well, revoked, old, limited):
        for name, key in brand.keys.items():
            assert key not in in_process, name
            assert key not in in_the_ui, name
    for text in (in_process, in_the_ui):
        for word in ("oauth_signature", "oauth_token", "OAuth oauth", "Authorization: OAuth"):
            assert word not in text
    assert "Traceback" not in in_the_ui


def test_an_error_of_the_database_names_no_value_of_a_row(
    database: Database, prefect_server: Server, everything_logged: Keeper
) -> None:
    person: dict[str, Any] = {"external_id": "90210", "full_name": "Ana Secret", "folder": "x"}

    @flow(name="failing")
    def add_twice() -> None:
        for _ in range(2):
            with transaction() as session:
                session.add(Visitor(**person, created_at=NOW, updated_at=NOW))

    with used(prefect_server):
        state: State = add_twice(return_state=True)
        in_the_ui = "\n".join(logs_of(state.state_details.flow_run_id))

    assert state.is_failed()
    assert "IntegrityError" in str(state.message), database.kind
    for text in (str(state.message), in_the_ui, "\n".join(everything_logged.lines)):
        assert "visitor" in text
        assert "90210" not in text
        assert "Ana Secret" not in text

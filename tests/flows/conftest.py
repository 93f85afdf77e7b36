"""A fresh database and an empty simulated X for each test; a Prefect server only for tests that ask for one."""

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from campaign.settings import load_settings
from campaign.simulator.server import running
from deployments.server import Server
from tests.databases import Database
from tests.servers import fresh_server
from tests.simulated_x import Brand, SimulatedX


class Connect(Protocol):
    """Makes an account on the simulated X and saves its service."""

    def __call__(self, username: str, followers: int = 0, **form: Any) -> Brand: ...


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with fresh_server(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.fixture(scope="session")
def simulator_url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest) -> Database:
    """SQLite; a test that is about both databases names them: `@both_databases`."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest.fixture
def x(simulator_url: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> SimulatedX:
    """An empty X in the place of the real one, no saved services, and a database without rows."""
    assert database
    monkeypatch.setenv("CAMPAIGN_X_API_URL", simulator_url)
    load_settings.cache_clear()
    simulated = SimulatedX(simulator_url)
    simulated.command("POST", "reset")
    return simulated


@pytest.fixture
def client(server: Server) -> Iterator[SyncPrefectClient]:
    """A client of the `server` that the module has for its tests."""
    assert server
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def connect(x: SimulatedX) -> Connect:
    def make_and_save(username: str, followers: int = 0, **form: Any) -> Brand:
        brand = x.make(username, followers)
        brand.connect(**form)
        return brand

    return make_and_save

"""One Prefect server for all tests that have Prefect as their subject; they run in one process, one after the other."""

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from deployments.server import Server
from tests.databases import Database
from tests.flows.house import House, open_house
from tests.servers import used
from tests.simulated_x import SimulatedX


@pytest.fixture(scope="session")
def open_for_all(
    prefect_server: Server, simulator_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house"), prefect_server, simulator_url) as house:
        yield house


@pytest.fixture
def house(open_for_all: House) -> Iterator[House]:
    """The server with its worker, an empty simulated X and a database without rows, in use by this process."""
    with open_for_all.in_use():
        open_for_all.tidy_up()
        yield open_for_all


@pytest.fixture
def x(house: House) -> SimulatedX:
    return house.x


@pytest.fixture
def client(house: House) -> Iterator[SyncPrefectClient]:
    """A client of the server, as the UI has one."""
    with get_client(sync_client=True) as client:
        assert str(client.api_url).startswith(house.server.api_url)
        yield client


@pytest.fixture
def in_prefect(prefect_server: Server, sqlite_database: Database) -> Iterator[Server]:
    """A database without rows, and the server for flows that run in this process."""
    assert sqlite_database
    with used(prefect_server):
        yield prefect_server

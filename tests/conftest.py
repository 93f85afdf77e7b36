"""A clean environment, and databases made by the migrations."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

TEST_POSTGRESQL_URL = "CAMPAIGN_TEST_POSTGRESQL_URL"

# Before anything of the project or of Prefect is imported: both read their settings from the environment.
for _name in [name for name in os.environ if name.startswith(("CAMPAIGN_", "PREFECT_"))]:
    if _name != TEST_POSTGRESQL_URL:
        del os.environ[_name]
_HOME = tempfile.mkdtemp(prefix="campaign-tests-")
os.environ["CAMPAIGN_HOME"] = os.environ["PREFECT_HOME"] = _HOME
# Not the profiles of the developer.
os.environ["PREFECT_PROFILES_PATH"] = f"{_HOME}/profiles.toml"
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

from campaign.db import engine  # noqa: E402
from campaign.settings import load_settings  # noqa: E402
from tests.databases import Database, PostgresqlServer, in_use  # noqa: E402
from tests.simulated_x import Brand, Connect, SimulatedX  # noqa: E402

hypothesis.settings.register_profile("campaign", deadline=None)
hypothesis.settings.load_profile("campaign")

KINDS = ["sqlite", "postgresql"]


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a file prepares for its tests is prepared in one process; half of Prefect's tests share a server in one."""
    for item in items:
        if "prefect_server" in getattr(item, "fixturenames", ()):
            half = "first" if item.path.name < "test_p" else "second"
            item.add_marker(pytest.mark.xdist_group(f"prefect, {half} half"))
        elif not item.get_closest_marker("apart"):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


_LONGEST_ID = 60


def pytest_make_parametrize_id(val: object) -> str | None:
    """Names a file by its length: the name of a test goes into the environment of its processes, which has a limit."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and len(val) > _LONGEST_ID else None


@pytest.fixture(autouse=True)
def _environment_is_as_before() -> Iterator[None]:
    """Fails a test that leaves settings to the next one: its fixtures were undone in another order than set up."""
    before = _settings_of_environment()
    yield
    # A flow of this process listens to what happens, and would start a server in the tests after it.
    engine._listeners.clear()
    engine.unheard.clear()
    assert _settings_of_environment() == before


def _settings_of_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("CAMPAIGN_")}


def _postgresql_url() -> str:
    return os.environ.get(TEST_POSTGRESQL_URL, "postgresql://postgres@127.0.0.1:5432/postgres")


@pytest.fixture(scope="session")
def postgresql_server() -> PostgresqlServer:
    server = PostgresqlServer(_postgresql_url())
    problem = server.problem()
    if problem and os.environ.get("CI") == "true":
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)
    return server


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "campaign.db"
    with in_use(Database("sqlite", f"sqlite:///{file}"), file.parent):
        engine.upgrade()
    return file


@pytest.fixture(scope="session")
def migrated_postgresql(
    postgresql_server: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    with postgresql_server.new_database() as database:
        with in_use(database, tmp_path_factory.mktemp("migrated")):
            engine.upgrade()
        yield database


@pytest.fixture
def sqlite_database(migrated_sqlite_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite file of its own, in use by this process."""
    file = shutil.copy(migrated_sqlite_file, tmp_path / "campaign.db")
    database = Database("sqlite", f"sqlite:///{file}")
    with in_use(database, tmp_path):
        yield database


@pytest.fixture
def postgresql_database(
    migrated_postgresql: Database, postgresql_server: PostgresqlServer, tmp_path: Path
) -> Iterator[Database]:
    """A migrated PostgreSQL database without rows, in use by this process."""
    with in_use(migrated_postgresql, tmp_path, stays=True):
        yield migrated_postgresql
    postgresql_server.empty(migrated_postgresql)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Database:
    """Each of both databases in turn: migrated, without rows, in use by this process."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest.fixture
def new_sqlite(tmp_path: Path) -> Iterator[Database]:
    database = Database("sqlite", f"sqlite:///{tmp_path / 'new.db'}")
    with in_use(database, tmp_path):
        yield database


@pytest.fixture
def new_postgresql(postgresql_server: PostgresqlServer, tmp_path: Path) -> Iterator[Database]:
    with postgresql_server.new_database() as database, in_use(database, tmp_path):
        yield database


@pytest.fixture(params=KINDS)
def new_database(request: pytest.FixtureRequest) -> Database:
    """Each of both databases in turn, as no migration has touched it, in use by this process."""
    found: Database = request.getfixturevalue(f"new_{request.param}")
    return found


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The Prefect server of the whole run, a `deployments.server.Server`; importing it loads Prefect.

    On PostgreSQL where there is one: under load Prefect 3.8.8 locks its SQLite database for up to a minute.
    """
    from tests.servers import server_on_postgresql, started_server

    home, lender = tmp_path_factory.mktemp("prefect"), PostgresqlServer(_postgresql_url())
    with started_server(home) if lender.problem() else server_on_postgresql(home, lender) as server:
        yield server


@pytest.fixture(scope="session")
def simulator_url() -> Iterator[str]:
    from campaign.simulator.server import running

    with running() as url:
        yield url


@pytest.fixture
def x(simulator_url: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> SimulatedX:
    """An empty X in the place of the real one, no services, and a database without rows."""
    assert database
    monkeypatch.setenv("CAMPAIGN_X_API_URL", simulator_url)
    load_settings.cache_clear()
    simulated = SimulatedX(simulator_url)
    simulated.command("POST", "reset")
    return simulated


@pytest.fixture
def connect(x: SimulatedX) -> Connect:
    """Makes accounts on that X and connects their services."""

    def make_and_connect(username: str, followers: int = 0, **form: Any) -> Brand:
        brand = x.make(username, followers)
        brand.connect(**form)
        return brand

    return make_and_connect

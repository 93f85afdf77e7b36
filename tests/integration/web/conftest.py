"""The pages of a service, served to browsers."""

from collections.abc import Iterator

import pytest

from tests.browsing import Window, open_browser
from tests.databases import Database
from tests.desk_site import Desk, open_desk
from tests.web_visits import House, Street, open_house, open_street


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    with open_street() as found:
        yield found


@pytest.fixture
def house(street: Street, sqlite_database: Database) -> Iterator[House]:  # noqa: ARG001
    with open_house(street) as found:
        yield found


@pytest.fixture
def desk(sqlite_database: Database) -> Iterator[Desk]:  # noqa: ARG001
    """The desk before anything is in the database; a file that needs more makes its own."""
    with open_desk() as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with open_browser(tmp_path_factory.mktemp("browser")) as found:
        yield found

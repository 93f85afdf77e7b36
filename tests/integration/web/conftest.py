"""The pages of a service, served to browsers."""

from collections.abc import Iterator

import pytest

from tests.databases import Database
from tests.web_visits import House, Street, open_house, open_street


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    with open_street() as found:
        yield found


@pytest.fixture
def house(street: Street, sqlite_database: Database) -> Iterator[House]:  # noqa: ARG001
    with open_house(street) as found:
        yield found

"""A fresh database and an empty simulated X for each test: steps are called as a command does it, without Prefect."""

import pytest

from tests.databases import Database


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest) -> Database:
    """SQLite; a test that is about both databases names them: `@both_databases`."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found

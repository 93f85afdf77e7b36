"""A fresh database and an empty simulated X for each test: steps are called as a command does it, without Prefect."""

import pytest

from campaign.settings import load_settings
from tests.databases import Database


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest) -> Database:
    """SQLite; a test that is about both databases names them: `@both_databases`."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest.fixture(autouse=True)
def _no_public_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that another test left running may put back the settings that it began with, when it ends."""
    monkeypatch.delenv("CAMPAIGN_PUBLIC_URL", raising=False)
    load_settings.cache_clear()

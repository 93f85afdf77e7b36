"""Homes with a Prefect server for tests: made once, copied for each module that wants a fresh one."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from campaign.settings import Settings, load_settings
from deployments.environment import adopt, make_home
from deployments.server import Server, free_port, running_server, used_by_prefect


@cache
def _empty_prefect_database() -> Path:
    """Prefect's tables as a first start makes them, which takes three times as long as the next start."""
    home = Path(tempfile.mkdtemp(prefix="campaign-prefect-"))
    with own_environment(home) as settings, running_server(settings, free_port(), ui=False):
        pass
    return settings.prefect_home


@contextmanager
def own_environment(home: Path, **more: str) -> Iterator[Settings]:
    """Settings as in a new shell that only names the home."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PREFECT_HOME", raising=False)
        environment.delenv("PREFECT_API_URL", raising=False)
        for name, value in ({"CAMPAIGN_HOME": str(home)} | more).items():
            environment.setenv(name, value)
        load_settings.cache_clear()
        try:
            yield load_settings()
        finally:
            load_settings.cache_clear()


def make_fresh_home(home: Path) -> Path:
    """A home in which Prefect's tables are made and empty."""
    make_home(Settings(home=home))
    for file in _empty_prefect_database().glob("prefect.db*"):
        shutil.copy(file, home / "prefect")
    return home


@contextmanager
def fresh_server(home: Path) -> Iterator[Server]:
    """An empty server, used by Prefect in this process and its children."""
    with own_environment(make_fresh_home(home)) as settings, pytest.MonkeyPatch.context() as environment:
        for name in ("PREFECT_HOME", "PREFECT_SERVER_ANALYTICS_ENABLED"):
            environment.delenv(name, raising=False)
        adopt(settings)
        with running_server(settings, free_port(), ui=False) as server, used_by_prefect(server.api_url):
            yield server

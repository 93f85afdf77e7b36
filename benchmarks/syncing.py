"""The account sync and the plain loops beside it; each part is its seconds."""

import sys
import time
from collections.abc import Callable

from benchmarks import pages, writing
from benchmarks.brand import Brand
from benchmarks.connecting import connect
from campaign.db.engine import engine
from campaign.settings import load_settings


def sync(brand: Brand) -> list[float]:
    """The flow, twice: the second time nothing has changed."""
    connect(brand)
    return _whole(brand, [_sync(brand), _sync(brand)])


def sync_once(brand: Brand) -> list[float]:
    """The flow."""
    connect(brand)
    return _whole(brand, [_sync(brand)])


def _sync(brand: Brand) -> float:
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.account_sync import account_sync

    began = time.perf_counter()
    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        state = account_sync([brand.username], return_state=True)
    seconds = time.perf_counter() - began
    if not state.is_completed():
        sys.exit(f"The sync did not complete: {state.message}")
    return seconds


def read(brand: Brand) -> list[float]:
    """Read the list and keep nothing: after it the simulator has all pages rendered."""
    return [_timed(lambda: sum(map(len, pages.with_requests(brand, load_settings().x_api_url))))]


def requests_to_sqlite(brand: Brand) -> list[float]:
    """Plain requests, plain executemany."""
    read_pages = pages.with_requests(brand, load_settings().x_api_url)
    return _whole(brand, [_timed(lambda: writing.into_sqlite(_file(), read_pages))])


def tweepy_to_sqlite(brand: Brand) -> list[float]:
    """Plain tweepy, plain executemany."""
    read_pages = pages.with_tweepy(brand, load_settings().x_api_url)
    return _whole(brand, [_timed(lambda: writing.into_sqlite(_file(), read_pages))])


def requests_to_postgresql(brand: Brand) -> list[float]:
    """Plain requests, COPY and an upsert."""
    settings = load_settings()
    read_pages = pages.with_requests(brand, settings.x_api_url)
    return _whole(brand, [_timed(lambda: writing.into_postgresql(settings.database_url, read_pages))])


def _file() -> str:
    return engine().url.database or ""


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _whole(brand: Brand, seconds: list[float]) -> list[float]:
    """The seconds, unless something is missing in the table."""
    with engine().connect() as database:
        visitors = database.exec_driver_sql("SELECT count(*) FROM visitor").scalar_one()
    if visitors != brand.followers:
        sys.exit(f"{visitors:,} visitors were written, not {brand.followers:,}.")
    return seconds

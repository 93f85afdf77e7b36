"""One measurement in a process of its own: `python -m benchmarks.child JOB BRAND`; prints one JSON document."""

import json
import resource
import sys
import time
from collections.abc import Callable
from decimal import Decimal

from benchmarks import pages, writing
from benchmarks.brand import Brand
from campaign.settings import load_settings
from campaign.store import schema
from campaign.store.engine import engine

Job = Callable[[Brand], list[float]]
"""Does its work and returns the seconds that each part of it took."""


def connect(brand: Brand) -> list[float]:
    """Save the form of the service, as a person does in the Prefect UI."""
    from tasks.twitter_service import TwitterService, block_name  # noqa: PLC0415

    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    keys = dict(zip(names, brand.keys, strict=True))
    form = {"label": brand.username, "internal_name": brand.username, "spend_cap": Decimal(1_000_000), **keys}
    TwitterService(**form).save(block_name(brand.username))
    return []


def sync(brand: Brand) -> list[float]:
    """The flow, twice: the second time nothing has changed."""
    return [_sync(brand), _sync(brand)]


def sync_once(brand: Brand) -> list[float]:
    """The flow."""
    return [_sync(brand)]


def _sync(brand: Brand) -> float:
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: PLC0415

    from flows.account_sync import account_sync  # noqa: PLC0415

    began = time.perf_counter()
    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):  # as `campaign sync` does
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
    return [_timed(lambda: writing.into_sqlite(_file(), pages.with_requests(brand, load_settings().x_api_url)))]


def tweepy_to_sqlite(brand: Brand) -> list[float]:
    """Plain tweepy, plain executemany."""
    return [_timed(lambda: writing.into_sqlite(_file(), pages.with_tweepy(brand, load_settings().x_api_url)))]


def requests_to_postgresql(brand: Brand) -> list[float]:
    """Plain requests, COPY and an upsert."""
    url = load_settings().database_url
    return [_timed(lambda: writing.into_postgresql(url, pages.with_requests(brand, load_settings().x_api_url)))]


def _file() -> str:
    return engine().url.database or ""


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _check(brand: Brand) -> None:
    with engine().connect() as database:
        visitors = database.exec_driver_sql("SELECT count(*) FROM visitor").scalar_one()
    if visitors != brand.followers:
        sys.exit(f"{visitors:,} visitors were written, not {brand.followers:,}.")


JOBS: dict[str, Job] = {
    job.__name__: job
    for job in (connect, read, sync, sync_once, requests_to_sqlite, tweepy_to_sqlite, requests_to_postgresql)
}


def main(job: str, described: str) -> None:
    """Do one job with a fresh database."""
    brand = Brand(**json.loads(described))
    schema.upgrade()
    seconds = JOBS[job](brand)
    if job not in {"connect", "read"}:
        _check(brand)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    print(json.dumps({"seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])

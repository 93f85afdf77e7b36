"""A bar per service while an account sync works, here or in a worker: it only reads the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread

import pendulum
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from campaign.cli import output
from campaign.store import sync_runs
from campaign.store.engine import reading
from models import Service, SyncRun, SyncState


@contextmanager
def progress(services: Sequence[Service]) -> Iterator[None]:
    """Show a bar per service, read from the database while the flow works."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    note = TextColumn("{task.fields[note]}")
    hidden = not output.console.is_terminal
    with Progress(*columns, note, console=output.console, transient=True, disable=hidden) as bars:
        done = Event()
        watcher = Thread(target=_watch, args=(bars, services, done))
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _watch(bars: Progress, services: Sequence[Service], done: Event) -> None:
    began = pendulum.now("UTC")
    shown = {one.id: bars.add_task(one.internal_name, total=one.followers_count, note="") for one in services}
    while not done.wait(0.3):
        with reading() as session:
            for run in sync_runs.touched_since(session, began, list(shown)):
                bars.update(shown[run.service_id], completed=run.followers_read, note=_note(run))


def _note(run: SyncRun) -> str:
    if run.state is not SyncState.WAITING or not run.goes_on_at:
        return f"{run.followers_read:,} read"
    seconds = max(0, int((run.goes_on_at - pendulum.now("UTC")).total_seconds()))
    return f"{run.followers_read:,} read, X allows no more calls for now: continues in {seconds} s"

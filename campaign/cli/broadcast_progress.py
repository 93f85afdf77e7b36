"""How far a broadcast is, on a terminal, while it is sent: it only reads the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from campaign.cli import output
from campaign.domain.broadcast_numbers import Numbers
from campaign.store import waves
from campaign.store.engine import reading
from models import Delivery, DeliveryKind

_EVERY_SECONDS = 2.0


@contextmanager
def sending(delivery: Delivery) -> Iterator[None]:
    """Show a bar while a broadcast is sent; nothing for a post, which is out at once, or without a terminal."""
    if delivery.kind is not DeliveryKind.DM or not output.console.is_terminal:
        yield
        return
    columns = (TextColumn(delivery.name), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=output.console, transient=True) as bars:
        done = Event()
        watcher = Thread(target=_watch, args=(bars, delivery, done))
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _watch(bars: Progress, delivery: Delivery, done: Event) -> None:
    bar = bars.add_task("", total=100)
    while not done.wait(_EVERY_SECONDS):
        with reading() as session:
            numbers = Numbers(waves.count_by_state(session, delivery.id))
        bars.update(bar, completed=numbers.percentage, description=numbers.in_words())

"""What commands share: their options, results on standard output, everything else on standard error."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache, wraps
from inspect import Parameter, signature
from io import TextIOWrapper
from pathlib import Path
from stat import S_ISREG
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from campaign.errors import WrongUsage, is_full
from campaign.formatting import byte_order_mark, printable, printable_json, write_csv

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from models import Delivery, Service

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Limit = Annotated[int | None, typer.Option(min=1, help="The highest number of rows, the newest first.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
#: Bytes; a disk with less is full for a database.
_LITTLE_ROOM = 1_000_000
#: The rows that a person reads; scripts get all.
SHOWN = 50


def with_options(*tables: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options that annotate the keys of typed dictionaries, in the place of its `options`.

    The command gets those that were given, in one dictionary.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = {name: hint for table in tables for name, hint in get_type_hints(table, include_extras=True).items()}

        @wraps(command)
        def run(**arguments: Any) -> None:
            values = {name: arguments.pop(name) for name in hints}
            command(options={name: value for name, value in values.items() if value is not None}, **arguments)

        own = signature(command)
        parameters = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in own.parameters.values()]
        place = list(own.parameters).index("options")
        parameters[place : place + 1] = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=hint) for name, hint in hints.items()
        ]
        run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return decorate


@lru_cache
def console() -> "Console":
    """Returns the terminal for people, on standard error: progress, questions, what went wrong."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(sentence: str) -> None:
    """Prints a sentence for a person, in one line however narrow the terminal."""
    print(printable(sentence), file=sys.stderr)  # noqa: T201


def record_export(what: str, service: str | None = None) -> None:
    """Records in the audit that all of a list was printed, of one service or of all."""
    from datetime import UTC, datetime

    from campaign.db.engine import transaction
    from campaign.users import store as users

    subject = f"service {service.removeprefix('@')}" if service else "all services"
    with transaction() as session:
        users.record_audit(session, actor(), subject, f"{what} exported", datetime.now(UTC))


def actor() -> str:
    """Returns the user of this session, as the audit names it."""
    from campaign.deliveries.approval import current_user

    return current_user()


def confirm(question: str) -> bool:
    """Asks a question on standard error; returns whether the answer was yes."""
    return typer.confirm(printable(question), err=True)


def _dump(document: Any) -> str:
    import orjson

    return printable_json(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def print_json(document: Any) -> None:
    """Prints one JSON document, the whole result of a command with `--json`."""
    print(_dump(document))  # noqa: T201


def print_json_list(items: Iterable[Any]) -> None:
    """Prints one JSON list as it comes, however long, in the same memory."""
    _print_items(items, "  ")
    print("]")  # noqa: T201


def print_json_ending(document: dict[str, Any], name: str, items: Iterable[Any]) -> None:
    """Prints one JSON document whose last field is a list that is printed as it comes."""
    head = _dump(document).removesuffix("\n}")
    print(f"{head},\n  {_dump(name)}: ", end="")  # noqa: T201
    _print_items(items, "    ")
    print("]\n}")  # noqa: T201


def _print_items(items: Iterable[Any], indent: str) -> None:
    separator, end = "[", ""
    for item in items:
        text = _dump(item).replace("\n", f"\n{indent}")
        print(f"{separator}\n{indent}{text}", end="")  # noqa: T201
        separator, end = ",", f"\n{indent[2:]}"
    print(end or "[", end="")  # noqa: T201


def print_csv(head: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Prints comma separated rows as they come.

    A new file begins with a byte order mark, see `CAMPAIGN_CSV_BOM`.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        with suppress(OSError):  # some replacements of standard output are no file of the system
            status = os.fstat(sys.stdout.fileno())
            sys.stdout.reconfigure(encoding="utf-8", newline="")
            if S_ISREG(status.st_mode) and not status.st_size:
                sys.stdout.write(byte_order_mark())
    write_csv(sys.stdout, head, rows)


def heading(name: str) -> str:
    """Returns the heading of a column or field: External ID for external_id."""
    text = name.replace("_", " ")
    text = text[:1].upper() + text[1:]
    return f"{text.removesuffix('id')}ID" if text.endswith(" id") else text


@contextmanager
def working(sentence: str) -> Iterator[None]:
    """Shows on a terminal that something takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.text import Text

    with console().status(Text(printable(sentence))):
        yield


def print_table(rows: Sequence[dict[str, str]]) -> None:
    """Prints rows with the same columns; columns that are empty throughout are left out."""
    if not rows:
        return
    from rich.console import Console
    from rich.table import Table

    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(printable(row[name]) for name in columns))
    # A pipe has no width: nothing is cut there.
    Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 400).print(table)


def write_page(file: Path, page: str) -> None:
    """Writes a page for the browser; raises WrongUsage when the file cannot be written."""
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise WrongUsage(f"{file} cannot be written ({error.strerror}); name another file with --html.") from None
    say(f"Open it in a browser: {file.absolute()}")


def full_place(error: OSError) -> str:
    """Returns the file or folder for which no room is left on its disk; empty for other errors."""
    from shutil import disk_usage

    from campaign.settings import load_settings

    if not is_full(error):
        return ""
    home = load_settings().home
    home = next(folder for folder in (home, *home.parents) if folder.exists())
    if error.filename or sys.stdout.isatty() or disk_usage(home).free < _LITTLE_ROOM:
        return str(error.filename or home)
    # Linux knows the name of the file to which a shell sends the output.
    link = Path(f"/proc/self/fd/{sys.stdout.fileno()}")
    return str(link.readlink()) if link.is_symlink() else "the output"


def drop_rest() -> None:
    """Drops the output that could not be written: Python would try it again at the end of the process."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def save_details(error: BaseException) -> str:
    """Writes an error's details to a file of the home; returns a sentence that names the file."""
    import traceback

    from campaign.settings import load_settings

    path = load_settings().home / "logs" / "error.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)))
        path.chmod(0o600)
    except OSError as reason:
        return f"the details cannot be written to {path} ({reason.strerror})"
    return f"the details are in {path}"


@contextmanager
def progress(services: Sequence["Service"]) -> Iterator[None]:
    """Shows a bar per service, read from the database while the flow works."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    bars = Progress(*columns, TextColumn("{task.fields[note]}"), console=console(), transient=True)
    with bars, _watching(_watch_sync, bars, services):
        yield


@contextmanager
def sending(delivery: "Delivery") -> Iterator[None]:
    """Shows a bar while a broadcast is sent; nothing for a post, which is out at once, or without a terminal."""
    if delivery.kind.value != "dm" or not sys.stderr.isatty():
        yield
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(delivery.name), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    bars = Progress(*columns, console=console(), transient=True)
    with bars, _watching(_watch_broadcast, bars, delivery):
        yield


@contextmanager
def _watching(watch: Callable[..., None], bars: "Progress", watched: Any) -> Iterator[None]:
    done = Event()
    watcher = Thread(target=watch, args=(bars, watched, done))
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch_sync(bars: "Progress", services: Sequence["Service"], done: Event) -> None:
    import pendulum

    from campaign.audience import sync
    from campaign.db.engine import read_session
    from models import SyncState

    began = pendulum.now("UTC")
    shown = {one.id: bars.add_task(one.internal_name, total=one.followers_count, note="") for one in services}
    while not done.wait(0.3):
        with read_session() as session:
            for run in sync.touched_since(session, began, list(shown)):
                note = f"{run.followers_read:,} read"
                if run.state is SyncState.WAITING and run.goes_on_at:
                    seconds = max(0, int((run.goes_on_at - pendulum.now("UTC")).total_seconds()))
                    note += f", rate limit reached: continues in {seconds} s"
                bars.update(shown[run.service_id], completed=run.followers_read, note=note)


def _watch_broadcast(bars: "Progress", delivery: "Delivery", done: Event) -> None:
    from campaign.broadcasts import waves
    from campaign.broadcasts.report import Numbers
    from campaign.db.engine import read_session

    bar = bars.add_task("", total=100)
    while not done.wait(2.0):
        with read_session() as session:
            numbers = Numbers(waves.count_by_state(session, delivery.id))
        bars.update(bar, completed=numbers.percentage, description=numbers.summary())

"""How commands speak: results on standard output, everything else on standard error."""

import csv
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from campaign.errors import WrongUsage
from campaign.settings import load_settings

#: For people, on standard error: progress, questions, what went wrong.
console = Console(stderr=True, highlight=False)
#: What a spreadsheet would take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def say(sentence: str) -> None:
    """Tell a person something, in one line however narrow the terminal."""
    console.print(sentence, markup=False, soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document, the whole result of a command with `--json`."""
    print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())  # noqa: T201


def print_json_list(items: Iterable[Any]) -> None:
    """Print one JSON list as it comes, however long, in the same memory."""
    _print_items(items, "  ")
    print("]")  # noqa: T201


def print_json_ending(document: dict[str, Any], name: str, items: Iterable[Any]) -> None:
    """Print one JSON document whose last field is a list that is printed as it comes."""
    head = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode().removesuffix("\n}")
    print(f"{head},\n  {orjson.dumps(name).decode()}: ", end="")  # noqa: T201
    _print_items(items, "    ")
    print("]\n}")  # noqa: T201


def _print_items(items: Iterable[Any], indent: str) -> None:
    separator, end = "[", ""
    for item in items:
        text = orjson.dumps(item, option=orjson.OPT_INDENT_2).decode().replace("\n", f"\n{indent}")
        print(f"{separator}\n{indent}{text}", end="")  # noqa: T201
        separator, end = ",", f"\n{indent[2:]}"
    print(end or "[", end="")  # noqa: T201


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Print comma separated rows as they come, with nothing in them that a spreadsheet would take for a formula."""
    writer = csv.writer(sys.stdout)
    writer.writerow(_heading(name) for name in columns)
    for row in rows:
        writer.writerow(_cell(row[name]) for name in columns)


def _heading(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:].removesuffix("id") + ("ID" if words.endswith(" id") else "")


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


@contextmanager
def working(sentence: str) -> Iterator[None]:
    """Show on a terminal that something takes its time."""
    if not console.is_terminal:
        yield
        return
    with console.status(sentence):
        yield


def print_table(rows: Sequence[dict[str, str]]) -> None:
    """Print rows with the same columns; columns that are empty throughout are left out."""
    if not rows:
        return
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    # A pipe has no width: nothing is cut there.
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 400).print(table)


def write_page(file: Path, page: str) -> None:
    """Write a page for the browser; raises WrongUsage when the file cannot be written."""
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise WrongUsage(f"{file} cannot be written ({error.strerror}); name another file with --html.") from None
    say(f"Open it in a browser: {file.absolute()}")


def keep(error: Exception) -> str:
    """Write an error's details to a file of the home and say where they are."""
    path = load_settings().home / "logs" / "error.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)))
        path.chmod(0o600)
    except OSError as reason:
        return f"the details cannot be written to {path} ({reason.strerror})"
    return f"the details are in {path}"

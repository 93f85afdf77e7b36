"""How commands speak: results on standard output, everything else on standard error."""

import sys
import traceback
from collections.abc import Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from campaign.settings import load_settings

#: For people, on standard error: progress, questions, what went wrong.
console = Console(stderr=True, highlight=False)


def say(sentence: str) -> None:
    """Tell a person something, in one line however narrow the terminal."""
    console.print(sentence, markup=False, soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document, the whole result of a command with `--json`."""
    print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())  # noqa: T201


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

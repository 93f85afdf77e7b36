"""A list of people in a file, as spreadsheets write it."""

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from campaign.errors import WrongUsage

_ROW = TypeVar("_ROW")
#: A person corrects no more at a time.
_MOST_NAMED = 10


def read_rows(
    file: Path, columns: Sequence[str], naming: Sequence[str], read: Callable[[Mapping[str, str]], _ROW]
) -> list[tuple[int, _ROW]]:
    """Read all rows, each with the number of its line; `naming` are the columns of which one is needed.

    Raises WrongUsage that names those that cannot be used by their lines.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            return _rows(file, csv.DictReader(opened, strict=True), columns, naming, read)
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"{file} is not written in UTF-8; save it as CSV UTF-8.") from None
    except csv.Error as error:
        raise WrongUsage(f"{file} is no comma separated list ({error}).") from None


def refuse(file: Path, problems: Sequence[tuple[int, str]]) -> None:
    """Raise WrongUsage when there are problems, each with the number of its line."""
    if problems:
        named = "; ".join(f"line {line}: {problem}" for line, problem in problems[:_MOST_NAMED])
        more = f"; and {len(problems) - _MOST_NAMED:,} more lines" if len(problems) > _MOST_NAMED else ""
        raise WrongUsage(f"Nothing was imported from {file}: {named}{more}.")


def _rows(
    file: Path,
    reader: "csv.DictReader[str]",
    columns: Sequence[str],
    naming: Sequence[str],
    read: Callable[[Mapping[str, str]], _ROW],
) -> list[tuple[int, _ROW]]:
    reader.fieldnames = [_column(name) for name in reader.fieldnames or ()]
    _check_named(file, reader.fieldnames, naming)
    rows, problems = list[tuple[int, _ROW]](), list[tuple[int, str]]()
    for line, cells in _filled(reader, columns):
        try:
            rows.append((line, read(cells)))
        except WrongUsage as problem:
            problems.append((line, str(problem)))
    refuse(file, problems)
    return rows


def _check_named(file: Path, found: Collection[str], naming: Sequence[str]) -> None:
    if not set(naming) & set(found):
        listed = " nor ".join(f"a column {name}" for name in naming)
        raise WrongUsage(f"{file} has neither {listed}, separated by commas.")


def _column(name: str) -> str:
    """The name of a column; `campaign visitors --csv` writes some of them with the labels of its list."""
    return name.strip().lower().replace(" ", "_")


def _filled(reader: "csv.DictReader[str]", columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows in which something stands, each with the number of its line."""
    for row in reader:
        cells = {name: (row.get(name) or "").strip() for name in columns}
        if any(cells.values()):
            yield reader.line_num, cells

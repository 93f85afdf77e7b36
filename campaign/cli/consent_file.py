"""A file of people who agreed, as spreadsheets write it."""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from campaign.domain.consent_rows import COLUMNS, ConsentRow, read_row
from campaign.errors import WrongUsage

#: A person corrects no more at a time.
_MOST_NAMED = 10


def read_file(file: Path, note: str, now: datetime) -> list[ConsentRow]:
    """Read all rows; raises WrongUsage that names those that cannot be used by their lines."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            return _rows(file, csv.DictReader(opened, strict=True), note, now)
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"{file} is not written in UTF-8; save it as CSV UTF-8.") from None
    except csv.Error as error:
        raise WrongUsage(f"{file} is no comma separated list ({error}).") from None


def _rows(file: Path, reader: "csv.DictReader[str]", note: str, now: datetime) -> list[ConsentRow]:
    reader.fieldnames = [_column(name) for name in reader.fieldnames or ()]
    if not {"external_id", "username"} & set(reader.fieldnames):
        raise WrongUsage(f"{file} has neither a column external_id nor a column username, separated by commas.")
    rows, problems = list[ConsentRow](), list[str]()
    for line, cells in _filled(reader):
        try:
            rows.append(read_row(cells, note, now))
        except WrongUsage as problem:
            problems.append(f"line {line}: {problem}")
    if problems:
        more = f"; and {len(problems) - _MOST_NAMED:,} more lines" if len(problems) > _MOST_NAMED else ""
        raise WrongUsage(f"Nothing was imported from {file}: {'; '.join(problems[:_MOST_NAMED])}{more}.")
    return rows


def _column(name: str) -> str:
    """The name of a column; `campaign visitors --csv` writes some of them with the labels of its list."""
    return name.strip().lower().replace(" ", "_")


def _filled(reader: "csv.DictReader[str]") -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows in which something stands, each with the number of its line."""
    for row in reader:
        cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if any(cells.values()):
            yield reader.line_num, cells

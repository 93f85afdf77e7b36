"""A file of people whom a broadcast goes to: a handle or an X user id a line, or a column of a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from campaign.cli.delivery_kinds import check_person
from campaign.domain.broadcasts import LONGEST_LIST
from campaign.errors import WrongUsage

#: A file whose first line has one of these as a heading is read from that column.
_HEADINGS = ("external_id", "user_id", "username", "handle")
#: A person corrects no more at a time.
_MOST_NAMED = 10


def read_people(file: Path) -> list[str]:
    """Read whom a file names; raises WrongUsage that says what cannot be used, by its lines."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            people = _checked(file, _cells(opened))
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read ({error.strerror}); name another file with --list.") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"{file} is not written in UTF-8; save it as a text, or as CSV UTF-8.") from None
    except csv.Error as error:
        raise WrongUsage(f"{file} is no list of people ({error}).") from None
    if not people:
        raise WrongUsage(f"{file} names nobody; write a handle or an X user id on each line.")
    return people


def _checked(file: Path, cells: Iterable[tuple[int, str]]) -> list[str]:
    people, problems = list[str](), list[str]()
    for line, text in cells:
        if len(people) + len(problems) == LONGEST_LIST:
            raise WrongUsage(f"{file} names more than {LONGEST_LIST:,} people; choose them with --where instead.")
        try:
            people.append(check_person(text))
        except WrongUsage as problem:
            problems.append(f"line {line}: {str(problem).removesuffix('.')}")
    if problems:
        more = f"; and {len(problems) - _MOST_NAMED:,} more lines" if len(problems) > _MOST_NAMED else ""
        raise WrongUsage(f"{file} cannot be used: {'; '.join(problems[:_MOST_NAMED])}{more}.")
    return people


def _cells(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The cell of each line that names somebody, with the number of the line; remarks begin with #."""
    numbers: list[int] = []
    noted, separator = _with_separator(_noted(lines, numbers))
    rows = csv.reader(noted, delimiter=separator)
    column = 0
    for place, row in enumerate(rows):
        headings = [cell.strip().lower().replace(" ", "_") for cell in row]
        found = next((name for name in _HEADINGS if name in headings), None) if place == 0 else None
        if found:
            column = headings.index(found)
        elif text := (row[column] if column < len(row) else "").partition("#")[0].strip():
            yield numbers[-1], text


def _noted(lines: Iterable[str], numbers: list[int]) -> Iterator[str]:
    """The lines in which something stands; their numbers are noted as they are read."""
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            numbers[:] = [number]
            yield line


def _with_separator(lines: Iterator[str]) -> tuple[Iterator[str], str]:
    """The lines, and what their cells are separated by: spreadsheets of some countries write semicolons."""
    first = next(lines, "")
    separator = min((mark for mark in ",;\t" if mark in first), key=first.index, default=",")
    return chain([first], lines), separator

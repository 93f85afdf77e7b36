"""Files that name people: CSV and plain lists, read strictly; each problem is named with its line."""

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from io import BytesIO, TextIOWrapper
from itertools import chain
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import BinaryIO, TypeVar
from urllib.parse import parse_qs, urlsplit

from campaign.errors import WrongUsage
from campaign.formatting import from_spreadsheet
from campaign.x.types import check_handle

_ROW = TypeVar("_ROW")
_Result = TypeVar("_Result")
#: The problems named in one message; a person corrects no more at a time.
_MOST_NAMED = 10
_LONGEST_PROBLEM = 300
PERSON_COLUMNS = ("external_id", "username")
_SYNONYMS = {"user_id": "external_id", "x_user_id": "external_id", "handle": "username", "screen_name": "username"}
_SEPARATORS = ",;\t"
#: The order matters: the mark of UTF-32 begins with that of UTF-16.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: Blanks and characters without a width, which copied text has at its ends.
_BLANKS = " \t\r\n\f\v\xa0\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u3000\ufeff"


def read_rows(
    file: Path, columns: Sequence[str], naming: Sequence[str], read: Callable[[Mapping[str, str]], _ROW]
) -> list[tuple[int, _ROW]]:
    """Returns the rows of a CSV file with headings, each with the number of its first line.

    `naming` are the columns of which one is needed. Raises WrongUsage that names every row that cannot be used.
    """
    rows, problems = list[tuple[int, _ROW]](), list[tuple[int, str]]()
    headings: list[str] = []
    listed = " nor ".join(f"a column {name}" for name in naming)
    for line, cells in _records(file, problems, lambda: False):
        if not headings:
            headings = _headings(file, cells, columns)
            if not set(naming) & set(headings):
                raise WrongUsage(f"{file} has neither {listed}, separated by commas, semicolons or tabs.")
            continue
        try:
            row = dict(zip(headings, _of_width(cells, len(headings)), strict=True))
            rows.append((line, read(_with_person({name: row.get(name, "") for name in columns}))))
        except WrongUsage as problem:
            problems.append((line, str(problem).removesuffix(".")))
    refuse(file, problems)
    if not headings:
        raise WrongUsage(f"{file} has neither {listed}; it is empty.")
    return rows


def refuse(file: Path, problems: Sequence[tuple[int, str]]) -> None:
    """Raises WrongUsage where there are problems, each with the number of its line."""
    if problems:
        named = "; ".join(f"line {line}: {problem[:_LONGEST_PROBLEM]}" for line, problem in problems[:_MOST_NAMED])
        more = f"; and {len(problems) - _MOST_NAMED:,} more lines" if len(problems) > _MOST_NAMED else ""
        raise WrongUsage(f"Nothing was imported from {file}: {named}{more}.")


def read_people(file: Path, most: int) -> list[str]:
    """Returns the handles and X user ids of a file: one a line with comments behind #, or CSV.

    Without headings, the first cell of a row names the person; with headings there are no comments. Raises WrongUsage
    that names every wrong line.
    """
    people, problems = list[str](), list[tuple[int, str]]()
    headings, is_first = list[str](), True
    for line, cells in _records(file, problems, lambda: not headings):
        if is_first:
            is_first, names = False, _headings(file, cells, PERSON_COLUMNS)
            if set(PERSON_COLUMNS) & set(names):
                headings.extend(names)
                continue
        if len(people) + len(problems) >= most:
            raise WrongUsage(f"{file} names more than {most:,} people; choose them with --where instead.")
        try:
            if headings:
                row = dict(zip(headings, _of_width(cells, len(headings)), strict=True))
                people.append(_person_of(row))
            else:
                people.append(_first_person(cells))
        except WrongUsage as problem:
            problems.append((line, str(problem).removesuffix(".")))
    if len(people) == 1 and not headings and len(named := [cell for cell in cells if cell]) > 1:
        with suppress(WrongUsage):
            problems.append((line, f"{' and '.join(map(check_person, named))} in one line; write one person a line"))
    refuse(file, problems)
    if not people:
        raise WrongUsage(f"{file} is empty; write a handle or an X user id on each line.")
    return people


def read_sent(name: str, content: BinaryIO, read: Callable[[Path], _Result]) -> _Result:
    """Reads a file that was sent with a form by a reader of files; raises WrongUsage that names it as it was sent."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "list.csv")
        with path.open("wb") as file:
            copyfileobj(content, file)
        try:
            return read(path)
        except WrongUsage as error:
            raise WrongUsage(str(error).replace(str(path), name)) from None


def read_pasted_people(content: bytes, name: str, most: int) -> list[str]:
    """Returns the people of a list that was pasted or uploaded, like `read_people`; errors call it `name`."""
    return read_sent(name, BytesIO(content), lambda file: read_people(file, most))


def _person_of(row: Mapping[str, str]) -> str:
    named = _with_person({name: row.get(name, "") for name in PERSON_COLUMNS})
    if external_id := named["external_id"]:
        if not _is_id(external_id):
            raise WrongUsage(f"invalid X user id {external_id!r}; write 1 to 20 digits")
        return external_id
    if not named["username"]:
        raise WrongUsage("neither an X user id nor a handle")
    # The @ tells a handle of digits from an X user id.
    handle = named["username"].removeprefix("@")
    return check_person(f"@{handle}" if handle.isdigit() else named["username"])


def _first_person(cells: Sequence[str]) -> str:
    person, *comment = re.split(r"(?:^|\s)#", cells[0], maxsplit=1)
    for cell in cells[1:]:
        if not comment and (cell.startswith("@") or _ADDRESS.match(cell)):
            raise WrongUsage(f"{cells[0]!r} and {cell!r} in one line; write one person a line")
    if cells[1:] and re.fullmatch(r"[0-9]+E\+[0-9]+", cells[1]):
        raise WrongUsage(f"a spreadsheet has rounded the X user id {cells[0]},{cells[1]}; save the column as text")
    return check_person(person.strip())


def _is_id(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,20}", text) is not None


def check_person(text: str) -> str:
    """Returns a handle, with or without its @, or an X user id, also from the address of a profile.

    Raises WrongUsage for any other text.
    """
    person = without_address(text)
    if not _is_id(person):
        check_handle(person.removeprefix("@"))
    return person


def without_address(text: str) -> str:
    """Returns the handle or X user id in the address of a profile; other text stays as it is."""
    text = text.strip(_BLANKS).replace("\uff20", "@")
    external_id, handle = _of_address(text)
    if handle:
        # The @ tells a handle of digits from an X user id.
        return f"@{handle}" if handle.isdigit() else handle
    return external_id or text


_ADDRESS = re.compile(r"(?:https?://)?(?:(?:www|mobile|m)\.)?(?:x|twitter)\.com/", re.IGNORECASE)
#: Pages of a profile. Its other pages, such as a post, are refused: they may be meant otherwise.
_TABS = frozenset(
    {"about", "articles", "followers", "following", "highlights", "likes", "media", "verified_followers"}
    | {"with_replies"}
)
#: First parts of addresses on X that are not handles.
_PAGES = frozenset(
    {"compose", "explore", "hashtag", "home", "i", "intent", "jobs", "login", "logout", "messages", "notifications"}
    | {"privacy", "search", "settings", "share", "signup", "tos"}
)


def _of_address(text: str) -> tuple[str, str]:
    """Returns the X user id or the handle in the address of a profile, or two empty texts where it is no address."""
    start = _ADDRESS.match(text)
    if not start:
        return "", ""
    address = urlsplit(f"//x.com/{text[start.end() :].removeprefix('#!/')}")
    query = parse_qs(address.query)
    match [part for part in address.path.split("/") if part]:
        case ["i", "user", external_id] if _is_id(external_id):
            return external_id, ""
        case ["intent", "user" | "follow"] if _is_id(external_id := query.get("user_id", [""])[0]):
            return external_id, ""
        case ["intent", "user" | "follow"] if "screen_name" in query:
            return "", check_handle(query["screen_name"][0].removeprefix("@"))
        case [handle, *rest] if handle.lower() not in _PAGES and {part.lower() for part in rest} <= _TABS:
            return "", check_handle(handle.removeprefix("@"))
    raise WrongUsage(f"{text!r} is not the address of a profile; write it like https://x.com/handle")


def _with_person(cells: dict[str, str]) -> dict[str, str]:
    """Returns cells in which addresses of profiles are replaced by their handle or X user id."""
    ids, handles = dict[str, str](), dict[str, str]()
    for column in PERSON_COLUMNS:
        text = cells.get(column, "").replace("\uff20", "@")
        external_id, handle = _of_address(text)
        if not external_id and not handle:
            is_id = column == "external_id" and not text.startswith("@")
            external_id, handle = (text, "") if is_id else ("", text)
        if external_id:
            ids[external_id] = external_id
        if handle:
            handles[handle.removeprefix("@").lower()] = handle
    for found in (ids, handles):
        if len(found) > 1:
            raise WrongUsage(f"the row names two people, {' and '.join(found.values())}")
    return cells | {"external_id": next(iter(ids), ""), "username": next(iter(handles.values()), "")}


def _headings(file: Path, cells: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Returns the names of the columns: "External ID" is external_id.

    Raises WrongUsage where two have the same name of `columns`.
    """
    width = max((place for place, cell in enumerate(cells, start=1) if cell), default=0)
    names = [_heading(cell) for cell in cells[:width]]
    for name in columns:
        same = [repr(cell) for cell, found in zip(cells, names, strict=False) if found == name]
        if len(same) > 1:
            raise WrongUsage(f"{file} has {len(same)} columns for {name}: {', '.join(same)}; keep one of them.")
    return names


def _heading(cell: str) -> str:
    name = re.sub(r"[\s_-]+", "_", cell.lower())
    return _SYNONYMS.get(name, name)


def _of_width(cells: list[str], width: int) -> list[str]:
    """Returns a row without empty cells beyond the width; raises WrongUsage for more cells, or for fewer."""
    row = [*cells[:width], *filter(None, cells[width:])]
    if len(row) != width:
        cells_found = "1 cell" if len(row) == 1 else f"{len(row):,} cells"
        raise WrongUsage(f"{cells_found} instead of {width}; put a cell that holds a separator into double quotes")
    return row


def _records(
    file: Path, problems: list[tuple[int, str]], has_comments: Callable[[], bool]
) -> Iterator[tuple[int, list[str]]]:
    """Yields the records that are not blank, each with the number of its first line.

    A quote in a wrong place is added to the problems, and ends the records.
    """
    try:
        with file.open("rb") as opened:
            start = opened.peek(4)
            encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), "utf-8")
            with TextIOWrapper(opened, encoding=encoding, newline="") as lines:
                yield from _split(lines, problems, has_comments)
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read ({error.strerror}).") from None
    except UnicodeError:
        raise WrongUsage(f"{file} is not written in UTF-8; save it as CSV UTF-8.") from None


def _split(
    lines: Iterable[str], problems: list[tuple[int, str]], has_comments: Callable[[], bool]
) -> Iterator[tuple[int, list[str]]]:
    first, is_inside = 0, False

    def read_lines() -> Iterator[str]:
        """Yields all lines of a record; between two records, neither blank lines nor comments."""
        nonlocal first, is_inside
        for number, line in enumerate(lines, start=1):
            text = line.strip(_BLANKS)
            if is_inside or (text and not (has_comments() and text.startswith("#"))):
                first, is_inside = first if is_inside else number, True
                yield line

    remaining = read_lines()
    heading = next(remaining, "")
    # Spreadsheets of some countries separate by semicolons, and may say so in a line of its own.
    if named := re.fullmatch(rf"sep=([{_SEPARATORS}])\s*", heading, re.IGNORECASE):
        separator, is_inside = named[1], False
    else:
        separator = _separator_of(heading)
        remaining = chain([heading], remaining)
    reader = csv.reader(remaining, delimiter=separator, strict=True)
    try:
        for record in reader:
            cells = [from_spreadsheet(cell.strip(_BLANKS)).strip(_BLANKS) for cell in record]
            if any(cells):
                yield first, cells
            is_inside = False
    except csv.Error as error:
        is_open = "unexpected end" in str(error) or "field limit" in str(error)
        problem = "a double quote is never closed" if is_open else "text follows a closing double quote"
        problems.append((first, f"{problem}; the lines after it were not read"))


def _separator_of(heading: str) -> str:
    """Returns the separator that gives most cells, at best one with the name of a known column."""
    outside = re.sub(r'"[^"]*"', "", heading)

    def fit(separator: str) -> tuple[bool, int, int]:
        names = {_heading(cell.strip(_BLANKS + '"')) for cell in heading.split(separator)}
        begin = outside.partition(separator)[0]
        return bool(names & {*PERSON_COLUMNS, "email"}), outside.count(separator), -len(begin)

    return max(_SEPARATORS, key=fit)

"""`campaign visitors`: who follows, with the labels a marketer knows."""

import csv
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import pendulum
import typer
from sqlmodel import Session

from campaign.audience import visitors as people
from campaign.audience.conditions import Condition, parse
from campaign.audience.visitors import Selection, VisitorRow
from campaign.cli import output
from campaign.db import engine
from campaign.db.engine import reading
from campaign.errors import WrongUsage

#: A person reads no more; scripts get everything.
_SHOWN = 50


def visitors(
    service: Annotated[str | None, typer.Option(help="Only followers of this service.")] = None,
    new_since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Following since then (UTC).")
    ] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those who no longer follow.")] = False,
    where: Annotated[
        str | None, typer.Option(help='Only those who fulfil this, such as "followers_count > 50 and verified".')
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    count: Annotated[bool, typer.Option("--count", help="Only how many.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="All of them, comma separated.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of them, as one JSON document.")] = False,
) -> None:
    """List visitors, the newest followers first."""
    if as_csv and (as_json or count):
        raise WrongUsage(f"Choose --csv or --{'json' if as_json else 'count'}; both do not fit into one output.")
    if count and limit:
        raise WrongUsage("Choose --count or --limit; all of them are counted.")
    condition = None if where is None else parse(where)
    engine.make_ready()
    with reading() as session:
        selection = _narrowed(people.selection_of(session, service, new_since, ended=ended), condition)
        if count:
            _print_count(people.count_visitors(session, selection), as_json=as_json)
        else:
            _print_visitors(session, selection, limit, as_csv=as_csv, as_json=as_json)


def _narrowed(selection: Selection, condition: Condition | None) -> Selection:
    return people.narrowed(selection, condition, pendulum.now("UTC")) if condition else selection


def _print_count(count: int, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"count": count})
    else:
        print(count)  # noqa: T201


def _print_visitors(session: Session, selection: Selection, limit: int | None, *, as_csv: bool, as_json: bool) -> None:
    if as_csv:
        _print_csv(people.select_visitors(session, selection, limit))
    elif as_json:
        output.print_json([row.as_json() for row in people.select_visitors(session, selection, limit)])
    else:
        output.print_table([row.as_row() for row in people.select_visitors(session, selection, limit or _SHOWN)])
        _say_how_many(people.count_visitors(session, selection), limit or _SHOWN)


def _print_csv(rows: Iterable[VisitorRow]) -> None:
    writer = csv.DictWriter(sys.stdout, VisitorRow.LABELS.values())
    writer.writeheader()
    writer.writerows(row.as_csv() for row in rows)


def _say_how_many(count: int, shown: int) -> None:
    output.say(
        f"{count:,} visitor{'' if count == 1 else 's'}" + (f", the first {shown} shown." if count > shown else ".")
    )

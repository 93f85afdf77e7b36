"""`campaign visitors`: who follows, with the labels a marketer knows."""

import csv
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import typer

from campaign.cli import output
from campaign.errors import WrongUsage
from campaign.store import schema
from campaign.store import visitors as people
from campaign.store.engine import reading
from campaign.store.visitors import VisitorRow

#: A person reads no more; scripts get everything.
_SHOWN = 50


def visitors(
    service: Annotated[str | None, typer.Option(help="Only followers of this service.")] = None,
    new_since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Following since then (UTC).")
    ] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those who no longer follow.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="All of them, comma separated.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of them, as one JSON document.")] = False,
) -> None:
    """List visitors, the newest followers first."""
    if as_csv and as_json:
        raise WrongUsage("Choose --csv or --json; both do not fit into one output.")
    schema.make_ready()
    with reading() as session:
        selection = people.selection_of(session, service, new_since, ended=ended)
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

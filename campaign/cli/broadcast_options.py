"""The options of `campaign delivery` that only a broadcast of direct messages has."""

from typing import Annotated

import typer

from models import Priority

Where = Annotated[
    str | None, typer.Option(help='Only those who fulfil this, such as "followers_count > 50"; empty for everybody.')
]
ExceptWhere = Annotated[str | None, typer.Option(help="Nobody who fulfils this.")]
PeopleList = Annotated[
    str | None,
    typer.Option("--list", metavar="FILE", help="Only those in this file, by handle or X user id; one a line, or CSV."),
]
RecipientsOf = Annotated[str | None, typer.Option(metavar="NAME", help="Only those who got this broadcast.")]
NotIfReceived = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Nobody who got this broadcast; repeat for more.")
]
LimitTo = Annotated[str | None, typer.Option(metavar="N", help="At most so many people in all; empty for no limit.")]
PriorityOption = Annotated[Priority | None, typer.Option("--priority", help="Which broadcast of a service goes first.")]
WaveSize = Annotated[str | None, typer.Option(metavar="500|25%", help="How many messages a wave has; empty for one.")]
WaveEvery = Annotated[str | None, typer.Option(metavar="1d|6h|30m", help="How long after the wave before one begins.")]
Wave = Annotated[
    list[str] | None, typer.Option(metavar="AFTER:SIZE", help="A wave of a calendar, such as 1d:500; repeat for more.")
]
AcceptUnconsented = Annotated[
    bool, typer.Option("--accept-unconsented", help="Also those in it who never agreed to be written to.")
]
To = Annotated[str | None, typer.Option(metavar="HANDLE", help="Whose message, of a broadcast.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only what did not arrive, and whom a broadcast left out.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="All of it, comma separated.")]

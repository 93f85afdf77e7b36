"""The options of `campaign service`: the fields of the form."""

from typing import Annotated

import typer

from models import ApiVersion

Handle = Annotated[str, typer.Argument(metavar="HANDLE", help="The handle of the X account, without the @.")]
Label = Annotated[str | None, typer.Option(help="The name read in lists and reports.")]
Folder = Annotated[str | None, typer.Option(help="Visitor folder.")]
Synchronize = Annotated[bool | None, typer.Option("--synchronize/--no-synchronize", help="Part of the account sync.")]
Proof = Annotated[bool | None, typer.Option("--proof/--no-proof", help="A private test account for proofs.")]
Version = Annotated[ApiVersion | None, typer.Option(help="Which of X's APIs.")]
Owned = Annotated[bool | None, typer.Option("--owned/--not-owned", help="This account owns the developer app.")]
Cap = Annotated[float | None, typer.Option(min=0, help="US dollars in a calendar month.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


ConsumerKey = Annotated[str | None, typer.Option(envvar="CAMPAIGN_CONSUMER_KEY", help="Asked for where missing.")]
ConsumerSecret = Annotated[str | None, typer.Option(envvar="CAMPAIGN_CONSUMER_SECRET", help="Asked for where missing.")]
AccessToken = Annotated[str | None, typer.Option(envvar="CAMPAIGN_ACCESS_TOKEN", help="Asked for where missing.")]
AccessTokenSecret = Annotated[
    str | None, typer.Option(envvar="CAMPAIGN_ACCESS_TOKEN_SECRET", help="Asked for where missing.")
]
NewKeys = Annotated[
    bool, typer.Option("--keys", help="Replace the four keys: from CAMPAIGN_CONSUMER_KEY and so on, or asked for.")
]

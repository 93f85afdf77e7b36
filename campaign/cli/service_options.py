"""The options of `campaign service`: the fields of the form."""

from typing import Annotated

import typer

from models import ApiVersion, MessagePolicy

Handle = Annotated[str, typer.Argument(metavar="HANDLE", help="The handle of the X account, without the @.")]
Label = Annotated[str | None, typer.Option(help="The name read in lists and reports.")]
Folder = Annotated[str | None, typer.Option(help="Visitor folder.")]
Synchronize = Annotated[bool | None, typer.Option("--synchronize/--no-synchronize", help="Part of the account sync.")]
Proof = Annotated[bool | None, typer.Option("--proof/--no-proof", help="A private test account for proofs.")]
Version = Annotated[ApiVersion | None, typer.Option(help="Which of X's APIs.")]
Owned = Annotated[bool | None, typer.Option("--owned/--not-owned", help="This account owns the developer app.")]
Cap = Annotated[float | None, typer.Option(min=0, help="US dollars in a calendar month.")]

Policy = Annotated[MessagePolicy | None, typer.Option("--message-policy", help="Whom direct messages go to.")]
OptOutLine = Annotated[str | None, typer.Option(help="Ends direct messages; empty for none.")]
FrequencyCap = Annotated[int | None, typer.Option(min=0, help="Direct messages to one person; 0 for no cap.")]
FrequencyDays = Annotated[int | None, typer.Option(min=1, max=365, help="Days in which that cap counts.")]
QuietHours = Annotated[str | None, typer.Option(help="No direct messages then, as in 22:00-08:00; empty for none.")]
TimeZone = Annotated[str | None, typer.Option("--timezone", help="Of the quiet hours; empty for CAMPAIGN_TIMEZONE.")]
DailyLimit = Annotated[int | None, typer.Option(min=0, help="Direct messages in 24 hours; 0 for X's limit.")]

JoinPurpose = Annotated[str | None, typer.Option(help="Why people are asked to share their profile; empty: nobody is.")]
AsksEmail = Annotated[bool | None, typer.Option("--asks-email/--no-asks-email", help="Ask for the email address too.")]
Reconciliation = Annotated[
    str | None, typer.Option(help="How known contacts are found: some of x_user_id, email, username; - for none.")
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

ConsumerKey = Annotated[str | None, typer.Option(envvar="CAMPAIGN_CONSUMER_KEY", help="Asked for where missing.")]
ConsumerSecret = Annotated[str | None, typer.Option(envvar="CAMPAIGN_CONSUMER_SECRET", help="Asked for where missing.")]
AccessToken = Annotated[str | None, typer.Option(envvar="CAMPAIGN_ACCESS_TOKEN", help="Asked for where missing.")]
AccessTokenSecret = Annotated[
    str | None, typer.Option(envvar="CAMPAIGN_ACCESS_TOKEN_SECRET", help="Asked for where missing.")
]
ClientId = Annotated[str | None, typer.Option(envvar="CAMPAIGN_CLIENT_ID", help="Of OAuth 2.0; for sharing profiles.")]
ClientSecret = Annotated[str | None, typer.Option(envvar="CAMPAIGN_CLIENT_SECRET", help="Of OAuth 2.0 too.")]
NewKeys = Annotated[
    bool, typer.Option("--keys", help="Replace the four keys: from CAMPAIGN_CONSUMER_KEY and so on, or asked for.")
]

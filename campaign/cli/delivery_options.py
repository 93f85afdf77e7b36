"""The options of `campaign delivery`: what a person says of a delivery."""

from enum import StrEnum
from typing import Annotated

import typer

from models import ApprovalMode, DeliveryKind, DeliveryState

LONGEST_VALIDITY = 60


class WhoMayReply(StrEnum):
    """X's choices, and the one it makes when none is told."""

    EVERYBODY = "everybody"
    FOLLOWING = "following"
    MENTIONED = "mentionedUsers"
    SUBSCRIBERS = "subscribers"
    VERIFIED = "verified"


Name = Annotated[str, typer.Argument(metavar="NAME", help="The internal name of the delivery.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

Kind = Annotated[DeliveryKind | None, typer.Option(help="A post, or a broadcast of direct messages.")]
Services = Annotated[list[str] | None, typer.Option("--service", help="An account it goes out on; repeat for more.")]
FirstText = Annotated[str | None, typer.Option("--text", help="The post, the first part of a thread, the message.")]
MoreParts = Annotated[list[str] | None, typer.Option("--part", help="One more part of a thread; repeat for more.")]
Media = Annotated[list[str] | None, typer.Option(help="A path or https address; 2:PATH belongs to the second part.")]
Alt = Annotated[list[str] | None, typer.Option(help="What the file shows; one for each --media, in order.")]
Proof = Annotated[
    list[str] | None,
    typer.Option(help="The service that gets the proofs of a post, a person who gets those of a broadcast."),
]
At = Annotated[str | None, typer.Option(help="Not before then, as in 2026-12-24T09:00; empty for at once.")]
Label = Annotated[str | None, typer.Option(help="The name read in lists and reports.")]
Code = Annotated[str | None, typer.Option(help="Your own code of the campaign.")]
Description = Annotated[str | None, typer.Option(help="What it is for; not sent.")]
Template = Annotated[str | None, typer.Option(help="What it starts from; options count before it.")]
Approval = Annotated[ApprovalMode | None, typer.Option(help="Who says yes.")]
Validity = Annotated[
    int | None,
    typer.Option("--validity", min=1, max=LONGEST_VALIDITY, help="Days in which it may still go out."),
]
Tracking = Annotated[
    bool | None, typer.Option("--tracking/--no-tracking", help="Whether the clicks on its links are counted.")
]
Links = Annotated[
    list[str] | None, typer.Option("--link", help="A link of the text that gets a name; repeat for more.")
]
LinkLabels = Annotated[
    list[str] | None, typer.Option("--link-label", help="What reports call it; one for each --link, in order.")
]
LinkCategories = Annotated[
    list[str] | None,
    typer.Option("--link-category", help="What reports add it up with; one for each --link, in order."),
]
UntrackedLinks = Annotated[
    list[str] | None, typer.Option("--link-untracked", help="A link whose clicks are not counted; repeat for more.")
]
Replies = Annotated[WhoMayReply | None, typer.Option("--reply-settings", help="Who may answer.")]
Poll = Annotated[list[str] | None, typer.Option(help="An answer of a poll in the first part; two to four of them.")]
PollMinutes = Annotated[int | None, typer.Option(min=5, max=10_080, help="How long the poll is open.")]
Paid = Annotated[
    bool | None, typer.Option("--paid-partnership/--no-paid-partnership", help="X marks it as advertising.")
]

State = Annotated[DeliveryState | None, typer.Option(help="Only those in this state.")]
OneService = Annotated[str | None, typer.Option("--service", help="Only those to this service.")]
Since = Annotated[str | None, typer.Option(help="Only those made since then, as in 2026-11-01.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many, the newest.")]
Comment = Annotated[str, typer.Option(help="Kept with the answer.")]
As = Annotated[str | None, typer.Option("--as", help="Who answers; you, as this machine knows you, when left out.")]
Like = Annotated[str | None, typer.Option("--as", metavar="HANDLE", help="As this person gets it; broadcasts only.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

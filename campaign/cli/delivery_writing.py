"""`campaign delivery create` and `edit`: what goes out, where and when."""

from typing import Any

from campaign.cli import output
from campaign.cli.connection import connected_to_prefect
from campaign.cli.delivery_drafts import check_given, revised
from campaign.cli.delivery_options import (
    Alt,
    Approval,
    AsJson,
    At,
    Code,
    Description,
    FirstText,
    Kind,
    Label,
    Media,
    MoreParts,
    Name,
    Paid,
    Poll,
    PollMinutes,
    Proof,
    Replies,
    Services,
    Template,
    Tracking,
    Validity,
)
from campaign.cli.delivery_showing import make_ready
from campaign.domain.drafts import Draft
from campaign.errors import WrongUsage
from campaign.store import deliveries, templates
from campaign.store.engine import reading


def create(
    kind: Kind = None,
    service: Services = None,
    text: FirstText = None,
    part: MoreParts = None,
    media: Media = None,
    alt: Alt = None,
    proof: Proof = None,
    at: At = None,
    label: Label = None,
    code: Code = None,
    description: Description = None,
    template: Template = None,
    approval: Approval = None,
    validity: Validity = None,
    tracking: Tracking = None,
    reply_settings: Replies = None,
    poll: Poll = None,
    poll_minutes: PollMinutes = None,
    paid_partnership: Paid = None,
    as_json: AsJson = False,
) -> None:
    """Make a delivery; nothing goes out before it is analysed and confirmed."""
    given = _given(locals())
    make_ready()
    from tasks.templates import template_for

    start = template_for(kind, template)
    check_given({"kind": start.kind})
    draft = revised(templates.draft_of(start), given)
    _check_complete(draft)
    with connected_to_prefect():
        from tasks.composing import compose, somebody

        made = compose(draft, actor=somebody(), template=start.name)
    if as_json:
        output.print_json({"name": made.name})
    else:
        output.print_table([{"Delivery": made.name, "State": "being edited"}])
    output.say(f"Saved. Now look at it: campaign delivery analyse {made.name}")


def edit(
    name: Name,
    kind: Kind = None,
    service: Services = None,
    text: FirstText = None,
    part: MoreParts = None,
    media: Media = None,
    alt: Alt = None,
    proof: Proof = None,
    at: At = None,
    label: Label = None,
    code: Code = None,
    description: Description = None,
    approval: Approval = None,
    validity: Validity = None,
    tracking: Tracking = None,
    reply_settings: Replies = None,
    poll: Poll = None,
    poll_minutes: PollMinutes = None,
    paid_partnership: Paid = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given of a delivery and keep the rest; its analysis and its confirmation no longer count."""
    given = _given(locals())
    if given.keys() <= {"kind"}:
        raise WrongUsage("Nothing is to be changed; name it with options: campaign delivery edit --help")
    make_ready()
    with reading() as session:
        draft = revised(deliveries.draft_of(session, deliveries.named(session, name)), given)
    with connected_to_prefect():
        from tasks.composing import recompose, somebody

        changed = recompose(name, draft, actor=somebody())
    if as_json:
        output.print_json({"name": name, "state": changed.state.value})
    else:
        output.print_table([{"Delivery": name, "State": "being edited"}])
    output.say(f"Changed. Now look at it: campaign delivery analyse {name}")


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    left_out = {"name", "template", "as_json"}
    given = {name: value for name, value in arguments.items() if value is not None and name not in left_out}
    check_given(given)
    return given


def _check_complete(draft: Draft) -> None:
    if not draft.services:
        raise WrongUsage("Nobody is to post it; name an account with --service.")
    if not draft.content.parts:
        raise WrongUsage("There is nothing to post; write it with --text.")

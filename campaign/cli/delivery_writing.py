"""`campaign delivery create`: what goes out, where, to whom and when."""

from campaign.cli import output
from campaign.cli.broadcast_drafts import check_named
from campaign.cli.broadcast_options import (
    ExceptWhere,
    LimitTo,
    NotIfReceived,
    PeopleList,
    PriorityOption,
    RecipientsOf,
    Wave,
    WaveEvery,
    WaveSize,
    Where,
)
from campaign.cli.connection import connected_to_prefect
from campaign.cli.delivery_drafts import revised
from campaign.cli.delivery_kinds import given_of
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
    LinkCategories,
    LinkLabels,
    Links,
    Media,
    MoreParts,
    Paid,
    Poll,
    PollMinutes,
    Proof,
    Replies,
    Services,
    Template,
    Tracking,
    UntrackedLinks,
    Validity,
)
from campaign.cli.delivery_ready import make_ready
from campaign.domain.drafts import Draft
from campaign.errors import WrongUsage
from campaign.store import templates
from campaign.store.engine import reading
from models import DeliveryKind


def create(
    kind: Kind = None,
    service: Services = None,
    text: FirstText = None,
    part: MoreParts = None,
    media: Media = None,
    alt: Alt = None,
    proof: Proof = None,
    where: Where = None,
    except_where: ExceptWhere = None,
    people_list: PeopleList = None,
    recipients_of: RecipientsOf = None,
    not_if_received: NotIfReceived = None,
    limit_to: LimitTo = None,
    priority: PriorityOption = None,
    wave_size: WaveSize = None,
    wave_every: WaveEvery = None,
    wave: Wave = None,
    at: At = None,
    label: Label = None,
    code: Code = None,
    description: Description = None,
    template: Template = None,
    approval: Approval = None,
    validity: Validity = None,
    tracking: Tracking = None,
    link: Links = None,
    link_label: LinkLabels = None,
    link_category: LinkCategories = None,
    link_untracked: UntrackedLinks = None,
    reply_settings: Replies = None,
    poll: Poll = None,
    poll_minutes: PollMinutes = None,
    paid_partnership: Paid = None,
    as_json: AsJson = False,
) -> None:
    """Make a delivery; nothing goes out before it is analysed and confirmed."""
    given = given_of(locals())
    make_ready()
    from tasks.templates import template_for

    start = template_for(kind, template)
    draft = revised(templates.draft_of(start), given)
    _check_complete(draft)
    with reading() as session:
        check_named(session, draft)
    with connected_to_prefect():
        from tasks.composing import compose, somebody

        made = compose(draft, actor=somebody(), template=start.name)
    if as_json:
        output.print_json({"name": made.name})
    else:
        output.print_table([{"Delivery": made.name, "State": "being edited"}])
    output.say(f"Saved. Now look at it: campaign delivery analyse {made.name}")


def _check_complete(draft: Draft) -> None:
    verb = "post" if draft.kind is DeliveryKind.POST else "send"
    if not draft.services:
        raise WrongUsage(f"Nobody is to {verb} it; name an account with --service.")
    if not draft.content.parts:
        raise WrongUsage(f"There is nothing to {verb}; write it with --text.")

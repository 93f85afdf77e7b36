"""`campaign delivery edit`: what is given is changed, the rest is kept."""

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
    Name,
    Paid,
    Poll,
    PollMinutes,
    Proof,
    Replies,
    Services,
    Tracking,
    UntrackedLinks,
    Validity,
)
from campaign.cli.delivery_ready import make_ready
from campaign.errors import WrongUsage
from campaign.store import deliveries, drafts
from campaign.store.engine import reading
from models import DeliveryKind


def edit(
    name: Name,
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
    """Change what is given of a delivery and keep the rest; its analysis and its confirmation no longer count."""
    given = given_of(locals())
    if given.keys() <= {"kind"}:
        raise WrongUsage("Nothing is to be changed; name it with options: campaign delivery edit --help")
    make_ready()
    with reading() as session:
        known = drafts.draft_of(session, deliveries.named(session, name))
        _check_same(name, known.kind, kind)
        draft = revised(known, given)
        check_named(session, draft, name)
    with connected_to_prefect():
        from tasks.composing import recompose, somebody

        changed = recompose(name, draft, actor=somebody())
    if as_json:
        output.print_json({"name": name, "state": changed.state.value})
    else:
        output.print_table([{"Delivery": name, "State": "being edited"}])
    output.say(f"Changed. Now look at it: campaign delivery analyse {name}")


def _check_same(name: str, kind: DeliveryKind, wanted: DeliveryKind | None) -> None:
    if wanted not in {None, kind}:
        raise WrongUsage(f"{name} is of the kind {kind.value} and stays it; make another delivery with --kind.")

"""A broadcast from its draft to its first message, made as the commands make it."""

from collections.abc import Sequence

from benchmarks.brand import Brand
from benchmarks.syncing import sync_once
from campaign.broadcasts.context import BroadcastSender, OnChange, sender_for
from campaign.broadcasts.prepare import analyse_delivery
from campaign.broadcasts.send import begin_broadcast, outgoing_broadcasts, records_of, under_way
from campaign.deliveries.approval import compose
from campaign.deliveries.draft import Audience, Broadcast, Content, Draft, Part
from campaign.deliveries.kind import Analysed, Rendered
from campaign.kinds import confirm
from campaign.services.store import find_service
from models import DeliveryKind

TEXT = (
    "Hello {{ visitor.full_name | default('there') }}, our winter sale begins today. See you at the harbour!\n\n"
    "Reply STOP to stop these messages."
)
_ACTOR = "bench"


def composed(services: Sequence[str], audience: Audience | None = None) -> str:
    """A new broadcast to the followers of these services; its name."""
    draft = Draft(
        kind=DeliveryKind.DM,
        label="Winter sale",
        services=list(services),
        content=Content(parts=[Part(text=TEXT)]),
        broadcast=Broadcast(audience=audience or Audience()),
    )
    return compose(draft, actor=_ACTOR).name


def confirmed(name: str) -> Analysed[Rendered]:
    """Analyse a broadcast and say yes to it."""
    found = analyse_delivery(name, _ACTOR)
    confirm(name, _ACTOR, accept_unconsented=True)
    return found


def begun(brand: Brand) -> str:
    """A broadcast to all followers of an account that goes out now."""
    sync_once(brand)
    name = composed([brand.username])
    confirmed(name)
    begin_broadcast(name, _ACTOR)
    return name


def desk_for(brand: Brand, on_change: OnChange) -> BroadcastSender:
    """The sender that a run sends from."""
    service, going = find_service(brand.username), under_way()
    return sender_for(service, outgoing_broadcasts(service, going, records_of(going)), on_change)

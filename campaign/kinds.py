"""The two kinds of delivery, by what is done with both; each is imported where a delivery is of that kind."""

from typing import TYPE_CHECKING

import pendulum

from campaign.db.engine import reading, writing
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.findings import Analysis
from campaign.deliveries.kind import Rendered
from campaign.deliveries.progress import Progress
from campaign.errors import NotPossible
from models import Delivery, DeliveryKind, DeliveryState

if TYPE_CHECKING:
    from campaign.posts.publish import Steps


def render(name: str) -> Rendered:
    """Renders a delivery as it would go out now, without analysing it."""
    with reading() as session:
        is_broadcast = deliveries.named(session, name).kind is DeliveryKind.DM
    if is_broadcast:
        from campaign.broadcasts.prepare import render_broadcast

        return render_broadcast(name)
    from campaign.posts.prepare import render_post

    return render_post(name)


def confirm(name: str, actor: str, comment: str = "", *, accept_unconsented: bool = False) -> Delivery:
    """Say yes to a delivery as it was analysed; raises NotPossible when it was not, or has changed since.

    People in it who never agreed to be written to have to be accepted as such.
    """
    rendered = render(name)
    with writing() as session:
        delivery = deliveries.named(session, name)
        _check_accepted(delivery, accept_unconsented=accept_unconsented)
        is_same = deliveries.version_of(session, delivery) == rendered.version
        fingerprint = rendered.fingerprint if is_same else ""
        approval.confirm(session, delivery, fingerprint, actor, comment, pendulum.now("UTC"))
        if unconsented := unconsented_in(delivery):
            detail = f"{unconsented:,} recipients who never agreed were accepted."
            deliveries.note(session, delivery, "accepted", actor, pendulum.now("UTC"), detail)
        return delivery


def unconsented_in(delivery: Delivery) -> int:
    """How many recipients of an analysed delivery never agreed to be written to."""
    return Analysis.model_validate_json(delivery.analysis).unconsented if delivery.analysis else 0


def _check_accepted(delivery: Delivery, *, accept_unconsented: bool) -> None:
    unconsented = unconsented_in(delivery)
    if unconsented and not accept_unconsented and delivery.state is DeliveryState.ANALYSED:
        raise NotPossible(
            f"{unconsented:,} recipients of {delivery.name} never agreed to be written to, and X lets apps write only"
            " to people who wrote first or agreed: accept exactly that (--accept-unconsented), or set the service's"
            " message policy to consented_only and analyse again."
        )


def send_proof(name: str, actor: str, *, like: str = "", steps: "Steps | None" = None) -> Progress:
    """Sends the next proof of a delivery; `like` is the handle of the person as whom a broadcast is rendered.

    Raises NotPossible when it cannot be proved as it is, WrongUsage when a handle is unknown.
    """
    with reading() as session:
        is_broadcast = deliveries.named(session, name).kind is DeliveryKind.DM
    if is_broadcast:
        from campaign.broadcasts.proof import send_broadcast_proof

        return send_broadcast_proof(name, actor, like=like)
    from campaign.posts import publish

    return publish.send_proof(name, actor, steps or publish.DIRECT)

"""The two kinds of delivery; each is imported where a delivery is of that kind."""

import pendulum

from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.kind import Analysed, Kind, Rendered
from campaign.errors import NotPossible
from models import ApprovalMode, Delivery, DeliveryKind, DeliveryState


def kind_for(kind: DeliveryKind) -> Kind:
    """Returns what can be done with deliveries of a kind."""
    if kind is DeliveryKind.DM:
        from campaign.broadcasts.prepare import BroadcastKind

        return BroadcastKind()
    from campaign.posts.prepare import PostKind

    return PostKind()


def kind_of(name: str) -> Kind:
    """Returns the kind of a delivery; raises WrongUsage for an unknown name."""
    with read_session() as session:
        return kind_for(deliveries.named(session, name).kind)


def confirm(
    name: str, actor: str, comment: str = "", *, accept_unconsented: bool = False, shown: str | None = None
) -> Delivery:
    """Confirms a delivery as it was analysed; raises NotPossible when it was not, or has changed since.

    Where two people have to approve it, it stays analysed after the first. Recipients without consent have to be
    accepted explicitly. `shown` is the fingerprint of what the person saw, where it may have changed meanwhile.
    """
    rendered = kind_of(name).render(name)
    with transaction() as session:
        delivery = deliveries.named(session, name)
        if shown is not None and shown != delivery.analysed_fingerprint:
            raise NotPossible(f"{name} was changed or analysed again after it was shown to you; look at it again.")
        analysis = approval.saved_analysis(delivery, has_proof=False)
        if analysis.unconsented and not accept_unconsented and delivery.state is DeliveryState.ANALYSED:
            raise NotPossible(
                f"{delivery.name} has {analysis.consent_sentence}, and X lets apps write only to people"
                " who wrote first or agreed: accept exactly that (--accept-unconsented), or set the service's message"
                " policy to consented_only and analyse again."
            )
        is_same = deliveries.version_of(session, delivery) == rendered.version
        fingerprint = rendered.fingerprint if is_same else ""
        approval.confirm(session, delivery, fingerprint, actor, comment, pendulum.now("UTC"))
        if analysis.unconsented:
            detail = f"Accepted: {analysis.consent_sentence}."
            deliveries.note(session, delivery, "accepted", actor, pendulum.now("UTC"), detail)
        return delivery


def needs_no_person(analysed: Analysed[Rendered]) -> bool:
    """Returns whether a run may confirm a delivery: by its mode, what was found, and the rules of its services."""
    analysis, mode = analysed.analysis, analysed.rendered.draft.approval
    is_automatic = mode is ApprovalMode.AUTOMATIC or (mode is ApprovalMode.SEMI_AUTOMATIC and not analysis.has_warnings)
    # Only people accept recipients without consent, and are the other or the second person of a rule.
    if not is_automatic or not analysis.is_ok or analysis.unconsented:
        return False
    with read_session() as session:
        delivery = deliveries.get(session, analysed.rendered.delivery.id)
        return not approval.standing_of(session, delivery).rules.is_strict

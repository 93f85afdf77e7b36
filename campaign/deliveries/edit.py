"""Composing, changing, pausing and stopping deliveries, and recording by hand what became of a message."""

import getpass

import pendulum

from campaign.audience import visitors
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, log
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft, delivery_name
from campaign.deliveries.log import purpose_of
from campaign.errors import NotPossible, WrongUsage
from campaign.limits import spend_cap
from campaign.services.store import choose_services
from models import NO_VISITOR, Delivery, DeliveryState, Message, MessageState, Service


def current_user() -> str:
    """Returns the user of this session, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def compose(draft: Draft, *, actor: str, flow_run_id: str | None = None, template: str | None = None) -> Delivery:
    """Creates a delivery; raises WrongUsage when a service is unknown. A run started again finds the one it created."""
    services, proof = _services_of(draft)
    now = pendulum.now("UTC")
    with transaction() as session:
        if flow_run_id and (known := deliveries.composed_by(session, flow_run_id)):
            return known
        day = (draft.contact_date or now).date()
        taken = deliveries.names_like(session, f"{draft.kind.value}-{day.isoformat()}")
        name = delivery_name(draft.label, draft.kind, day, taken)
        return deliveries.create(
            session, draft, name, services, proof, actor=actor, now=now, template=template, flow_run_id=flow_run_id
        )


def recompose(name: str, draft: Draft, *, actor: str) -> Delivery:
    """Changes a delivery to what is described; its analysis and its confirmation are void."""
    services, proof = _services_of(draft)
    with transaction() as session:
        delivery = deliveries.named(session, name)
        deliveries.change(session, delivery, draft, services, proof, actor=actor, now=pendulum.now("UTC"))
        return delivery


def _services_of(draft: Draft) -> tuple[list[Service], Service | None]:
    names = [*draft.services, *([draft.proof_service] if draft.proof_service else [])]
    saved = {service.internal_name.lower(): service for service in (choose_services(names).services if names else [])}
    named = {name.lower(): saved[name.lower()] for name in draft.services}
    return list(named.values()), saved[draft.proof_service.lower()] if draft.proof_service else None


def reject(name: str, actor: str, comment: str = "") -> Delivery:
    """Rejects a delivery: it goes back to editing."""
    with transaction() as session:
        delivery = deliveries.named(session, name)
        approval.reject(session, delivery, actor, comment, pendulum.now("UTC"))
        return delivery


def pause(name: str, actor: str) -> Delivery:
    """Pauses a delivery until it is resumed; a call that is under way is finished."""
    return _move(name, DeliveryState.PAUSED, actor)


def resume(name: str, actor: str) -> Delivery:
    """Lets a paused delivery go on with the next run."""
    with transaction() as session:
        delivery = deliveries.named(session, name)
        if delivery.state is not DeliveryState.PAUSED:
            raise NotPossible(
                f"{name} is {delivery.state.value.replace('_', ' ')}; only a paused delivery can be resumed."
            )
        next_state = DeliveryState.IN_PROGRESS if delivery.started_at else DeliveryState.CONFIRMED
        deliveries.move(session, delivery, next_state, actor, pendulum.now("UTC"))
        return delivery


def resume_if_paused(name: str, actor: str) -> None:
    """Resumes a delivery if it is paused."""
    with read_session() as session:
        is_paused = deliveries.named(session, name).state is DeliveryState.PAUSED
    if is_paused:
        resume(name, actor)


def stop(name: str, actor: str) -> Delivery:
    """Stops a delivery for good; unknown outcomes are still looked up."""
    return _move(name, DeliveryState.STOPPED, actor)


def _move(name: str, state: DeliveryState, actor: str) -> Delivery:
    with transaction() as session:
        delivery = deliveries.named(session, name)
        deliveries.move(session, delivery, state, actor, pendulum.now("UTC"))
        if delivery.is_over:
            log.cancel_pending(session, delivery, pendulum.now("UTC"), "The delivery was stopped.")
        return delivery


def record_by_hand(name: str, actor: str, sent_id: str | None, to: str = "") -> Message:
    """Records the outcome of a part or message that no look-up found: out under `sent_id`, or (None) not out.

    `to` is the recipient; without it the first one is decided.
    """
    with transaction() as session:
        delivery = deliveries.named(session, name)
        visitor_id = visitors.named(session, to).id if to else None
        message, now = log.first(session, delivery, visitor_id), pendulum.now("UTC")
        if message is None:
            raise NotPossible(f"Nothing of {name}{f' to {to}' if to else ''} is uncertain.")
        if sent_id is None:
            spend_cap.release(session, message.service_id, purpose_of(message.id))
            log.record_outcome(session, message, MessageState.PENDING, now)
        else:
            if not sent_id.isdigit():
                raise WrongUsage(
                    f"Invalid id {sent_id!r} of a post or a message. Write the number at the end of its address."
                )
            if log.owned_ids(session, [sent_id]):
                raise WrongUsage(f"{sent_id} is in the log already.")
            spend_cap.charge_reserved(session, message.service_id, purpose_of(message.id))
            log.record_outcome(session, message, MessageState.SENT, now, x_id=sent_id)
        what = f"Message {message.id}" if message.visitor_id != NO_VISITOR else f"Part {message.part}"
        detail = f"{what} is {'on X as ' + sent_id if sent_id else 'not on X'}."
        deliveries.note(session, delivery, "settled", actor, now, detail)
        if delivery.is_over:
            log.cancel_pending(session, delivery, now, "The delivery is over.")
        return message

"""What a person decides of a delivery: yes or no, pause, go on, stop, or what became of a part."""

import pendulum
from sqlmodel import Session

from campaign.domain.findings import Analysis
from campaign.errors import NotPossible, WrongUsage
from campaign.store import approvals, deliveries, delivery_states, ledgers, messages, people, unsettled
from campaign.store.engine import reading, writing
from models import NOBODY, Delivery, DeliveryKind, DeliveryState, Message, MessageState
from tasks.composing import prepare
from tasks.marking import marked
from tasks.work import purpose_of


def confirm(name: str, actor: str, comment: str = "", *, accept_unconsented: bool = False) -> Delivery:
    """Say yes to a delivery as it was analysed; raises NotPossible when it was not, or has changed since.

    People in it who never agreed to be written to have to be accepted as such.
    """
    mark, stamp = _mark_of(name)
    with writing() as session:
        delivery = deliveries.named(session, name)
        _check_accepted(delivery, accept_unconsented=accept_unconsented)
        is_same = deliveries.stamp_of(session, delivery) == stamp
        approvals.confirm(session, delivery, mark if is_same else "", actor, comment, pendulum.now("UTC"))
        if unconsented := unconsented_in(delivery):
            detail = f"{unconsented:,} recipients who never agreed were accepted."
            delivery_states.note(session, delivery, "accepted", actor, pendulum.now("UTC"), detail)
        return delivery


def _mark_of(name: str) -> tuple[str, str]:
    with reading() as session:
        is_broadcast = deliveries.named(session, name).kind is DeliveryKind.DM
    if is_broadcast:
        broadcast = marked(name)
        return broadcast.mark, broadcast.stamp
    prepared = prepare(name)
    return prepared.fingerprint, prepared.stamp


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


def reject(name: str, actor: str, comment: str = "") -> Delivery:
    """Say no to a delivery: it is edited on."""
    with writing() as session:
        delivery = deliveries.named(session, name)
        approvals.reject(session, delivery, actor, comment, pendulum.now("UTC"))
        return delivery


def pause(name: str, actor: str) -> Delivery:
    """Let nothing more go out until it is resumed; a call that is under way is finished."""
    return _move(name, DeliveryState.PAUSED, actor)


def resume(name: str, actor: str) -> Delivery:
    """Let a paused delivery go on with the next run."""
    with writing() as session:
        delivery = deliveries.named(session, name)
        if delivery.state is not DeliveryState.PAUSED:
            words = delivery.state.value.replace("_", " ")
            raise NotPossible(f"{name} is {words}; only a paused delivery can be resumed.")
        state = DeliveryState.IN_PROGRESS if delivery.started_at else DeliveryState.CONFIRMED
        delivery_states.move(session, delivery, state, actor, pendulum.now("UTC"))
        return delivery


def take_up(name: str, actor: str) -> None:
    """Resume a delivery that somebody wants to go on, should it be paused."""
    with reading() as session:
        is_paused = deliveries.named(session, name).state is DeliveryState.PAUSED
    if is_paused:
        resume(name, actor)


def stop(name: str, actor: str) -> Delivery:
    """Let nothing more go out, ever; what may be out is still looked up."""
    return _move(name, DeliveryState.STOPPED, actor)


def _move(name: str, state: DeliveryState, actor: str) -> Delivery:
    with writing() as session:
        delivery = deliveries.named(session, name)
        delivery_states.move(session, delivery, state, actor, pendulum.now("UTC"))
        if delivery.is_over:
            messages.cancel_pending(session, delivery, pendulum.now("UTC"), "The delivery was stopped.")
        return delivery


def settle_by_hand(name: str, actor: str, sent_id: str | None, to: str = "") -> Message:
    """Decide the one part or message that nobody could find: it is out under `sent_id`, or (None) it is not.

    `to` says whose message it is; without it the first one is decided.
    """
    with writing() as session:
        delivery = deliveries.named(session, name)
        message = _the_uncertain_one(session, delivery, to)
        now = pendulum.now("UTC")
        if sent_id is None:
            ledgers.release(session, message.service_id, purpose_of(message))
            messages.settle(session, message, MessageState.PENDING, now)
        else:
            _check_id(session, sent_id)
            ledgers.keep(session, message.service_id, purpose_of(message))
            messages.settle(session, message, MessageState.SENT, now, x_id=sent_id)
        what = f"Message {message.id}" if message.visitor_id != NOBODY else f"Part {message.part}"
        detail = f"{what} is {'on X as ' + sent_id if sent_id else 'not on X'}."
        delivery_states.note(session, delivery, "settled", actor, now, detail)
        if delivery.is_over:
            messages.cancel_pending(session, delivery, now, "The delivery is over.")
        return message


def _the_uncertain_one(session: Session, delivery: Delivery, to: str) -> Message:
    visitor_id = people.named(session, to).id if to else None
    found = unsettled.first(session, delivery, visitor_id)
    if found is None:
        raise NotPossible(f"Nothing of {delivery.name}{f' to {to}' if to else ''} is uncertain.")
    return found


def _check_id(session: Session, x_id: str) -> None:
    if not x_id.isdigit():
        raise WrongUsage(f"{x_id!r} is no id of a post or a message; it is the number at the end of its address.")
    if messages.owned_ids(session, [x_id]):
        raise WrongUsage(f"{x_id} is in the log already.")

"""What a person decides of a delivery: yes or no, pause, go on, stop, or what became of a part."""

import pendulum
from sqlmodel import Session

from campaign.errors import NotPossible, WrongUsage
from campaign.store import approvals, deliveries, delivery_states, ledgers, messages
from campaign.store.engine import writing
from models import Delivery, DeliveryState, Message, MessageState
from tasks.composing import prepare
from tasks.work import purpose_of


def confirm(name: str, actor: str, comment: str = "") -> Delivery:
    """Say yes to a delivery as it was analysed; raises NotPossible when it was not, or has changed since."""
    prepared = prepare(name)
    with writing() as session:
        delivery = deliveries.get(session, prepared.delivery.id)
        is_same = deliveries.stamp_of(session, delivery) == prepared.stamp
        approvals.confirm(
            session, delivery, prepared.fingerprint if is_same else "", actor, comment, pendulum.now("UTC")
        )
        return delivery


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


def stop(name: str, actor: str) -> Delivery:
    """Let nothing more go out, ever; what may be out is still looked up."""
    return _move(name, DeliveryState.STOPPED, actor)


def _move(name: str, state: DeliveryState, actor: str) -> Delivery:
    with writing() as session:
        delivery = deliveries.named(session, name)
        delivery_states.move(session, delivery, state, actor, pendulum.now("UTC"))
        if delivery.is_over:
            messages.cancel_pending(session, delivery)
        return delivery


def settle_by_hand(name: str, actor: str, sent_id: str | None) -> Message:
    """Decide the one part that nobody could find: it is out under `sent_id`, or (None) it is not."""
    with writing() as session:
        delivery = deliveries.named(session, name)
        message = _the_uncertain_one(session, delivery)
        now = pendulum.now("UTC")
        if sent_id is None:
            ledgers.release(session, message.service_id, purpose_of(message))
            messages.settle(session, message, MessageState.PENDING, now)
        else:
            _check_id(session, sent_id)
            ledgers.keep(session, message.service_id, purpose_of(message))
            messages.settle(session, message, MessageState.SENT, now, x_id=sent_id)
        detail = f"Part {message.part} is {'on X as ' + sent_id if sent_id else 'not on X'}."
        delivery_states.note(session, delivery, "settled", actor, now, detail)
        return message


def _the_uncertain_one(session: Session, delivery: Delivery) -> Message:
    uncertain = [one for one in messages.of_delivery(session, delivery, None) if one.state is MessageState.UNCERTAIN]
    if not uncertain:
        raise NotPossible(f"Nothing of {delivery.name} is uncertain.")
    return uncertain[0]


def _check_id(session: Session, x_id: str) -> None:
    if not x_id.isdigit():
        raise WrongUsage(f"{x_id!r} is no id of a post; it is the number at the end of its address.")
    if messages.owned_ids(session, [x_id]):
        raise WrongUsage(f"The post {x_id} is in the log already.")

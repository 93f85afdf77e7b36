"""Proofs: exactly what will go out, sent to the proof service only, numbered, and withdrawn together."""

from dataclasses import replace

import pendulum

from campaign.errors import NotPossible, XError
from campaign.store import deliveries, delivery_states, ledgers, messages, services
from campaign.store.engine import reading, writing
from campaign.store.paid_calls import settle_failed_call
from models import Delivery, Message, MessageState, Service
from tasks.composing import Prepared
from tasks.linking import shorten_posts
from tasks.progress import Progress
from tasks.sending import publish_on
from tasks.services import check_service, gateway_of


def send_proof(prepared: Prepared, actor: str) -> Progress:
    """Send the next proof of an analysed delivery; raises NotPossible when there is no proof service or an error."""
    if prepared.draft.proof_service is None:
        raise NotPossible(f"{prepared.delivery.name} has no proof service; choose one, or confirm it without a proof.")
    if not prepared.analysis.is_ok or not prepared.rendered:
        raise NotPossible(f"{prepared.delivery.name} has errors; put them right, then send a proof.")
    service, number, stamp = _plan(prepared, actor)
    return publish_on(check_service(service), replace(prepared, stamp=stamp), number)


def _plan(prepared: Prepared, actor: str) -> tuple[Service, int, str]:
    """Give the proof its number and write its log."""
    with writing() as session:
        delivery = deliveries.get(session, prepared.delivery.id)
        service = services.get(session, delivery.proof_service_id or 0)
        delivery.proofs += 1
        shown = [part for part in prepared.rendered if part.service_id == prepared.rendered[0].service_id]
        parts, now = [replace(part, service_id=service.id) for part in shown], pendulum.now("UTC")
        messages.plan(session, delivery, parts, delivery.proofs)
        shorten_posts(session, delivery, parts, now, delivery.proofs)
        number, to = delivery.proofs, service.internal_name
        delivery_states.note(session, delivery, "proof", actor, now, f"Proof #{number} to {to}.")
        return service, delivery.proofs, deliveries.stamp_of(session, delivery)


def withdraw(name: str, actor: str, *, proofs: bool) -> int:
    """Delete from X what is out of a delivery, or of its proofs; the last part first. Returns how many posts."""
    with reading() as session:
        delivery = deliveries.named(session, name)
        log = [one for one in messages.of_delivery(session, delivery, None) if bool(one.proof_number) is proofs]
        out = [one for one in log if one.state is MessageState.SENT and not one.withdrawn_at]
        by_id = {service.id: service for service in services.all_known(session)}
    for message in reversed(out):
        _delete(by_id[message.service_id], delivery, message, actor)
    return len(out)


def _delete(service: Service, delivery: Delivery, message: Message, actor: str) -> None:
    """Delete one post; deleting it again does no harm, so a lost answer needs no look."""
    gateway, purpose = gateway_of(service), f"withdrawing message {message.id}"
    with writing() as session:
        if not ledgers.reserve(session, service.id, purpose, gateway.deletion_price, 1, pendulum.now("UTC")):
            raise NotPossible(f"This month's spend cap of {service.internal_name} is reached; raise it or wait.")
    try:
        answer = gateway.delete_post(message.x_id or "")
    except XError as error:
        settle_failed_call(service.id, purpose, error)
        raise
    with writing() as session:
        now, known = pendulum.now("UTC"), messages.get(session, message.id)
        ledgers.settle(session, service.id, purpose, answer.receipts, now)
        known.withdrawn_at = now
        detail = f"Part {message.part} on {service.internal_name} was deleted from X."
        delivery_states.note(session, delivery, "withdrawn", actor, now, detail)

"""Proofs of a broadcast: what one person of it would get, sent to the proof recipients only, numbered."""

import pendulum

from campaign.audience import visitors as people
from campaign.broadcasts import outbox, waves
from campaign.broadcasts.arm import arm, upload_file
from campaign.broadcasts.context import sender_for
from campaign.broadcasts.inbox import recover
from campaign.broadcasts.outbox import Span
from campaign.broadcasts.prepare import render_broadcast, text_for
from campaign.broadcasts.send import outgoing_broadcasts, records_of, send
from campaign.db.engine import Claim, claim, read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.kind import End, Progress, Rendered
from campaign.errors import NotPossible
from campaign.services.connection import check_if_due
from models import Delivery, MessageState, Service


def send_broadcast_proof(name: str, actor: str, *, like: str = "") -> Progress:
    """Sends the next proof, as the person `like` (a handle) or a sample would get it.

    Raises NotPossible when it has no recipient, WrongUsage when a handle is unknown.
    """
    broadcast = render_broadcast(name)
    if not broadcast.draft.broadcast.proof_recipients:
        raise NotPossible(f"{name} has no proof recipients; name some, or confirm it without a proof.")
    if not broadcast.services or not broadcast.draft.content.parts:
        raise NotPossible(f"{name} has errors; put them right, then send a proof.")
    service = check_if_due(broadcast.services[0])
    text = proof_text(broadcast, service, like)
    with claim(service.id, service.internal_name, Claim.MESSAGES):
        with transaction() as session:
            delivery = session.get_one(Delivery, broadcast.delivery.id, with_for_update=True)
            handles = broadcast.draft.broadcast.proof_recipients
            recipients = [people.named(session, handle).id for handle in dict.fromkeys(handles)]
            delivery.proofs += 1
            outbox.plan(session, delivery, service.id, recipients, text)
            detail = f"Proof #{delivery.proofs} to {', '.join(handles)}."
            deliveries.note(session, delivery, "proof", actor, pendulum.now("UTC"), detail)
            span = Span(delivery.id, service.id, proof_number=delivery.proofs)
        return _send(broadcast, service, span, len(recipients))


def proof_text(broadcast: Rendered, service: Service, like: str) -> str:
    """Returns the message as one person gets it."""
    with read_session() as session:
        if like:
            person = people.person_of(session, people.named(session, like).id)
        else:
            found = waves.samples(session, broadcast.delivery.id, service.id, seed=broadcast.delivery.id)
            if not found:
                raise NotPossible(f"{broadcast.delivery.name} has no recipients; analyse it, then send a proof.")
            person = found[-1][1]
    return text_for(broadcast.draft, service, broadcast.delivery.id).render(people.example_of(person))


def _send(broadcast: Rendered, service: Service, span: Span, expected: int) -> Progress:
    outgoing = outgoing_broadcasts(service, [broadcast], records_of([broadcast]))
    sender, proof = sender_for(service, outgoing), outgoing[broadcast.delivery.id]
    recover(sender)
    media_id = upload_file(sender, proof)
    if isinstance(media_id, Progress):
        return media_id
    armed = arm(sender, proof, span)
    if isinstance(armed, Progress):
        return armed
    if stop := send(sender, armed, media_id):
        return stop
    with read_session() as session:
        log = outbox.log_of(session, span)
    sent = sum(one.state is MessageState.SENT for one in log)
    if sent == expected:
        return sender.progress(End.OUT)
    reasons = " ".join(dict.fromkeys(one.reason for one in log if one.reason))
    return sender.progress(End.REFUSED, f"{sent} of {expected} proofs of {proof.name} are out. {reasons}".strip())

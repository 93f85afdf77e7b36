"""From an analysis to a confirmation: each is about one fingerprint, and void as soon as anything changes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import pendulum
from sqlmodel import Session, col, select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft, LoadedFile, RenderedPart
from campaign.deliveries.findings import Analysis
from campaign.deliveries.kind import Analysed, Rendered
from campaign.deliveries.store import EDITABLE, move, note, void
from campaign.errors import NotPossible
from models import Delivery, DeliveryState

#: The finding that is no longer true once a proof is out.
NO_PROOF_SENT = "no_proof_sent"
#: A question that is not answered for so long is taken back.
ANSWER_WITHIN = timedelta(days=3)


def record_analysis(
    session: Session, delivery: Delivery, analysis: str, fingerprint: str, *, is_ok: bool, actor: str, now: datetime
) -> None:
    """Keeps what an analysis found; without errors the delivery waits for a confirmation."""
    if delivery.state not in EDITABLE:
        raise NotPossible(f"{delivery.name} is {delivery.state} and is not analysed again.")
    if delivery.state is not DeliveryState.BEING_EDITED:
        void(session, delivery, "It is analysed again.", actor, now)
    delivery.analysis, delivery.analysed_at, delivery.reason = analysis, now, ""
    note(session, delivery, "analysis", actor, now, "No errors." if is_ok else "Errors were found.")
    if is_ok:
        delivery.analysed_fingerprint = fingerprint
        move(session, delivery, DeliveryState.ANALYSED, actor, now)


def save_analysis(session: Session, analysed: Analysed[Rendered], actor: str, now: datetime) -> Delivery:
    """Keeps what an analysis found; a delivery that changed meanwhile is not ready for a confirmation."""
    rendered, analysis = analysed.rendered, analysed.analysis
    delivery = deliveries.get(session, rendered.delivery.id)
    is_ok = analysis.is_ok and deliveries.version_of(session, delivery) == rendered.version
    record_analysis(
        session, delivery, analysis.model_dump_json(), rendered.fingerprint, is_ok=is_ok, actor=actor, now=now
    )
    return delivery


def saved_analysis(delivery: Delivery, *, has_proof: bool) -> Analysis:
    """Returns what the last analysis found, without the warning that a proof has settled since."""
    analysis = Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()
    if not has_proof:
        return analysis
    kept = [finding for finding in analysis.findings if finding.code != NO_PROOF_SENT]
    return analysis.model_copy(update={"findings": kept})


def ask(session: Session, delivery: Delivery, actor: str, now: datetime) -> None:
    """Notes that a person is asked for a confirmation from now on."""
    if delivery.asked_at is None:
        delivery.asked_at = now
        note(session, delivery, "asked", actor, now)


def confirm(session: Session, delivery: Delivery, fingerprint: str, actor: str, comment: str, now: datetime) -> None:
    """Records a confirmation of exactly what was analysed; raises NotPossible when that is not so."""
    if delivery.state is DeliveryState.CONFIRMED:
        raise NotPossible(f"{delivery.name} was confirmed by {delivery.confirmed_by} already.")
    if delivery.state is not DeliveryState.ANALYSED:
        raise NotPossible(
            f"{delivery.name} is {delivery.state.value.replace('_', ' ')}; only an analysed delivery can be confirmed."
        )
    if fingerprint != delivery.analysed_fingerprint:
        raise NotPossible(f"{delivery.name} has changed since its analysis; analyse it again, then confirm it.")
    move(session, delivery, DeliveryState.CONFIRMED, actor, now)
    delivery.confirmed_fingerprint, delivery.confirmed_at, delivery.confirmed_by = fingerprint, now, actor
    delivery.asked_at = None
    if comment:
        note(session, delivery, "comment", actor, now, comment)


def reject(session: Session, delivery: Delivery, actor: str, comment: str, now: datetime) -> None:
    """Records a rejection: the delivery goes back to editing."""
    if delivery.state is not DeliveryState.ANALYSED:
        raise NotPossible(f"{delivery.name} is {delivery.state} and cannot be rejected.")
    void(session, delivery, f"Rejected by {actor}." + (f" {comment}" if comment else ""), actor, now)


def return_unanswered(session: Session, now: datetime) -> list[Delivery]:
    """Takes back what was asked three days ago and never answered; returns those deliveries."""
    waiting = select(Delivery).where(
        col(Delivery.state) == DeliveryState.ANALYSED, col(Delivery.asked_at) <= now - ANSWER_WITHIN
    )
    unanswered = list(session.exec(waiting))
    for delivery in unanswered:
        void(session, delivery, "Nobody answered within 3 days.", "campaign", now)
    return unanswered


_NONE: Mapping[int, str] = MappingProxyType({})


def fingerprint(draft: Draft, rendered: Sequence[RenderedPart]) -> str:
    """64 hexadecimal digits of the delivery as it goes out; its label, code and description may change freely.

    The order of the accounts does not matter, that of the parts does, and files count by what is in them.
    """
    parts = sorted(rendered, key=lambda one: (one.service_id, one.part))
    document = {**_settings(draft), "proof_service": draft.proof_service, "parts": [_part(one) for one in parts]}
    return _mark(document)


def broadcast_fingerprint(
    draft: Draft,
    recipients_by_service: Mapping[int, int],
    unconsented: int,
    *,
    files: Sequence[LoadedFile] = (),
    opt_out_lines: Mapping[int, str] = _NONE,
) -> str:
    """64 hexadecimal digits of the broadcast: its text, whom it is for, how many that is on each service, its waves.

    Files count by where they are and, when given, by what is in them; opt-out lines by service.
    """
    document = {
        **_settings(draft),
        "content": draft.content.model_dump(mode="json", exclude={"links"}),
        "files": [_file(file) for file in files],
        "opt_out_lines": _by_service(opt_out_lines),
        "broadcast": draft.broadcast.model_dump(mode="json"),
        "priority": draft.priority.value,
        "recipients": _by_service(recipients_by_service),
        "unconsented": unconsented,
    }
    return _mark(document)


def _mark(document: Mapping[str, Any]) -> str:
    return sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _settings(draft: Draft) -> dict[str, Any]:
    """Returns what a post and a broadcast have in common."""
    # Only where it is one, so that whatever was confirmed before there were any still is.
    invitation = {"is_invitation": True} if draft.is_invitation else {}
    untracked = sorted(one.url for one in draft.content.links if not one.tracked)
    return {
        **invitation,
        **({"untracked": untracked} if untracked else {}),
        "kind": draft.kind.value,
        "contact_date": _moment(draft.contact_date),
        "validity_days": draft.validity_days,
        "approval": draft.approval.value,
        "tracking": draft.tracking,
    }


def _by_service(values: Mapping[int, Any]) -> dict[str, Any]:
    return {str(service_id): value for service_id, value in values.items()}


def _moment(moment: datetime | None) -> str | None:
    """Returns a moment in UTC; without a time zone, which the analysis refuses, as it was written."""
    if moment is None:
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()


def _part(part: RenderedPart) -> dict[str, Any]:
    return {
        "service": part.service_id,
        "part": part.part,
        "text": part.text,
        "files": [_file(file) for file in part.files],
        "poll": part.poll and part.poll.model_dump(mode="json"),
        "reply_settings": part.reply_settings and part.reply_settings.value,
        "paid_partnership": part.paid_partnership,
    }


def _file(file: LoadedFile) -> dict[str, Any]:
    return {name: value for name, value in asdict(file).items() if name in {"sha256", "alt_text", "media_type", "kind"}}


_CHANGED = "It changed after its confirmation; look at it again, then confirm it."


def start_delivery(session: Session, delivery: Delivery, fingerprint: str, actor: str, now: datetime) -> str | None:
    """Lets a confirmed delivery go out, or returns in one sentence why it may not."""
    if delivery.state not in {DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS}:
        words = delivery.state.value.replace("_", " ")
        return f"{delivery.name} is {words}; only a confirmed delivery can be sent."
    if delivery.confirmed_fingerprint != fingerprint:
        _take_back(session, delivery, now)
        return f"{delivery.name} changed after its confirmation; analyse and confirm it again."
    if deliveries.is_expired(delivery, now):
        log.cancel_pending(session, delivery, now, "The validity of the delivery ended.")
        deliveries.move(session, delivery, DeliveryState.EXPIRED, actor, now, "Its validity ended.")
        return f"The validity of {delivery.name} has ended."
    if delivery.state is DeliveryState.CONFIRMED:
        deliveries.move(session, delivery, DeliveryState.IN_PROGRESS, actor, now)
    return None


def _take_back(session: Session, delivery: Delivery, now: datetime) -> None:
    if delivery.state is DeliveryState.CONFIRMED:
        deliveries.void(session, delivery, _CHANGED, "campaign", now)
    else:
        deliveries.move(session, delivery, DeliveryState.FAILED, "campaign", now, _CHANGED)


def refuse_errors(name: str, analysis: "Analysis") -> None:
    """Raises NotPossible with every error that an analysis found."""
    if analysis.errors:
        raise NotPossible(f"{name} cannot go out: {' '.join(finding.sentence for finding in analysis.errors)}")


def due_deliveries() -> list[str]:
    """Returns the names of the deliveries whose time has come."""
    with transaction() as session:
        return [delivery.name for delivery in deliveries.due(session, pendulum.now("UTC"))]


def opens_at(name: str) -> datetime | None:
    """Returns the contact date of a confirmed delivery that is not due yet: it can still be changed until then."""
    with read_session() as session:
        delivery = deliveries.named(session, name)
    if delivery.state is not DeliveryState.CONFIRMED:
        return None
    is_early = delivery.contact_date is not None and delivery.contact_date > pendulum.now("UTC")
    return delivery.contact_date if is_early else None

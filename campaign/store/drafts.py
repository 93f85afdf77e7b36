"""Deliveries as a person describes them: made and changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col

from campaign.domain.broadcasts import Broadcast
from campaign.domain.content import Content
from campaign.domain.drafts import Draft
from campaign.errors import NotPossible
from campaign.store.deliveries import targets_of
from campaign.store.delivery_states import note, void
from models import Delivery, DeliveryKind, DeliveryState, DeliveryTarget, Service

EDITABLE = frozenset(
    {DeliveryState.BEING_EDITED, DeliveryState.ANALYSED, DeliveryState.CONFIRMED, DeliveryState.FAILED}
)


def create(
    session: Session,
    draft: Draft,
    name: str,
    services: Sequence[Service],
    proof: Service | None,
    *,
    actor: str,
    now: datetime,
    template: str | None = None,
    flow_run_id: str | None = None,
) -> Delivery:
    """Make a delivery that is being edited."""
    delivery = Delivery(name=name, template=template, flow_run_id=flow_run_id, created_at=now, **_columns(draft, proof))
    session.add(delivery)
    session.flush()
    _aim_at(session, delivery, services)
    note(session, delivery, "created", actor, now)
    return delivery


def change(
    session: Session,
    delivery: Delivery,
    draft: Draft,
    services: Sequence[Service],
    proof: Service | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Change what a delivery says; its analysis and its confirmation are void. Raises NotPossible once it goes out."""
    if delivery.state not in EDITABLE:
        raise NotPossible(f"{delivery.name} is {delivery.state} and cannot be changed any more.")
    changed = []
    for column, value in _columns(draft, proof).items():
        if getattr(delivery, column) != value:
            changed.append(column.removesuffix("_id").replace("_", " "))
            setattr(delivery, column, value)
    if {one.id for one in targets_of(session, delivery)} != {one.id for one in services}:
        changed.append("services")
        _aim_at(session, delivery, services)
    note(session, delivery, "changed", actor, now, f"Changed: {', '.join(changed) or 'nothing'}.")
    void(session, delivery, "It was changed.", actor, now)


def draft_of(session: Session, delivery: Delivery) -> Draft:
    """The delivery as a person describes it."""
    proof = session.get(Service, delivery.proof_service_id) if delivery.proof_service_id else None
    return Draft(
        kind=delivery.kind,
        label=delivery.label,
        code=delivery.code,
        description=delivery.description,
        services=[service.internal_name for service in targets_of(session, delivery)],
        proof_service=proof.internal_name if proof else None,
        content=Content.model_validate_json(delivery.content),
        contact_date=delivery.contact_date,
        validity_days=delivery.validity_days,
        approval=delivery.approval,
        tracking=delivery.tracking,
        is_invitation=delivery.is_invitation,
        broadcast=Broadcast.model_validate_json(delivery.broadcast) if delivery.broadcast else Broadcast(),
        priority=delivery.priority,
    )


def _columns(draft: Draft, proof: Service | None) -> dict[str, Any]:
    return {
        "label": draft.label,
        "code": draft.code,
        "description": draft.description,
        "kind": draft.kind,
        "proof_service_id": proof.id if proof else None,
        "content": draft.content.model_dump_json(),
        "contact_date": draft.contact_date,
        "validity_days": draft.validity_days,
        "approval": draft.approval,
        "tracking": draft.tracking,
        "is_invitation": draft.is_invitation,
        "broadcast": draft.broadcast.model_dump_json() if draft.kind is DeliveryKind.DM else "",
        "priority": draft.priority,
    }


def _aim_at(session: Session, delivery: Delivery, services: Sequence[Service]) -> None:
    session.execute(delete(DeliveryTarget).where(col(DeliveryTarget.delivery_id) == delivery.id))
    session.add_all(DeliveryTarget(delivery_id=delivery.id, service_id=service.id) for service in services)
    session.flush()

"""What is counted for the report of contacts won, each with one statement."""

from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnElement, distinct, func, select
from sqlmodel import Session, col

from campaign.domain.acquisition import Acquisition, Funnel, InvitationReport
from campaign.store import permission
from campaign.store.followers import count_followers
from models import (
    MAIN,
    NOBODY,
    Agreement,
    AgreementState,
    Delivery,
    DeliveryTarget,
    InvitationOpening,
    Message,
    ReconciledBy,
    Service,
)

_PERSON = func.count(distinct(col(Agreement.external_id)))


def acquisition_of(session: Session, service: Service) -> Acquisition:
    """The contacts that a service won, and what came of each of its invitations."""
    running = col(Agreement.state) == AgreementState.RECOVERED
    contacts = session.scalar(_agreements(service.id, _PERSON).where(running)) or 0
    still = select(col(Agreement.external_id)).where(
        col(Agreement.service_id) == service.id, col(Agreement.state) != AgreementState.WITHDRAWN
    )
    ended = _agreements(service.id, _PERSON).where(
        col(Agreement.state) == AgreementState.WITHDRAWN, col(Agreement.external_id).not_in(still)
    )
    return Acquisition(
        service=service.internal_name,
        label=service.label,
        followers=count_followers(session, service.id),
        contacts=contacts,
        withdrawn=session.scalar(ended) or 0,
        invitations=tuple(_invitations(session, service.id)),
    )


def _agreements(service_id: int, *columns: Any) -> Any:
    return select(*columns).where(col(Agreement.service_id) == service_id)


def _invitations(session: Session, service_id: int) -> list[InvitationReport]:
    funnels = _funnels(session, service_id)
    aimed = select(Delivery).join(DeliveryTarget, col(DeliveryTarget.delivery_id) == col(Delivery.id))
    chosen = aimed.where(col(DeliveryTarget.service_id) == service_id, col(Delivery.is_invitation))
    rows = [
        InvitationReport(
            each.name, each.label, each.kind, funnels.pop(each.id, Funnel()), each.started_at, each.finished_at
        )
        for each in session.scalars(chosen.order_by(col(Delivery.id).desc()))
    ]
    # Whatever has no invitation of this service: who found the page alone, or came with the link of another one.
    alone = sum(funnels.values(), Funnel())
    return [*rows, InvitationReport("", "Without an invitation", None, alone)] if alone != Funnel() else rows


def _funnels(session: Session, service_id: int) -> dict[int, Funnel]:
    """How far people came, by delivery."""
    steps: dict[int, dict[str, int]] = defaultdict(dict)
    for name, counted in _steps(service_id).items():
        for delivery_id, count in session.execute(counted):
            if count:
                steps[delivery_id][name] = count
    return {delivery_id: Funnel(**counts) for delivery_id, counts in steps.items()}


def _steps(service_id: int) -> dict[str, Any]:
    reached = (
        select(col(Message.delivery_id), func.count())
        .join(Delivery, col(Delivery.id) == col(Message.delivery_id))
        .where(
            col(Delivery.is_invitation),
            col(Message.service_id) == service_id,
            col(Message.visitor_id) != NOBODY,
            col(Message.proof_number) == MAIN,
            col(Message.state).in_(permission.REACHED_STATES),
        )
        .group_by(col(Message.delivery_id))
    )
    return {
        "invited": reached,
        "opened": _opened(service_id),
        "agreed": _agreed(service_id),
        "recovered": _agreed(service_id, col(Agreement.recovered_at).is_not(None)),
        "reconciled": _agreed(service_id, col(Agreement.reconciled_by) != ReconciledBy.NOTHING),
    }


def _opened(service_id: int) -> Any:
    """Only the people to whom this service wrote: a delivery may be that of several."""
    got = (col(Message.delivery_id) == col(InvitationOpening.delivery_id)) & (
        col(Message.visitor_id) == col(InvitationOpening.visitor_id)
    )
    opened = select(col(InvitationOpening.delivery_id), func.count()).join(Message, got)
    is_main = col(Message.proof_number) == MAIN
    of_service = opened.where(
        col(Message.service_id) == service_id, is_main, col(InvitationOpening.visitor_id) != NOBODY
    )
    return of_service.group_by(col(InvitationOpening.delivery_id))


def _agreed(service_id: int, *conditions: ColumnElement[bool]) -> Any:
    # NO_INVITATION is a number like that of a delivery: it gets a row of its own.
    return (
        _agreements(service_id, col(Agreement.delivery_id), _PERSON)
        .where(*conditions)
        .group_by(col(Agreement.delivery_id))
    )

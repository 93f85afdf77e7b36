"""People who follow services, for tests of who gets a broadcast."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlmodel import Session, col, select

from campaign.broadcasts import recipients, waves
from campaign.broadcasts.recipients import Target
from campaign.db.engine import read_session, transaction
from campaign.deliveries.draft import Audience
from models import MAIN, Delivery, Exclusion, Message, MessageState, Service, Subscription, Visitor
from tests.factories import NOW

A_DAY = timedelta(days=1)


def people(how_many: int, *services: Service, **changes: Any) -> list[int]:
    """People who follow these services; returns their visitor ids. Names may use {number}."""
    with transaction() as session:
        first = len(session.scalars(select(col(Visitor.id))).all()) + 1
        found = [_person(number, changes) for number in range(first, first + how_many)]
        session.add_all(found)
        session.flush()
        session.add_all(
            Subscription(service_id=service.id, visitor_id=each.id, began_at=NOW)
            for service in services
            for each in found
        )
        return [each.id for each in found]


def _person(number: int, changes: dict[str, Any]) -> Visitor:
    defaults: dict[str, Any] = {
        "external_id": str(1_000 + number),
        "username": f"person_{number}",
        "full_name": f"Person {number}",
        "folder": "Visitors",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Visitor(**{**defaults, **changes})


def do(change: Callable[[Session], object]) -> None:
    """One change, in a transaction of its own."""
    with transaction() as session:
        change(session)


def add(*rows: Any) -> None:
    with transaction() as session:
        session.add_all(rows)


def unfollow(service: Service, visitor_id: int) -> None:
    with transaction() as session:
        follows = col(Subscription.service_id) == service.id, col(Subscription.visitor_id) == visitor_id
        session.scalars(select(Subscription).where(*follows)).one().ended_at = NOW


def reached(delivery: Delivery, service: Service, visitor_id: int, days_ago: int = 0, **changes: Any) -> None:
    """A message that went out."""
    defaults: dict[str, Any] = {
        "delivery_id": delivery.id,
        "service_id": service.id,
        "visitor_id": visitor_id,
        "state": MessageState.SENT,
        "text": "Hello",
        "armed_at": NOW - days_ago * A_DAY,
    }
    add(Message(**{**defaults, **changes}))


def aimed(delivery: Delivery, service: Service, audience: Audience | None = None, **changes: Any) -> Target:
    """What a broadcast is aimed at."""
    with read_session() as session:
        defaults: dict[str, Any] = {"open_deliveries": waves.others_open(session, delivery.id)}
    return Target(delivery.id, service, audience or Audience(), NOW, **{**defaults, **changes})


def write(target: Target, unrenderable: tuple[int, ...] = (), room: int | None = None) -> dict[int, str]:
    """Write who gets it and who does not: by visitor, `pending` or the reason why not; the count is checked."""
    written = 0
    with transaction() as session:
        for within in recipients.visitor_ranges(session):
            judged = recipients.judge(session, target, within, unrenderable)
            written += recipients.write(session, target, judged, room)
    found = outcome(target)
    assert written == sum(why == "pending" for why in found.values())
    return found


def outcome(target: Target) -> dict[int, str]:
    """Who gets it, as `pending`, and who does not and why, on one service; nobody stands on both sides."""
    with read_session() as session:
        rows = select(Message).where(
            col(Message.delivery_id) == target.delivery_id,
            col(Message.service_id) == target.service.id,
            col(Message.proof_number) == MAIN,
            col(Message.state) == MessageState.PENDING,
        )
        chosen = {row.visitor_id: row.state.value for row in session.scalars(rows)}
        left_out = select(Exclusion).where(
            col(Exclusion.delivery_id) == target.delivery_id, col(Exclusion.service_id) == target.service.id
        )
        excluded = {row.visitor_id: row.reason.value for row in session.scalars(left_out)}
        assert not chosen.keys() & excluded.keys()
        assert recipients.excluded(session, target.delivery_id, target.service.id) == _counted(excluded)
        return chosen | excluded


def _counted(reasons: dict[int, str]) -> dict[str, int]:
    found = list(reasons.values())
    return {reason: found.count(reason) for reason in found}

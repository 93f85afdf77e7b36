"""Deliveries that went out, and what came of them, written straight into the tables."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from campaign.db.engine import transaction
from campaign.deliveries import log as messages
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from campaign.statistics import counts
from campaign.statistics.counts import Engagement
from models import Click, Delivery, DeliveryKind, DeliveryState, Link, Message, MessageState, Service
from tests.factories import NOW

HOUR = timedelta(hours=1)


def went_out(
    service: Service,
    name: str,
    texts: tuple[str, ...] = ("Hello",),
    *,
    kind: DeliveryKind = DeliveryKind.POST,
    at: datetime = NOW,
    label: str = "",
    x_ids: Sequence[str] = (),
) -> Delivery:
    """A post or thread, or a broadcast to one person for each text, that went out at a moment."""
    with transaction() as session:
        draft = Draft(kind=kind, label=label)
        delivery = deliveries.create(session, draft, name, [service], None, actor="a test", now=at)
        delivery.state, delivery.started_at = DeliveryState.FINISHED, at
        for place, text in enumerate(texts, start=1):
            known = {"x_id": x_ids[place - 1]} if x_ids else {}
            message(session, delivery, service, place, text=text, at=at, **known)
    return delivery


def message(
    session: Session, delivery: Delivery, service: Service, place: int, *, text: str, at: datetime, **more: Any
) -> Message:
    is_post = delivery.kind is DeliveryKind.POST
    row = Message(
        delivery_id=delivery.id,
        service_id=service.id,
        visitor_id=0 if is_post else place,
        part=place if is_post else 1,
        text=text,
        **{
            "state": MessageState.SENT,
            "x_id": x_id_of(delivery, place),
            "armed_at": at,
            "settled_at": at,
            **more,
        },
    )
    session.add(row)
    session.flush()
    return row


def x_id_of(delivery: Delivery, place: int) -> str:
    return f"{delivery.id}0{place}"


def counted(delivery: Delivery, at: datetime, *numbers: Engagement | None) -> None:
    """A snapshot of the posts of a delivery, in the order of their parts; None is one that is gone."""
    with transaction() as session:
        log = messages.of_delivery(session, delivery)
        told = dict(zip((one.id for one in log), numbers, strict=True))
        kept = {message_id: each for message_id, each in told.items() if each}
        counts.record(session, kept, [one for one in told if one not in kept], at)


def link(session: Session, delivery: Delivery, number: int = 1, url: str = "https://example.com/", **more: Any) -> Link:
    row = Link(delivery_id=delivery.id, number=number, url=url, **more)
    session.add(row)
    session.flush()
    return row


def click(session: Session, of: Link, message: Message, at: datetime, *, robot: bool = False) -> None:
    agent = "Twitterbot" if robot else "Firefox"
    session.add(Click(link_id=of.id, message_id=message.id, clicked_at=at, agent=agent, is_robot=robot))

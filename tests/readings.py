"""Readings of followers, step by step as the flow takes them, and what they leave in the tables."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from campaign.audience import sync
from campaign.db.engine import read_session, transaction
from campaign.x.types import FollowerPage
from models import PastSubscription, Service, Subscription, SyncMode, SyncRun, Visitor
from tests import factories
from tests.factories import NOW


def saved_service(**changes: Any) -> Service:
    with transaction() as session:
        row = factories.service(**changes)
        session.add(row)
        session.flush()
        return row


def open_run(service: Service, mode: SyncMode = SyncMode.FULL, now: datetime = NOW) -> SyncRun:
    with transaction() as session:
        return sync.resume_reading(session, service.id, mode, "flow-run", now)


def write_page(service: Service, run: SyncRun, page: FollowerPage, now: datetime = NOW) -> SyncRun:
    """Write the page that comes after what `run` knows of the reading."""
    with transaction() as session:
        taken = sync.take(session, run)
        sync.record_page(session, taken, service, page, now)
        return taken


def write_and_fail(service: Service, run: SyncRun, page: FollowerPage, now: datetime = NOW) -> None:
    """Write a page in a transaction that fails at its very end."""
    with transaction() as session:
        sync.record_page(session, sync.take(session, run), service, page, now)
        session.flush()
        raise ZeroDivisionError


def read_all(
    service: Service, pages: Iterable[FollowerPage], mode: SyncMode = SyncMode.FULL, now: datetime = NOW
) -> SyncRun:
    run = open_run(service, mode, now)
    for page in pages:
        run = write_page(service, run, page, now)
    return run


def known_run(run: SyncRun) -> SyncRun:
    """The reading as the database has it."""
    with read_session() as session:
        return session.get_one(SyncRun, run.id)


def everybody() -> dict[str, Visitor]:
    """All visitors by their ids on X."""
    with read_session() as session:
        return {visitor.external_id: visitor for visitor in session.exec(select(Visitor))}


def followings(service: Service) -> dict[str, Subscription]:
    """Who follows or followed a service, by their ids on X."""
    query = select(Visitor.external_id, Subscription).join(
        Subscription, col(Subscription.visitor_id) == col(Visitor.id)
    )
    with read_session() as session:
        return dict(session.exec(query.where(col(Subscription.service_id) == service.id)).all())


def followers_of(service: Service) -> set[str]:
    """Who follows a service now, as ids on X."""
    return {person for person, following in followings(service).items() if following.ended_at is None}


def past_of(service: Service) -> list[tuple[str, datetime, datetime]]:
    """The earlier followings of those who came back, oldest first: id on X, begin, end."""
    query = (
        select(Visitor.external_id, PastSubscription.began_at, PastSubscription.ended_at)
        .join(PastSubscription, col(PastSubscription.visitor_id) == col(Visitor.id))
        .where(col(PastSubscription.service_id) == service.id)
        .order_by(col(PastSubscription.began_at))
    )
    with read_session() as session:
        return [(person, began, ended) for person, began, ended in session.exec(query)]

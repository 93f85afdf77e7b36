"""The budget and the charge ledger: what X still allows, what it has charged, and money set aside before a call."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlmodel import Session, col

from campaign.domain.budget import Window, opens_at
from campaign.domain.receipt import Price, Receipt
from campaign.domain.spending import affordable, day_of, month_of
from models import Budget, Charge, Service


def spent(session: Session, service_id: int, now: datetime) -> Decimal:
    """Sum what a service was charged in this calendar month (UTC), in US dollars; what is set aside counts."""
    this_month = select(func.sum(Charge.amount)).where(
        col(Charge.service_id) == service_id, col(Charge.at) >= month_of(now)
    )
    return session.scalar(this_month) or Decimal(0)


def left(session: Session, service: Service, now: datetime) -> Decimal:
    """What the spend cap of a service still allows this month; never negative."""
    return max(Decimal(0), service.spend_cap - spent(session, service.id, now))


def reserve(session: Session, service_id: int, purpose: str, price: Price, wanted: int, now: datetime) -> int:
    """Set the most a call can cost aside, before it is made; returns how many of `wanted` resources it may ask for.

    What an earlier call of today left unsettled is taken over: X charges a resource once in a UTC day, so asking
    again for what a lost answer may have cost already costs nothing more.
    """
    service = session.get_one(Service, service_id, with_for_update=True)
    _take_over(session, service_id, purpose, now)
    resources = affordable(left(session, service, now), price.usd, wanted)
    if resources:
        session.add(_charge(service_id, purpose, price, resources, now))
    return resources


def settle(session: Session, service_id: int, purpose: str, receipts: Iterable[Receipt], now: datetime) -> Decimal:
    """Replace what was set aside by what the answered calls cost, and note their limits; returns the cost."""
    release(session, service_id, purpose)
    cost = Decimal(0)
    for receipt in receipts:
        if receipt.resources:
            charge = _charge(service_id, receipt.endpoint, receipt.price, receipt.resources, now)
            charge.settled = True
            session.add(charge)
            cost += charge.amount
        note_limits(session, service_id, receipt)
    return cost


def release(session: Session, service_id: int, purpose: str) -> None:
    """Give back what was set aside: X surely did nothing."""
    for charge in _unsettled(session, service_id, purpose):
        session.delete(charge)
    session.flush()


def note_limits(session: Session, service_id: int, receipt: Receipt) -> None:
    """Keep what X said of its limit windows."""
    for window in receipt.windows:
        session.merge(
            Budget(
                service_id=service_id,
                endpoint=receipt.endpoint,
                window=window.name,
                limit=window.limit,
                remaining=window.remaining,
                reset_at=window.reset_at,
            )
        )


def calls_open_at(session: Session, service_id: int, endpoints: Iterable[str], now: datetime) -> datetime | None:
    """The moment from which X allows calls to all of these endpoints again; None when it does now."""
    known = session.scalars(
        select(Budget).where(col(Budget.service_id) == service_id, col(Budget.endpoint).in_(endpoints))
    )
    return opens_at([Window(one.window, one.limit, one.remaining, one.reset_at) for one in known], now)


def _charge(service_id: int, endpoint: str, price: Price, resources: int, now: datetime) -> Charge:
    return Charge(
        service_id=service_id,
        at=now,
        endpoint=endpoint,
        item=price.item,
        resources=resources,
        unit_price=price.usd,
        amount=price.usd * resources,
    )


def _unsettled(session: Session, service_id: int, purpose: str) -> list[Charge]:
    open_charges = select(Charge).where(
        col(Charge.service_id) == service_id, col(Charge.endpoint) == purpose, col(Charge.settled).is_(False)
    )
    return list(session.scalars(open_charges))


def _take_over(session: Session, service_id: int, purpose: str, now: datetime) -> None:
    for charge in _unsettled(session, service_id, purpose):
        if charge.at < day_of(now):
            charge.settled = True  # nobody will ever know; it counts in full
        else:
            session.delete(charge)
    session.flush()

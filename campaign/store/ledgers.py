"""The budget and the charge ledger: what X still allows, what it has charged, and money set aside before a call."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Table,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    text,
    type_coerce,
    update,
)
from sqlmodel import Session, SQLModel, col

from campaign.domain.budget import Window, opens_at
from campaign.domain.receipt import Price, Receipt
from campaign.domain.spending import affordable, day_of, month_of
from models import Budget, Charge, Service, WindowName
from models.base import Moment

# Plain statements, because these run with every page of followers.
_CHARGE: Table = SQLModel.metadata.tables["charge"]
# In micro-dollars, as stored: what a price is multiplied by would otherwise be taken for dollars too.
_UNIT_PRICE = type_coerce(_CHARGE.c.unit_price, BigInteger)
_NOTE_LIMITS = text("""
INSERT INTO budget (service_id, endpoint, "window", "limit", remaining, reset_at)
VALUES (:service_id, :endpoint, :window, :limit, :remaining, :reset_at)
ON CONFLICT (service_id, endpoint, "window")
DO UPDATE SET "limit" = excluded."limit", remaining = excluded.remaining, reset_at = excluded.reset_at
""").bindparams(bindparam("reset_at", type_=Moment()))


def spent(session: Session, service_id: int, now: datetime) -> Decimal:
    """Sum what a service was charged in this calendar month (UTC), in US dollars; what is set aside counts."""
    this_month = select(func.sum(Charge.amount)).where(
        col(Charge.service_id) == service_id, col(Charge.at) >= month_of(now)
    )
    return session.scalar(this_month) or Decimal(0)


def left(session: Session, service_id: int, now: datetime) -> Decimal:
    """What the spend cap of a service still allows this month; never negative."""
    # The lock makes two processes that spend for one service do so one after the other; the sum is a statement of its
    # own, because only then it sees what the other one wrote meanwhile.
    cap = session.scalar(select(col(Service.spend_cap)).where(col(Service.id) == service_id).with_for_update())
    return max(Decimal(0), (cap or Decimal(0)) - spent(session, service_id, now))


def taken_over(session: Session, service_id: int, purpose: str, now: datetime) -> Decimal:
    """Sum what an earlier call of today left set aside, which the next `reserve` for its purpose takes over."""
    today = select(func.sum(Charge.amount)).where(*_unsettled(service_id, purpose), col(Charge.at) >= day_of(now))
    return session.scalar(today) or Decimal(0)


def reserve(
    session: Session, service_id: int, purpose: str, price: Price, wanted: int, now: datetime, *, at_once: int = 0
) -> int:
    """Set the most that calls can cost aside, before they are made; returns for how many of `wanted` resources it is.

    What an earlier call of today left unsettled is taken over: X charges a resource once in a UTC day, so asking
    again for what a lost answer may have cost already costs nothing more. What is older counts in full, or for the
    `at_once` resources that can have been asked for at the same time, where `wanted` covers more calls than those.
    """
    _give_up_older(session, service_id, purpose, now, at_once)
    release(session, service_id, purpose)
    resources = affordable(left(session, service_id, now), price.usd, wanted)
    if resources:
        _book(session, service_id, purpose, price, resources, now, settled=False)
    return resources


def _give_up_older(session: Session, service_id: int, purpose: str, now: datetime, at_once: int) -> None:
    """Count what calls before today may have cost, for nobody will ever know."""
    aside = _CHARGE.c.resources
    lost = case((aside > at_once, at_once), else_=aside) if at_once else aside
    session.connection().execute(
        update(_CHARGE)
        .where(*_unsettled(service_id, purpose), col(Charge.at) < day_of(now))
        .values(settled=True, resources=lost, amount=_UNIT_PRICE * lost)
    )


def settle(
    session: Session, service_id: int, purpose: str, receipts: Iterable[Receipt], now: datetime, *, keep: int = 0
) -> Decimal:
    """Replace what was set aside by what the answered calls cost, and note their limits; returns the cost.

    `keep` is for how many resources money stays aside, for the calls that follow; never more than there was.
    """
    give_back(session, service_id, purpose, keep=keep)
    cost = Decimal(0)
    for receipt in receipts:
        charge(session, service_id, receipt, now)
        cost += receipt.usd
        note_limits(session, service_id, receipt)
    return cost


def charge(session: Session, service_id: int, receipt: Receipt, now: datetime) -> None:
    """Write down what a call cost, if anything."""
    if receipt.resources:
        _book(session, service_id, receipt.endpoint, receipt.price, receipt.resources, now, settled=True)


def give_back(session: Session, service_id: int, purpose: str, *, keep: int) -> None:
    """Give back what was set aside but for so many resources; never more than there was."""
    if keep:
        session.connection().execute(
            update(_CHARGE).where(*_unsettled(service_id, purpose)).values(resources=keep, amount=_UNIT_PRICE * keep)
        )
    else:
        release(session, service_id, purpose)


def keep(session: Session, service_id: int, purpose: str) -> None:
    """Count what was set aside as charged: the call was made, whatever its answer was."""
    session.connection().execute(update(_CHARGE).where(*_unsettled(service_id, purpose)).values(settled=True))


def release(session: Session, service_id: int, purpose: str) -> None:
    """Give back what was set aside: X surely did nothing."""
    session.connection().execute(delete(_CHARGE).where(*_unsettled(service_id, purpose)))


def note_limits(session: Session, service_id: int, receipt: Receipt) -> None:
    """Keep what X said of its limit windows."""
    for window in receipt.windows:
        given = {
            "service_id": service_id,
            "endpoint": receipt.endpoint,
            "window": window.name.value,
            "limit": window.limit,
            "remaining": window.remaining,
            "reset_at": window.reset_at,
        }
        session.connection().execute(_NOTE_LIMITS, given)


def calls_open_at(session: Session, service_id: int, endpoints: Iterable[str], now: datetime) -> datetime | None:
    """The moment from which X allows calls to all of these endpoints again; None when it does now."""
    known = session.scalars(
        select(Budget).where(col(Budget.service_id) == service_id, col(Budget.endpoint).in_(endpoints))
    )
    return opens_at([Window(one.window, one.limit, one.remaining, one.reset_at) for one in known], now)


def _unsettled(service_id: int, purpose: str) -> tuple[ColumnElement[bool], ...]:
    return col(Charge.service_id) == service_id, col(Charge.endpoint) == purpose, col(Charge.settled).is_(False)


def _book(
    session: Session, service_id: int, endpoint: str, price: Price, resources: int, now: datetime, *, settled: bool
) -> None:
    row = {
        "service_id": service_id,
        "at": now,
        "endpoint": endpoint,
        "item": price.item,
        "resources": resources,
        "unit_price": price.usd,
        "amount": price.usd * resources,
        "settled": settled,
    }
    session.connection().execute(insert(_CHARGE), row)


def windows_of(session: Session, service: Service, endpoint: str) -> list[Window]:
    """What X last said of an endpoint's windows: those of the service, and those its app shares with other services."""
    same_app = select(col(Service.id)).where(col(Service.app) == service.app, col(Service.app) != "")
    is_own = col(Budget.service_id) == service.id
    is_shared = (col(Budget.window) == WindowName.APP_DAY) & col(Budget.service_id).in_(same_app)
    known = session.scalars(select(Budget).where(col(Budget.endpoint) == endpoint, is_own | is_shared))
    return [Window(one.window, one.limit, one.remaining, one.reset_at) for one in known]

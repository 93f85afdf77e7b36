"""Money: what X charges is reserved before a call, recorded after it, and kept below the cap of the month."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import pendulum
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    Table,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    type_coerce,
    update,
)
from sqlmodel import Session, SQLModel, col

from campaign.db.engine import among, announce, read_session, transaction
from campaign.errors import ServiceBlocked, Uncertain, Unsent, XError
from campaign.formatting import usd
from campaign.limits import rate_limits
from campaign.limits.rate_limits import lock_app, of_same_app
from campaign.x.types import Answer, Price, Receipt
from models import Budget, Charge, Service, WindowName


def month_of(now: datetime) -> datetime:
    """Returns the beginning of the calendar month (UTC), from which a spend cap counts."""
    return pendulum.instance(now).in_timezone("UTC").start_of("month")


def day_of(now: datetime) -> datetime:
    """Returns the beginning of the UTC day, in which X charges a resource only once (docs.x.com, pricing)."""
    return pendulum.instance(now).in_timezone("UTC").start_of("day")


def affordable(left: Decimal, price: Decimal, wanted: int) -> int:
    """Returns how many resources, at most `wanted`, can be paid with the money that is left."""
    return wanted if price <= 0 else max(0, min(wanted, int(left / price)))


def refusal_of(followers: int, price: Decimal, left: Decimal, cap: Decimal) -> str | None:
    """Returns why reading so many people is refused, with the figures and three remedies; None when it may go on."""
    estimate = price * followers
    if estimate <= left:
        return None
    return (
        f"Reading {followers:,} followers costs about {usd(estimate)} at {usd(price)} each, and {usd(left)} of this"
        f" month's cap of {usd(cap)} is left: raise the spend cap of the service, wait for the next month, or"
        " run the incremental mode, which reads only who is new."
    )


# Plain statements, because these run with every page of followers.
_CHARGE: Table = SQLModel.metadata.tables["charge"]
#: More than any call costs.
_ALL = 2**40
# In micro-dollars, as stored: a factor of a price would otherwise be taken for dollars too.
_UNIT_PRICE = type_coerce(_CHARGE.c.unit_price, BigInteger)
_UNSETTLED: tuple[ColumnElement[bool], ...] = (
    _CHARGE.c.service_id == bindparam("service"),
    _CHARGE.c.endpoint == bindparam("purpose"),
    _CHARGE.c.settled.is_(False),
)
# Built once, for building one takes longer than running it.
_RELEASE = delete(_CHARGE).where(*_UNSETTLED)
_KEPT = bindparam("kept", type_=BigInteger())
_LOWER = update(_CHARGE).where(*_UNSETTLED).values(resources=_KEPT, amount=_UNIT_PRICE * _KEPT)
_LOST = case((_CHARGE.c.resources > _KEPT, _KEPT), else_=_CHARGE.c.resources)
_CHARGE_OLDER = (
    update(_CHARGE)
    .where(*_UNSETTLED, _CHARGE.c.at < bindparam("today"))
    .values(settled=True, resources=_LOST, amount=_UNIT_PRICE * _LOST)
)
_CAP = select(col(Service.spend_cap)).where(col(Service.id) == bindparam("service")).with_for_update()
_NAME = select(col(Service.internal_name)).where(col(Service.id) == bindparam("service"))
_SPENT = select(func.sum(Charge.amount)).where(
    col(Charge.service_id) == bindparam("service"), col(Charge.at) >= bindparam("month")
)
_BOOK = insert(_CHARGE)


def spent(session: Session, service_id: int, now: datetime) -> Decimal:
    """Sums the charges of a service in this calendar month (UTC) in US dollars, reservations included."""
    sum_: Decimal | None = session.connection().scalar(_SPENT, {"service": service_id, "month": month_of(now)})
    return sum_ or Decimal(0)


def left(session: Session, service_id: int, now: datetime) -> Decimal:
    """Returns the money that the spend cap of a service still allows this month; never negative."""
    return _cap_and_left(session, service_id, now)[1]


def _cap_and_left(session: Session, service_id: int, now: datetime) -> tuple[Decimal, Decimal]:
    # The lock makes two processes that spend for one service do so one after the other; the sum is a statement of its
    # own, because only then it sees the rows that the other one wrote meanwhile.
    cap = session.connection().scalar(_CAP, {"service": service_id}) or Decimal(0)
    return cap, max(Decimal(0), cap - spent(session, service_id, now))


def reserved_today(session: Session, service_id: int, purpose: str, now: datetime) -> Decimal:
    """Sums the reservations of earlier calls of today, which the next `reserve` for their purpose takes over."""
    today = select(func.sum(Charge.amount)).where(*_UNSETTLED, col(Charge.at) >= day_of(now))
    return session.scalar(today, {"service": service_id, "purpose": purpose}) or Decimal(0)


def reserve(
    session: Session, service_id: int, purpose: str, price: Price, wanted: int, now: datetime, *, at_once: int = 0
) -> int:
    """Reserves budget for calls before they are made; returns for how many of the `wanted` resources it suffices.

    A reservation that an earlier call of today left is taken over: X charges a resource once in a UTC day, so a
    request that repeats a lost one costs nothing more. An older one is charged in full, or for the `at_once` resources
    that can have been requested at the same time, where `wanted` covers more calls than those.
    """
    older = {"service": service_id, "purpose": purpose, "today": day_of(now), "kept": at_once or _ALL}
    session.connection().execute(_CHARGE_OLDER, older)
    release(session, service_id, purpose)
    cap, money = _cap_and_left(session, service_id, now)
    resources = affordable(money, price.usd, wanted)
    if resources:
        left = money - price.usd * resources
        if left < cap * _LITTLE_LEFT and (key := (service_id, month_of(now))) not in _announced:
            _announced.add(key)
            name = session.connection().scalar(_NAME, {"service": service_id})
            says = f"{usd(left)} of this month's spend cap of {usd(cap)} is left for {name}."
            announce(session, "service.cap_near", f"service.{name}", says)
        _book(session, service_id, purpose, price, resources, now, settled=False)
    return resources


#: The part of a cap below which it is announced, by service and month: a process announces it once.
_LITTLE_LEFT = Decimal("0.2")
_announced: set[tuple[int, datetime]] = set()


def record_cost(
    session: Session, service_id: int, purpose: str, receipts: Iterable[Receipt], now: datetime, *, keep: int = 0
) -> Decimal:
    """Replaces the reservation by the cost of the answered calls, and notes their limits; returns the cost.

    Money for `keep` resources stays reserved for the calls that follow; never more than there was.
    """
    release(session, service_id, purpose, keep=keep)
    cost = Decimal(0)
    for receipt in receipts:
        charge(session, service_id, receipt, now)
        cost += receipt.usd
        rate_limits.note(session, service_id, receipt)
    return cost


def charge(session: Session, service_id: int, receipt: Receipt, now: datetime) -> None:
    """Charges the cost of a call, if there is any."""
    if receipt.resources:
        _book(session, service_id, receipt.endpoint, receipt.price, receipt.resources, now, settled=True)


def charge_reserved(session: Session, service_id: int, purpose: str) -> None:
    """Charges the reservation: the call was made, whatever its answer was."""
    statement = update(_CHARGE).where(*_UNSETTLED).values(settled=True)
    session.connection().execute(statement, {"service": service_id, "purpose": purpose})


def release(session: Session, service_id: int, purpose: str, *, keep: int = 0) -> None:
    """Releases the reservation, except for `keep` resources."""
    statement = _LOWER if keep else _RELEASE
    session.connection().execute(statement, {"service": service_id, "purpose": purpose, "kept": keep})


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
    session.connection().execute(_BOOK, row)


T = TypeVar("T")


def used_up(service: Service, cost: Decimal = Decimal(0)) -> ServiceBlocked:
    """Returns the error for a call that this month's spend cap of the service does not allow, with what it may cost."""
    cap = usd(service.spend_cap)
    return ServiceBlocked(
        f"This month's spend cap of {cap} is too little for a call that may cost {usd(cost)}."
        if cost
        else f"This month's spend cap of {cap} is used up.",
        reason="cap",
        remedy="Raise the spend cap of the service, or wait for the next month.",
    )


SIGN_IN_PURPOSE = "signing in"
"""How the purposes of calls begin that read who signed in."""
_SIGN_IN_SHARE = Decimal("0.05")
_PEOPLE_READ = select(func.sum(Charge.amount)).where(
    col(Charge.service_id) == bindparam("service"),
    col(Charge.at) >= bindparam("today"),
    (col(Charge.endpoint) == "GET /2/users/me") | col(Charge.endpoint).startswith(SIGN_IN_PURPOSE),
)


def sign_in_share(cap: Decimal, price: Decimal) -> Decimal:
    """Returns the money that sign-ins of strangers may use in a UTC day: a twentieth of the month's cap.

    At least the check of the account and one sign-in with its profile fit into it, so that a small cap closes no page.
    """
    return max(cap * _SIGN_IN_SHARE, 3 * price)


def check_sign_in_affordable(service: Service, price: Price, now: datetime) -> None:
    """Raises ServiceBlocked when the day's share for sign-ins of strangers, or the month's cap, is used up.

    Only for people who join: a person who takes consent back is never refused for money.
    """
    with read_session() as session:
        params = {"service": service.id, "today": day_of(now)}
        used = session.connection().scalar(_PEOPLE_READ, params) or Decimal(0)
        share = sign_in_share(service.spend_cap, price.usd)
        if left(session, service.id, now) < price.usd:
            raise used_up(service)
    if used + price.usd > share:
        raise ServiceBlocked(
            f"Today's share of the spend cap for sign-ins ({usd(share)}) is used up.",
            reason="sign_in_share",
            remedy="Wait until tomorrow (UTC), or raise the spend cap of the service.",
        )


def paid(service: Service, purpose: str, price: Price, call: Callable[[], Answer[T]], resources: int = 1) -> T:
    """Makes a call for so many resources; raises ServiceBlocked when it costs too much, and the errors of the call.

    `purpose` is unique to this call: calls that run side by side for one service reserve their money each.
    """
    with transaction() as session:
        if reserve(session, service.id, purpose, price, resources, pendulum.now("UTC")) < resources:
            raise used_up(service, price.usd * resources if resources > 1 else Decimal(0))
    try:
        answer = call()
    except XError as error:
        record_failed_call(service.id, purpose, error)
        raise
    with transaction() as session:
        record_cost(session, service.id, purpose, answer.receipts, pendulum.now("UTC"))
    return answer.value


def check_calls_open(service: Service, endpoint: str, now: datetime) -> None:
    """Raises Unsent, with the time, while X allows no more calls of a service to this endpoint."""
    with read_session() as session:
        opens_at = rate_limits.calls_open_at(session, service.id, [endpoint], now)
    if opens_at:
        raise Unsent(
            f"X allows no more calls to {endpoint} by {service.internal_name} until {opens_at:%H:%M:%S} UTC.",
            reason="rate_limit",
            retry_at=opens_at,
        )


def record_failed_call(service_id: int, purpose: str, error: XError) -> Decimal:
    """Books the calls that X answered, in a transaction of their own; see `book_failed_call`."""
    with transaction() as session:
        return book_failed_call(session, service_id, purpose, error, pendulum.now("UTC"))


def book_failed_call(session: Session, service_id: int, purpose: str, error: XError, now: datetime) -> Decimal:
    """Books the calls that X answered and returns their cost in US dollars.

    The reservation stays where X may have acted without an answer.
    """
    if not isinstance(error, Uncertain):
        return record_cost(session, service_id, purpose, error.receipts, now)
    for receipt in error.receipts:
        rate_limits.note(session, service_id, receipt)
    return Decimal(0)


def reserve_beyond_cap(
    session: Session, service: Service, endpoint: str, purposes: Sequence[str], price: Price, now: datetime
) -> None:
    """Reserves the money of each call, even beyond the cap, and subtracts the calls from X's rate limits."""
    if not purposes:
        return
    charge = {"service_id": service.id, "at": now, "item": price.item, "resources": 1, "settled": False}
    money = {"unit_price": price.usd, "amount": price.usd}
    session.execute(insert(Charge), [{**charge, **money, "endpoint": purpose} for purpose in purposes])
    # The calls are not in X's latest figures; the next response brings new ones.
    lock_app(session, service)
    is_shared = (col(Budget.window) == WindowName.APP_DAY) & col(Budget.service_id).in_(of_same_app(session, service))
    left = col(Budget.remaining) - len(purposes)
    statement = update(Budget).where(
        col(Budget.endpoint) == endpoint, (col(Budget.service_id) == service.id) | is_shared
    )
    session.execute(statement.values(remaining=case((left > 0, left), else_=0)))


def release_lost(session: Session, service_id: int, purposes: Sequence[str]) -> None:
    """Releases the reservations of these calls: their outcome is known now."""
    if purposes:
        session.execute(
            delete(Charge).where(
                col(Charge.service_id) == service_id,
                among(session, col(Charge.endpoint), purposes, String()),
                col(Charge.settled).is_(False),
            )
        )

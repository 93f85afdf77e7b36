"""Calls that cost: their money is set aside before, and booked by what X answered; also of one that failed."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import pendulum
from sqlmodel import Session

from campaign.domain.receipt import Answer, Price
from campaign.domain.spending import usd
from campaign.errors import ServiceBlocked, Uncertain, XError
from campaign.store import budgets, ledgers
from campaign.store.engine import reading, writing
from models import Service

T = TypeVar("T")


def used_up(service: Service) -> ServiceBlocked:
    """That this month's spend cap of the service lets no such call be made."""
    return ServiceBlocked(
        f"This month's spend cap of {usd(service.spend_cap)} is used up.",
        reason="cap",
        remedy="Raise the spend cap of the service, or wait for the next month.",
    )


def check_affordable(service: Service, price: Price) -> None:
    """Raise ServiceBlocked when this month's spend cap of the service allows no more of these."""
    with reading() as session:
        if ledgers.left(session, service.id, pendulum.now("UTC")) < price.usd:
            raise used_up(service)


def paid(service: Service, purpose: str, price: Price, call: Callable[[], Answer[T]]) -> T:
    """Make a call that reads one thing; raises ServiceBlocked when that costs too much, and what the call raises.

    `purpose` is this call's own: calls that run side by side for one service set their money aside each.
    """
    with writing() as session:
        if not ledgers.reserve(session, service.id, purpose, price, 1, pendulum.now("UTC")):
            raise used_up(service)
    try:
        answer = call()
    except XError as error:
        settle_failed_call(service.id, purpose, error)
        raise
    with writing() as session:
        ledgers.settle(session, service.id, purpose, answer.receipts, pendulum.now("UTC"))
    return answer.value


def settle_failed_call(service_id: int, purpose: str, error: XError) -> Decimal:
    """Book the calls that X did answer, in a transaction of their own; see `book_failed_call`."""
    with writing() as session:
        return book_failed_call(session, service_id, purpose, error, pendulum.now("UTC"))


def book_failed_call(session: Session, service_id: int, purpose: str, error: XError, now: datetime) -> Decimal:
    """Book the calls that X did answer and return their cost, in US dollars.

    Money set aside stays so where X may have acted without telling.
    """
    if not isinstance(error, Uncertain):
        return ledgers.settle(session, service_id, purpose, error.receipts, now)
    for receipt in error.receipts:
        budgets.note(session, service_id, receipt)
    return Decimal(0)

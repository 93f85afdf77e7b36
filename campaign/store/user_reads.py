"""Reads of one user on X: the money is set aside before the call and booked by what X answered."""

from collections.abc import Callable
from typing import TypeVar

import pendulum

from campaign.domain.receipt import Answer, Price
from campaign.domain.spending import usd
from campaign.errors import ServiceBlocked, Uncertain, XError
from campaign.store import ledgers
from campaign.store.engine import reading, writing
from models import Service

T = TypeVar("T")


def check_affordable(service: Service, price: Price) -> None:
    """Raise ServiceBlocked when this month's spend cap of the service allows no more of these."""
    with reading() as session:
        if ledgers.left(session, service.id, pendulum.now("UTC")) < price.usd:
            raise _capped(service)


def paid(service: Service, purpose: str, price: Price, call: Callable[[], Answer[T]]) -> T:
    """Make a call that reads one user; raises ServiceBlocked when that costs too much, and what the call raises.

    `purpose` is this call's own: calls that run side by side for one service set their money aside each.
    """
    with writing() as session:
        if not ledgers.reserve(session, service.id, purpose, price, 1, pendulum.now("UTC")):
            raise _capped(service)
    try:
        answer = call()
    except XError as error:
        _book(service, purpose, error)
        raise
    with writing() as session:
        ledgers.settle(session, service.id, purpose, answer.receipts, pendulum.now("UTC"))
    return answer.value


def _book(service: Service, purpose: str, error: XError) -> None:
    """Where X may have answered without our hearing it, the money stays aside."""
    with writing() as session:
        if not isinstance(error, Uncertain):
            ledgers.settle(session, service.id, purpose, error.receipts, pendulum.now("UTC"))


def _capped(service: Service) -> ServiceBlocked:
    return ServiceBlocked(
        f"This month's spend cap of {usd(service.spend_cap)} is used up.",
        reason="cap",
        remedy="Raise the spend cap of the service, or wait for the next month.",
    )

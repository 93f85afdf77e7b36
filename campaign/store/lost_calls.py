"""What calls whose answer was lost leave in both ledgers: X may have done them, charged them and counted them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, delete, insert, update
from sqlmodel import Session, col

from campaign.domain.receipt import Price
from campaign.store.broadcasts import lock_app, of_same_app
from models import Budget, Charge, Service, WindowName


def keep_aside(
    session: Session, service: Service, endpoint: str, purposes: Sequence[str], price: Price, now: datetime
) -> None:
    """Keep the money of each call aside, whatever the cap says, and take them off what X allows."""
    if not purposes:
        return
    charge = {"service_id": service.id, "at": now, "item": price.item, "resources": 1, "settled": False}
    money = {"unit_price": price.usd, "amount": price.usd}
    session.execute(insert(Charge), [{**charge, **money, "endpoint": purpose} for purpose in purposes])
    _use_up(session, service, endpoint, len(purposes))


def _use_up(session: Session, service: Service, endpoint: str, calls: int) -> None:
    """X's last figures do not have these calls in them; the next answer brings new ones."""
    lock_app(session, service)
    is_shared = (col(Budget.window) == WindowName.APP_DAY) & col(Budget.service_id).in_(of_same_app(session, service))
    left = col(Budget.remaining) - calls
    told = update(Budget).where(col(Budget.endpoint) == endpoint, (col(Budget.service_id) == service.id) | is_shared)
    session.execute(told.values(remaining=case((left > 0, left), else_=0)))


def give_back(session: Session, service_id: int, purposes: Sequence[str]) -> None:
    """What became of these calls is known now: nothing is kept aside for them."""
    if purposes:
        session.execute(
            delete(Charge).where(
                col(Charge.service_id) == service_id,
                col(Charge.endpoint).in_(purposes),
                col(Charge.settled).is_(False),
            )
        )

"""The budget: what X said last of its limit windows."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, select, text
from sqlmodel import Session, col

from campaign.domain.budget import Window, opens_at
from campaign.domain.receipt import Receipt
from models import Budget, Service, WindowName
from models.base import Moment

_BUDGETS = select(Budget).where(
    col(Budget.service_id) == bindparam("service"), col(Budget.endpoint).in_(bindparam("endpoints", expanding=True))
)
_SAME_APP = select(col(Service.id)).where(col(Service.app) == bindparam("app"), col(Service.app) != "")
_WINDOWS = select(Budget).where(
    col(Budget.endpoint) == bindparam("endpoint"),
    (col(Budget.service_id) == bindparam("service"))
    | ((col(Budget.window) == WindowName.APP_DAY) & col(Budget.service_id).in_(_SAME_APP)),
)
# Within a window fewer and fewer calls are left: an answer that comes late does not count up again.
_NOTE = text("""
INSERT INTO budget (service_id, endpoint, "window", "limit", remaining, reset_at)
VALUES (:service_id, :endpoint, :window, :limit, :remaining, :reset_at)
ON CONFLICT (service_id, endpoint, "window")
DO UPDATE SET "limit" = excluded."limit", reset_at = excluded.reset_at, remaining = CASE
    WHEN budget.reset_at = excluded.reset_at AND budget.remaining < excluded.remaining
    THEN budget.remaining ELSE excluded.remaining END
""").bindparams(bindparam("reset_at", type_=Moment()))


def note(session: Session, service_id: int, receipt: Receipt) -> None:
    """Keep what X said of its limit windows."""
    told = [
        {
            "service_id": service_id,
            "endpoint": receipt.endpoint,
            "window": window.name.value,
            "limit": window.limit,
            "remaining": window.remaining,
            "reset_at": window.reset_at,
        }
        for window in receipt.windows
    ]
    if told:
        session.connection().execute(_NOTE, told)


def calls_open_at(session: Session, service_id: int, endpoints: Iterable[str], now: datetime) -> datetime | None:
    """The moment from which X allows calls to all of these endpoints again; None when it does now."""
    known = session.scalars(_BUDGETS, {"service": service_id, "endpoints": list(endpoints)})
    return opens_at(_windows(known), now)


def windows_of(session: Session, service: Service, endpoint: str) -> list[Window]:
    """What X last said of an endpoint's windows: those of the service, and those its app shares with other services."""
    known = session.scalars(_WINDOWS, {"service": service.id, "app": service.app, "endpoint": endpoint})
    return _windows(known)


def _windows(known: Iterable[Budget]) -> list[Window]:
    return [Window(one.window, one.limit, one.remaining, one.reset_at) for one in known]

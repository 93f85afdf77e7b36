"""How many direct messages a service may send now, as the ledgers and the log know it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session

from campaign.domain.budget import Window
from campaign.domain.message_budget import Allowance, Attempts, allowance
from campaign.domain.quiet_hours import QuietHours
from campaign.store import attempts, broadcasts, budgets
from campaign.x.gateway import Gateway, MessageTerms
from models import Service, WindowName

_DAY = timedelta(hours=24)
#: As long as a few calls take.
_A_MOMENT = timedelta(seconds=5)


def allowance_of(
    session: Session, service: Service, gateway: MessageTerms | Gateway, quiet: QuietHours | None, now: datetime
) -> Allowance:
    """How many messages a service may send now, by what X said, its own settings, and what it tried lately."""
    windows = budgets.windows_of(session, service, gateway.message_endpoint)
    app = broadcasts.of_same_app(session, service)
    tried = _tried(session, service, app, windows, gateway.message_limits, now)
    allowed = partial(
        allowance, limits=gateway.message_limits, attempts=tried, daily_limit=service.daily_limit, quiet=quiet, now=now
    )
    busy = attempts.being_sent(session, app)
    free = allowed(windows)
    if not busy or not free.messages:
        return free
    # What is being sent at this moment is not in X's figures yet.
    left = allowed([_less(window, service, busy) for window in windows])
    return left if left.messages else Allowance(0, now + _A_MOMENT, "What X allows is being used at this moment.")


def _tried(
    session: Session,
    service: Service,
    app: Sequence[int],
    windows: Sequence[Window],
    limits: Collection[WindowName],
    now: datetime,
) -> Attempts:
    """What was tried, where a limit is counted by it because X tells none, or none that holds now."""
    told = {window.name for window in windows if window.reset_at > now}
    counted = {*limits, *(window.name for window in windows if window.reset_at <= now)} - told
    if not counted and not service.daily_limit:
        return Attempts()
    own = attempts.tried_since(session, [service.id], now - _DAY)
    if WindowName.APP_DAY not in counted or app == [service.id]:
        return Attempts(own, own)
    return Attempts(own, attempts.tried_since(session, app, now - _DAY))


def _less(window: Window, service: Service, busy: Mapping[int, int]) -> Window:
    under_way = sum(busy.values()) if window.name is WindowName.APP_DAY else Counter(busy)[service.id]
    return replace(window, remaining=window.remaining - under_way)

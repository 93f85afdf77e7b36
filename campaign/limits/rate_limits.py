"""X's rate limits: its windows, the messages tried lately, and how many may be sent now."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, exists, func, text
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from campaign.limits.quiet_hours import QuietHours
from campaign.x.types import Receipt, Window, opens_at
from models import (
    MAIN,
    NO_VISITOR,
    TRIED,
    Budget,
    Delivery,
    DeliveryState,
    Message,
    MessageState,
    Moment,
    Service,
    WindowName,
)

if TYPE_CHECKING:
    from campaign.x.gateway import Gateway, MessageTerms

_BUDGETS = sa_select(Budget).where(
    col(Budget.service_id) == bindparam("service"), col(Budget.endpoint).in_(bindparam("endpoints", expanding=True))
)
_SAME_APP = sa_select(col(Service.id)).where(col(Service.app) == bindparam("app"), col(Service.app) != "")
_WINDOWS = sa_select(Budget).where(
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
    """Saves the limit windows of a receipt."""
    windows = [
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
    if windows:
        session.connection().execute(_NOTE, windows)


def calls_open_at(session: Session, service_id: int, endpoints: Iterable[str], now: datetime) -> datetime | None:
    """Returns the moment from which X allows calls to all of these endpoints again; None when it does now."""
    known = session.scalars(_BUDGETS, {"service": service_id, "endpoints": list(endpoints)})
    return opens_at(_windows(known), now)


def windows_of(session: Session, service: Service, endpoint: str) -> list[Window]:
    """Reads the latest windows of an endpoint: those of the service, and those its app shares with other services."""
    known = session.scalars(_WINDOWS, {"service": service.id, "app": service.app, "endpoint": endpoint})
    return _windows(known)


def known_endpoints(session: Session, service_id: int) -> list[str]:
    """Lists the endpoints of which X has reported a window for a service."""
    endpoints = select(Budget.endpoint).where(Budget.service_id == service_id).distinct()
    return list(session.exec(endpoints.order_by(Budget.endpoint)))


def _windows(known: Iterable[Budget]) -> list[Window]:
    return [Window(one.window, one.limit, one.remaining, one.reset_at) for one in known]


_TRIED = TRIED.replace("visitor_id", "message.visitor_id").replace("armed_at", "message.armed_at")
#: Far longer than a batch takes, from its arming to its last call.
_LONGEST_BATCH = timedelta(hours=1)
#: Built once, as are the others that run with every message: building one takes ten times as long as running it.
_TRIED_SINCE = sa_select(col(Message.armed_at), col(Message.settled_at), col(Message.attempts)).where(
    col(Message.service_id).in_(bindparam("service_ids", expanding=True)),
    text(_TRIED),
    col(Message.armed_at) > bindparam("since"),
)
_BEING_SENT = (
    sa_select(col(Message.service_id), func.count())
    .where(
        col(Message.service_id).in_(bindparam("service_ids", expanding=True)),
        col(Message.state) == MessageState.SENDING,
        col(Message.visitor_id) != NO_VISITOR,
    )
    .group_by(col(Message.service_id))
)
_OURS = (
    sa_select(func.count())
    .select_from(Message)
    .join(Delivery, col(Delivery.id) == col(Message.delivery_id))
    .where(
        col(Message.id).in_(bindparam("message_ids", expanding=True)),
        col(Message.state) == MessageState.SENDING,
        col(Message.armed_at) == bindparam("armed_at"),
        (col(Message.proof_number) != MAIN) | (col(Delivery.state) == DeliveryState.IN_PROGRESS),
    )
)


def tried_since(session: Session, service_ids: Sequence[int], since: datetime) -> list[datetime]:
    """Reads when these services sent or tried to send messages: the last moment at which each call can have been made.

    X counts every attempt, and only the last moment of a repeated one is stored.
    """
    params = {"service_ids": list(service_ids), "since": since - _LONGEST_BATCH}
    return [
        max(armed_at, settled_at or armed_at)
        for armed_at, settled_at, attempts in session.connection().execute(_TRIED_SINCE, params)
        for _ in range(attempts)
    ]


def being_sent(session: Session, service_ids: Sequence[int]) -> Counter[int]:
    """Counts the messages that each of these services is sending at this moment."""
    rows = session.connection().execute(_BEING_SENT, {"service_ids": list(service_ids)})
    return Counter(dict(rows.tuples().all()))


def may_go_on(session: Session, message_ids: Collection[int], armed_at: datetime) -> bool:
    """Returns whether an attempt still has all of these messages, and their broadcast was not paused or stopped."""
    params = {"message_ids": list(message_ids), "armed_at": armed_at}
    found: int | None = session.connection().scalar(_OURS, params)
    return found == len(message_ids)


def with_unsettled(session: Session) -> list[int]:
    """Reads the ids of the services with messages whose outcome is unknown."""
    states = col(Message.state).in_([MessageState.SENDING, MessageState.UNCERTAIN])
    rows = sa_select(col(Service.id)).where(
        exists().where(col(Message.service_id) == col(Service.id), states, col(Message.visitor_id) != NO_VISITOR)
    )
    return list(session.scalars(rows))


UNLIMITED = 1_000_000
"""The allowance where neither X nor the service sets a limit."""
LENGTHS = {
    WindowName.QUARTER_HOUR: timedelta(minutes=15),
    WindowName.USER_DAY: timedelta(hours=24),
    WindowName.APP_DAY: timedelta(hours=24),
}
_WHY = {
    WindowName.QUARTER_HOUR: "X allows {messages} messages of an account in 15 minutes, and they are used up for now.",
    WindowName.USER_DAY: "X allows {messages} messages of an account in 24 hours, and they are used up for now.",
    WindowName.APP_DAY: (
        "X allows {messages} messages in 24 hours of all services that share a developer app, and they are used up"
        " for now."
    ),
}


@dataclass(frozen=True, slots=True)
class Attempts:
    """The moments of the attempts of the last 24 hours, proofs and every delivery included, in any order."""

    own: Sequence[datetime] = ()
    """By this service."""
    app: Sequence[datetime] = ()
    """By all services that share its developer app, this one included."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many messages may go out now; where none may, `until` is the time from which more may, `why` the reason."""

    messages: int
    until: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Gate:
    """One limit: how many messages it allows now, and when it opens once it is closed."""

    left: int
    opens_at: datetime
    why: str


def allowance(
    windows: Iterable[Window],
    limits: Mapping[WindowName, int],
    attempts: Attempts,
    *,
    daily_limit: int,
    quiet: QuietHours | None,
    now: datetime,
) -> Allowance:
    """Returns how many messages may go out now, by X's latest windows, else by its documented `limits`.

    Several windows of one name, as services that share an app have them, all count. `daily_limit` 0 is no own limit.
    """
    now, windows = _plain(now), list(windows)
    reported = {window.name for window in windows}
    gates = [
        _Gate(window.remaining, window.reset_at, _WHY[window.name].format(messages=f"{window.limit:,}"))
        for window in windows
        if window.reset_at > now
    ]
    # The use of all others is counted here: they are full, less what was tried since they were last reset.
    counted = [(window.name, window.limit, window.reset_at) for window in windows if window.reset_at <= now]
    counted += [(name, limit, now - LENGTHS[name]) for name, limit in limits.items() if name not in reported]
    for name, limit, since in counted:
        moments = attempts.app if name is WindowName.APP_DAY else attempts.own
        later = [moment for moment in moments if moment >= since]
        gates.append(_sliding(later, limit, LENGTHS[name], now, _WHY[name].format(messages=f"{limit:,}")))
    if daily_limit > 0:
        why = f"The service's own limit of {daily_limit:,} messages in 24 hours is reached."
        gates.append(_sliding(attempts.own, daily_limit, LENGTHS[WindowName.USER_DAY], now, why))
    closed = [gate for gate in gates if gate.left <= 0]
    opens_at, why = max(((gate.opens_at, gate.why) for gate in closed), default=(now, ""))
    if quiet and quiet.include(opens_at):
        return Allowance(0, quiet.end_after(opens_at), f"The service sends no messages from {quiet}, its quiet hours.")
    if closed:
        return Allowance(0, opens_at, why)
    return Allowance(min((gate.left for gate in gates), default=UNLIMITED))


def _sliding(moments: Iterable[datetime], limit: int, length: timedelta, now: datetime, why: str) -> _Gate:
    """Allows `limit` in any time of that length: the next one when the limit-th newest is so long ago."""
    recent = sorted((_plain(moment) for moment in moments if moment > now - length), reverse=True)
    left = max(limit, 0) - len(recent)
    opens_at = recent[limit - 1] + length if left <= 0 < limit else now + length
    return _Gate(left, opens_at, why)


def _plain(moment: datetime) -> datetime:
    """Returns the moment in UTC as the standard library's own: pendulum's subtracts wrongly across time zones."""
    return datetime.fromtimestamp(moment.timestamp(), UTC)


_SERVICES_OF_APP = (
    select(col(Service.id))
    .where(
        ((col(Service.app) == bindparam("app")) & (col(Service.app) != ""))
        | (col(Service.id) == bindparam("service_id"))
    )
    .order_by(col(Service.id))
)
_SERVICES_OF_APP_LOCKED = _SERVICES_OF_APP.with_for_update()


def lock_app(session: Session, service: Service) -> None:
    """Locks the services of one developer app: they share X's limit per app, and arm messages one after the other."""
    session.connection().execute(_SERVICES_OF_APP_LOCKED, {"app": service.app, "service_id": service.id})


def of_same_app(session: Session, service: Service) -> list[int]:
    """Reads the ids of the services that share the developer app of this one, itself included."""
    return list(session.connection().scalars(_SERVICES_OF_APP, {"app": service.app, "service_id": service.id}))


_DAY = timedelta(hours=24)
#: As long as a few calls take.
_A_MOMENT = timedelta(seconds=5)


def allowance_of(
    session: Session, service: Service, gateway: "MessageTerms | Gateway", quiet: QuietHours | None, now: datetime
) -> Allowance:
    """Returns how many messages a service may send now: by X's windows, its own settings, and its latest attempts."""
    windows = windows_of(session, service, gateway.message_endpoint)
    app = of_same_app(session, service)
    tried = _tried(session, service, app, windows, gateway.message_limits, now)
    allowed = partial(
        allowance, limits=gateway.message_limits, attempts=tried, daily_limit=service.daily_limit, quiet=quiet, now=now
    )
    busy = being_sent(session, app)
    free = allowed(windows)
    if not busy or not free.messages:
        return free
    # Messages that are being sent at this moment are not in X's figures yet.
    by_app, own = busy.total(), busy[service.id]
    left = allowed(
        [
            replace(window, remaining=window.remaining - (by_app if window.name is WindowName.APP_DAY else own))
            for window in windows
        ]
    )
    return left if left.messages else Allowance(0, now + _A_MOMENT, "What X allows is being used at this moment.")


def _tried(
    session: Session,
    service: Service,
    app: Sequence[int],
    windows: Sequence[Window],
    limits: Collection[WindowName],
    now: datetime,
) -> Attempts:
    """Reads the attempts, where a limit is counted by them because X reported none, or none that holds now."""
    reported = {window.name for window in windows if window.reset_at > now}
    counted = {*limits, *(window.name for window in windows if window.reset_at <= now)} - reported
    if not counted and not service.daily_limit:
        return Attempts()
    own = tried_since(session, [service.id], now - _DAY)
    if WindowName.APP_DAY not in counted or app == [service.id]:
        return Attempts(own, own)
    return Attempts(own, tried_since(session, app, now - _DAY))

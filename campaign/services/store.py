"""Services: what the saved forms say, and what X said of their accounts."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from campaign.services.check import Problem, is_ok
from campaign.x.types import Account
from models import ApiVersion, MessagePolicy, Service, ServiceState


@dataclass(frozen=True, slots=True)
class SavedService:
    """A service's form as saved in Prefect, without its keys."""

    block_id: str
    saved_at: datetime
    label: str
    internal_name: str
    visitor_folder: str
    synchronize: bool
    proof: bool
    api_version: ApiVersion
    owned: bool
    spend_cap: Decimal
    app: str
    message_policy: MessagePolicy
    opt_out_line: str
    frequency_cap: int
    frequency_days: int
    quiet_hours: str
    timezone: str
    daily_limit: int
    join_purpose: str
    asks_email: bool
    has_oauth2: bool
    reconciliation: str


def remember(session: Session, saved: Sequence[SavedService], block_ids: Collection[str]) -> list[Service]:
    """Bring the rows in line with the saved forms and return them; rows of removed forms stay, unconnected.

    A form keeps its row through a change of its internal name: the account was renamed, its followers are the same.
    A form removed and made again gets the row of its internal name back. `block_ids` are those of all saved forms,
    also of the ones that cannot be used now.
    """
    gone = update(Service).where(col(Service.block_id).not_in(block_ids))
    session.execute(gone.values(block_id=None, x_user_id=None, state=ServiceState.UNCHECKED))
    return [_remember_one(session, form) for form in saved]


def _remember_one(session: Session, form: SavedService) -> Service:
    row = _row_of(session, form) or _new_row(session, form)
    for name, value in _columns(form).items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    session.add(row)
    session.flush()
    return row


def _row_of(session: Session, form: SavedService) -> Service | None:
    row: Service | None = session.scalar(select(Service).where(col(Service.block_id) == form.block_id))
    return row or session.scalar(_named(form.internal_name).where(col(Service.block_id).is_(None)))


def _new_row(session: Session, form: SavedService) -> Service:
    """Write the row of a form that has none; two runs may find a new form at the same moment."""
    row = Service(**_columns(form))
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return session.exec(select(Service).where(col(Service.block_id) == form.block_id)).one()
    return row


def _columns(form: SavedService) -> dict[str, Any]:
    return {name: getattr(form, name) for name in SavedService.__slots__}


def _named(internal_name: str) -> SelectOfScalar[Service]:
    return select(Service).where(func.lower(col(Service.internal_name)) == internal_name.lower())


def get(session: Session, service_id: int) -> Service:
    """Read one service."""
    return session.get_one(Service, service_id)


def all_known(session: Session) -> list[Service]:
    """Every service that there ever was."""
    return list(session.exec(select(Service)))


def named(session: Session, internal_name: str) -> Service | None:
    """Find a service by its internal name, in any case; one that is still saved before one that was removed."""
    return session.scalar(_named(internal_name).order_by(col(Service.block_id).is_(None)))


def connected_to(session: Session, account: Account, but: Service) -> str | None:
    """The internal name of another service that is connected to this account."""
    other = select(Service.internal_name).where(col(Service.x_user_id) == account.user_id, col(Service.id) != but.id)
    return session.scalar(other)


def record_check(
    session: Session, service: Service, account: Account | None, problems: Iterable[Problem], now: datetime
) -> None:
    """Keep what a check found; the account of a service that is not its own is not kept."""
    problems = list(problems)
    service.state = ServiceState.OK if is_ok(problems) else ServiceState.NEEDS_ATTENTION
    service.problems = "\n".join(problem.sentence for problem in problems)
    service.checked_at = now
    service.blocked = any(problem.blocks for problem in problems)
    if account and not service.blocked:
        _keep_account(service, account)
    session.add(service)


def mark_blocked(session: Session, service: Service, sentence: str) -> None:
    """Keep that X refuses everything for this service, until a check finds it well again."""
    service.state, service.blocked, service.problems = ServiceState.NEEDS_ATTENTION, True, sentence
    session.add(service)


def _keep_account(service: Service, account: Account) -> None:
    service.x_user_id = account.user_id
    service.x_username = account.username
    service.x_name = account.name
    service.followers_count = account.followers_count
    service.protected = account.protected
    service.access_level = account.access_level
    service.longest_post = account.longest_post

"""The people who use the desk: accounts, passwords, roles, sessions, one-time links; and the audit.

The audit is who did what, when, to which delivery, service, template, consent or account.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlmodel import Session, col, delete, func, or_, select

from campaign.db.vault import sign_for_a_while, signed_within
from campaign.errors import NotPossible, WrongUsage
from models import EVERY_SERVICE, AuditEntry, Delivery, Role, User, UserRole, UserSession

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: A day's work; every session ends then, whatever was done in it.
SESSION_LENGTH = timedelta(hours=12)
#: Until when a one-time link can be opened.
LINK_LENGTH = timedelta(days=2)
LEAST_PASSWORD = 12
_LINK = "desk link"
_NAME = re.compile(r"(?=.{1,64}$)[a-z0-9][a-z0-9._+-]*(@[a-z0-9.-]+)?")
_EMAIL = re.compile(r"(?=.{3,254}$)[!-?A-~]+@[!-?A-~]+")
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Person:
    """A person who is signed in, and the person's roles by service."""

    user: User
    roles: Mapping[int, Role]

    def role_for(self, service_id: int) -> Role | None:
        """Returns the role for a service: its own, or that for all services where that allows more."""
        found = [role for one in (service_id, EVERY_SERVICE) if (role := self.roles.get(one))]
        return max(found, key=list(Role).index, default=None)

    def may(self, role: Role, service_id: int = EVERY_SERVICE) -> bool:
        """Tests whether the person has at least this role for a service, or for all of them."""
        own = self.role_for(service_id)
        return own is not None and own.includes(role)

    def may_somewhere(self, role: Role) -> bool:
        """Tests whether the person has at least this role for any service."""
        return any(own.includes(role) for own in self.roles.values())


def add_user(
    session: Session,
    name: str,
    full_name: str,
    roles: Mapping[int, Role],
    now: datetime,
    *,
    email: str = "",
    subject: str | None = None,
) -> User:
    """Opens an account; the person chooses a password with `one_time_link`. Raises WrongUsage."""
    name = name.strip().lower()
    if not is_name(name):
        raise WrongUsage(f"Invalid name {name!r}. Use letters, digits and . _ + -, or an email address.")
    known = session.exec(select(User).where(User.name == name)).first()
    if known and known.removed_at is None:
        raise WrongUsage(f"There is an account {name} already; change its roles, or choose another name.")
    # A person who comes back keeps the account, and with it the name in the audit.
    user = known or User(name=name, full_name="", created_at=now)
    describe(user, full_name, email)
    user.removed_at, user.password_hash, user.subject, user.created_at = None, "", subject, now
    session.add(user)
    session.flush()
    set_roles(session, user, roles)
    return user


def is_name(name: str) -> bool:
    """Tests whether an account can have this name."""
    return bool(_NAME.fullmatch(name))


def describe(user: User, full_name: str, email: str) -> None:
    """Sets the name that is shown, and the address for notifications; raises WrongUsage for invalid ones."""
    full_name, email = full_name.strip() or user.name, email.strip()
    if len(full_name) > _LONGEST_NAME or not full_name.isprintable():
        raise WrongUsage(f"Invalid full name. Write it in one line of {_LONGEST_NAME} characters at most.")
    if email and not _EMAIL.fullmatch(email):
        raise WrongUsage(f"Invalid email address {email!r}. Write one address, as in ann@example.com, or none.")
    user.full_name, user.email = full_name, email


def set_roles(session: Session, user: User, roles: Mapping[int, Role]) -> None:
    """Replaces the roles of a person; raises NotPossible when no operator of all services would be left."""
    session.execute(delete(UserRole).where(col(UserRole.user_id) == user.id))
    session.add_all(UserRole(user_id=user.id, service_id=one, role=role) for one, role in roles.items())
    session.flush()
    _check_operators(session)


def remove_user(session: Session, user: User, now: datetime) -> None:
    """Closes an account and ends its sessions; raises NotPossible for the last operator of all services."""
    user.removed_at, user.password_hash, user.subject = now, "", None
    session.add(user)
    end_sessions(session, user)
    session.flush()
    _check_operators(session)


def _check_operators(session: Session) -> None:
    operators = select(func.count()).select_from(UserRole).join(User, col(User.id) == col(UserRole.user_id))
    of_all = operators.where(
        col(User.removed_at).is_(None), UserRole.service_id == EVERY_SERVICE, UserRole.role == Role.OPERATOR
    )
    if not session.exec(of_all).one():
        raise NotPossible("One operator of all services must be left; make another person one first.")


def list_users(session: Session) -> list[User]:
    """Lists the open accounts by name."""
    return list(session.exec(select(User).where(col(User.removed_at).is_(None)).order_by(User.name)))


def find_user(session: Session, name: str) -> User:
    """Finds an open account; raises WrongUsage when there is none."""
    if user := _open_account(session, name):
        return user
    raise WrongUsage(f"There is no account {name!r}; `campaign user list` shows them.")


def _open_account(session: Session, name: str) -> User | None:
    named = select(User).where(User.name == name.strip().lower(), col(User.removed_at).is_(None))
    return session.exec(named).first()


def find_by_subject(session: Session, subject: str, email: str) -> User | None:
    """Finds the person whom an OpenID provider names; at the first time by the verified email address, if there is one.

    The address has to be what the person signs in with, or where notifications go.
    """
    is_open = col(User.removed_at).is_(None)
    user = session.exec(select(User).where(User.subject == subject, is_open)).first()
    if user is None and email:
        known = or_(User.name == email.lower(), func.lower(User.email) == email.lower())
        found = session.exec(select(User).where(known, is_open, col(User.subject).is_(None))).all()
        if len(found) == 1:
            user = found[0]
            user.subject = subject
            session.add(user)
    return user


def roles_of(session: Session, user: User) -> dict[int, Role]:
    """Returns the roles of a person by service."""
    return {one.service_id: one.role for one in session.exec(select(UserRole).where(UserRole.user_id == user.id))}


def set_password(session: Session, user: User, password: str) -> None:
    """Sets a password and ends all sessions of the person; raises WrongUsage for a short one."""
    if len(password) < LEAST_PASSWORD:
        raise WrongUsage(f"The password has {len(password)} characters; use at least {LEAST_PASSWORD}.")
    user.password_hash = _hasher().hash(password)
    session.add(user)
    end_sessions(session, user)


def check_password(session: Session, name: str, password: str) -> User | None:
    """Returns the person with this name and password; None when there is none, after the same time."""
    from argon2.exceptions import InvalidHashError, VerificationError

    user = _open_account(session, name)
    try:
        _hasher().verify((user and user.password_hash) or _unknown_hash(), password)
    except (VerificationError, InvalidHashError):
        return None
    return user


@cache
def _hasher() -> "PasswordHasher":
    """Hashes with argon2-cffi's own parameters, those of RFC 9106 for little memory."""
    from argon2 import PasswordHasher  # slow to import, and most commands hash nothing

    return PasswordHasher()


@cache
def _unknown_hash() -> str:
    """Returns what is verified where there is no such person: the answer then takes as long, and does not show that."""
    return _hasher().hash(secrets.token_hex(16))


def one_time_link(user: User) -> str:
    """Returns the path at which the person chooses a password: once, within two days."""
    return f"/desk/welcome/{sign_for_a_while(_LINK, [user.id, _state_of(user)])}"


def user_of_link(session: Session, token: str) -> User | None:
    """Returns the person of a one-time link; None when it was used, is too old or is not ours."""
    content = signed_within(_LINK, token, int(LINK_LENGTH.total_seconds()))
    if not isinstance(content, list):
        return None
    user = session.get(User, content[0])
    return user if user and user.removed_at is None and _state_of(user) == content[1] else None


def _state_of(user: User) -> str:
    """Returns what changes with the password, and when the account is opened again: older links lead nowhere."""
    return sha256(f"{user.id} {user.password_hash} {user.created_at.timestamp()}".encode()).hexdigest()[:16]


def begin_session(session: Session, user: User, now: datetime) -> str:
    """Begins a session; returns the token for the cookie. Sessions that ended are deleted."""
    session.execute(delete(UserSession).where(col(UserSession.ends_at) <= now))
    token = secrets.token_urlsafe(32)
    session.add(UserSession(token_hash=_hash(token), user_id=user.id, created_at=now, ends_at=now + SESSION_LENGTH))
    return token


def person_of(session: Session, token: str, now: datetime) -> Person | None:
    """Returns the person of a session that has not ended."""
    found = session.get(UserSession, _hash(token)) if token else None
    user = session.get(User, found.user_id) if found and found.ends_at > now else None
    return Person(user, roles_of(session, user)) if user and user.removed_at is None else None


def end_session(session: Session, token: str) -> None:
    """Ends one session: a copy of its cookie opens nothing any more."""
    session.execute(delete(UserSession).where(col(UserSession.token_hash) == _hash(token)))


def end_sessions(session: Session, user: User) -> None:
    """Ends all sessions of a person."""
    session.execute(delete(UserSession).where(col(UserSession.user_id) == user.id))


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry, with the name of its delivery."""

    id: int
    at: datetime
    actor: str
    subject: str
    """`delivery post-2026-11-26-launch`, `service acme`, `user ann`."""
    action: str
    detail: str

    def as_cells(self) -> list[str]:
        """Returns the cells of a CSV file, under `COLUMNS`."""
        return [self.at.isoformat(), self.actor, self.subject, self.action, self.detail]


AUDIT_COLUMNS = ("at", "who", "what", "action", "detail")


def record_audit(session: Session, actor: str, subject: str, action: str, now: datetime, detail: str = "") -> None:
    """Records what a person did, where that is no delivery: `service acme`, `user ann`; never a text that was sent."""
    session.add(AuditEntry(at=now, actor=actor, subject=subject[:120], action=action, detail=detail))


def list_audit(
    session: Session, *, actor: str = "", search: str = "", before_id: int | None = None, limit: int | None = None
) -> Iterator[AuditRow]:
    """Lists entries, the newest first: of one person, or with a word in what was changed or how."""
    entries = select(AuditEntry, Delivery.name).join(Delivery, col(Delivery.id) == AuditEntry.delivery_id, isouter=True)
    if actor:
        entries = entries.where(AuditEntry.actor == actor)
    if search:
        columns = (col(AuditEntry.subject), col(AuditEntry.action), col(AuditEntry.detail), col(Delivery.name))
        entries = entries.where(or_(*(func.lower(one).contains(search.lower(), autoescape=True) for one in columns)))
    if before_id:
        entries = entries.where(col(AuditEntry.id) < before_id)
    entries = entries.order_by(col(AuditEntry.id).desc()).limit(limit).execution_options(yield_per=1_000)
    for entry, name in session.exec(entries):
        subject = f"delivery {name}" if name else entry.subject
        yield AuditRow(entry.id, entry.at, entry.actor, subject, entry.action, entry.detail)


def list_actors(session: Session) -> list[str]:
    """Lists those who did something, people and runs, by name."""
    return list(session.exec(select(AuditEntry.actor).distinct().order_by(AuditEntry.actor).limit(500)))

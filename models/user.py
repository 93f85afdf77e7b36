"""The people who use the desk: their accounts, their roles on services, their sessions."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from models.base import Id, Moment, stored_as_text


class Role(StrEnum):
    """What a person may do for a service; each role includes the ones before it."""

    VIEWER = "viewer"
    """Reads everything of the service."""
    WRITER = "writer"
    """Writes posts and broadcasts, asks for proofs and approvals."""
    APPROVER = "approver"
    """Approves what goes out; pauses, stops and withdraws it."""
    OPERATOR = "operator"
    """Connects accounts, sets limits, erases people, starts and stops workflows."""

    def includes(self, other: "Role") -> bool:
        """Tests whether a person with this role may do what the other role allows."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class User(SQLModel, table=True):
    """A person with an account at the desk."""

    __tablename__ = "desk_user"

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    name: str = Field(unique=True, max_length=64)
    """What the person signs in with, in lower case: a short name or an email address."""
    full_name: str = Field(max_length=120)
    """As it is shown beside what the person did."""
    email: str = Field(default="", max_length=320)
    """Where notifications go; empty for none."""
    language: str = Field(default="", max_length=16)
    """Of the pages; empty: as the browser asks."""
    password_hash: str = Field(default="", repr=False, sa_type=Text)
    """Argon2; empty until the person chooses a password with the one-time link, or signs in elsewhere."""
    subject: str | None = Field(default=None, unique=True, max_length=255)
    """What an OpenID provider calls the person; None for a local account."""
    created_at: datetime = Field(sa_type=Moment)
    removed_at: datetime | None = Field(default=None, sa_type=Moment)
    """When the account was closed; its name stays in the audit."""


class UserRole(SQLModel, table=True):
    """The role of a person for one service."""

    __tablename__ = "desk_user_role"

    user_id: int = Field(primary_key=True, foreign_key="desk_user.id", sa_type=Id)
    service_id: int = Field(primary_key=True, sa_type=Id)
    """models.EVERY_SERVICE for all of them, also those connected later."""
    role: Role = Field(sa_type=stored_as_text(Role))


class UserSession(SQLModel, table=True):
    """One browser in which a person is signed in."""

    __tablename__ = "desk_session"

    token_hash: str = Field(primary_key=True, max_length=64)
    """SHA-256 of what the cookie holds: a stolen copy of the database opens no session."""
    user_id: int = Field(foreign_key="desk_user.id", index=True, sa_type=Id)
    created_at: datetime = Field(sa_type=Moment)
    ends_at: datetime = Field(sa_type=Moment)

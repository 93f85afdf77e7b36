"""A person on X."""

from datetime import datetime

from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.base import Id, Moment

ORIGIN = "Twitter"


class Visitor(SQLModel, table=True):
    """A person on X, once per X user id whatever the number of services followed.

    Usernames are not unique: people rename themselves and swap handles. Counts go beyond 2^31.
    """

    __table_args__ = (UniqueConstraint("origin", "external_id"),)

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    origin: str = Field(default=ORIGIN, max_length=16)
    external_id: str = Field(max_length=20)
    username: str | None = Field(default=None, max_length=50)
    """Longer than today's 15 characters for some old accounts."""
    full_name: str | None = None
    followers_count: int | None = Field(default=None, sa_type=BigInteger)
    verified: bool | None = None
    location: str | None = None
    """As the person wrote it."""
    folder: str
    """The visitor folder of the service that met this person first."""
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)

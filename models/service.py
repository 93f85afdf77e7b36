"""A connected X account, without its secrets."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.base import Id, Moment, UsDollars, stored_as_text


class ApiVersion(StrEnum):
    """Which of X's APIs a service is read and written with."""

    V2 = "2"
    V1_1 = "1.1"
    """X calls it legacy and refuses it to most keys (error 453); complete here for those who still have it."""


class MessagePolicy(StrEnum):
    """Whom a service writes direct messages to."""

    ALL_FOLLOWERS = "all_followers"
    """Whoever a delivery targets; a person confirms the number of those who never agreed."""
    CONSENTED_ONLY = "consented_only"
    """Only people whose consent is recorded."""


OPT_OUT_LINE = "Reply STOP to stop these messages."


class ServiceState(StrEnum):
    """What X said when the keys were last checked."""

    UNCHECKED = "unchecked"
    OK = "ok"
    NEEDS_ATTENTION = "needs_attention"


class Service(SQLModel, table=True):
    """What a person set for a service, and what X answered when its keys were checked."""

    __table_args__ = (
        Index(
            "uq_service_connected_name",
            text("lower(internal_name)"),
            unique=True,
            postgresql_where=text("removed_at is null"),
            sqlite_where=text("removed_at is null"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    block_id: str | None = Field(default=None, unique=True, max_length=36)
    """The form in Prefect's UI, on the server that `form_type_id` names; None before a server showed one."""
    form_type_id: str | None = Field(default=None, max_length=36)
    """The form's block type in Prefect, which tells its servers apart: what another server misses is not removed."""
    form_seen_at: datetime | None = Field(default=None, sa_type=Moment)
    """When the form was last saved, as Prefect's server tells it: another time there is a change by a person."""
    form_shows_at: datetime | None = Field(default=None, sa_type=Moment)
    """The `saved_at` that the form shows: another one is a change that was made elsewhere."""
    internal_name: str = Field(index=True, max_length=15)
    """Unique among the connected services; a removed one keeps its name until it is connected again."""
    label: str
    visitor_folder: str
    synchronize: bool
    proof: bool
    api_version: ApiVersion = Field(sa_type=stored_as_text(ApiVersion))
    owned: bool
    spend_cap: Decimal = Field(sa_type=UsDollars)
    """US dollars in a calendar month (UTC)."""
    app: str = Field(default="", max_length=16, index=True)
    """A mark of the developer app: X's limits per app are shared by the services that have the same."""
    message_policy: MessagePolicy = Field(default=MessagePolicy.ALL_FOLLOWERS, sa_type=stored_as_text(MessagePolicy))
    opt_out_line: str = Field(default=OPT_OUT_LINE, sa_type=Text)
    frequency_cap: int = 0
    """No more messages to one person in `frequency_days`; 0 is no cap."""
    frequency_days: int = 7
    quiet_hours: str = Field(default="", max_length=11)
    """No messages then, as in 22:00-08:00; empty for none."""
    timezone: str = Field(default="", max_length=64)
    """Of the quiet hours; empty is CAMPAIGN_TIMEZONE."""
    daily_limit: int = 0
    """Messages in 24 hours; 0 is X's own limit."""
    join_purpose: str = Field(default="", sa_type=Text)
    """Why people are asked to share their profile, as the page says it."""
    asks_email: bool = False
    """Whether they are asked for their email address too; only with OAuth 2 keys."""
    has_oauth2: bool = False
    """Whether its keys include a client id and a client secret."""
    reconciliation: str = Field(default="x_user_id, email", max_length=64)
    """What tells that a profile belongs to a contact that is there, the first first; empty for none."""
    saved_at: datetime | None = Field(default=None, sa_type=Moment)
    """When it was last changed, by command or form: keys saved since the last check are checked again."""
    removed_at: datetime | None = Field(default=None, sa_type=Moment)
    """When it was disconnected and its keys deleted; its visitors stay."""

    state: ServiceState = Field(default=ServiceState.UNCHECKED, sa_type=stored_as_text(ServiceState))
    blocked: bool = False
    """Whether what needs attention lets nothing be done for this account."""
    problems: str = Field(default="", sa_type=Text)
    """One sentence with its remedy per line."""
    checked_at: datetime | None = Field(default=None, sa_type=Moment)
    x_user_id: str | None = Field(default=None, unique=True, max_length=20)
    x_username: str | None = Field(default=None, max_length=50)
    x_name: str | None = None
    followers_count: int | None = Field(default=None, sa_type=BigInteger)
    protected: bool | None = None
    access_level: str | None = None
    longest_post: int = 280
    """How long a post may be, as X weighs it: subscribers may write longer ones."""

    @property
    def is_connected(self) -> bool:
        """Whether it was not removed."""
        return self.removed_at is None


class FormProblem(SQLModel, table=True):
    """A form of a service, saved in Prefect's UI, that cannot be used as it is."""

    __tablename__ = "form_problem"

    block_id: str = Field(primary_key=True, max_length=36)
    sentence: str = Field(sa_type=Text)
    """Everything that is wrong with it, and what to write."""

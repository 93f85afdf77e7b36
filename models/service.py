"""Connected X accounts with their secrets and ledgers, and the people who work with them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.base import Id, Moment, UsDollars, stored_as_text


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


class ApiVersion(StrEnum):
    """Which of X's APIs a service is read and written with."""

    V2 = "2"
    V1_1 = "1.1"
    """X calls it legacy and refuses it for most keys (error 453); complete here for keys that still have it."""


class MessagePolicy(StrEnum):
    """The people to whom a service may write direct messages."""

    ALL_FOLLOWERS = "all_followers"
    """All people that a delivery targets; the number of those without consent is confirmed separately."""
    CONSENTED_ONLY = "consented_only"
    """Only people whose consent is recorded; see `wrote_first_counts`."""


PLAIN_OPT_OUT_LINE = "Reply STOP to stop these messages."
OPT_OUT_LINE = "Reply STOP or open {{ leave_link }} to stop these messages."
"""Of new services; without a public address the plain line takes its place."""


class ServiceState(StrEnum):
    """The result of the last check of the keys."""

    UNCHECKED = "unchecked"
    OK = "ok"
    NEEDS_ATTENTION = "needs_attention"


class Service(SQLModel, table=True):
    """The settings of a service, and what X answered when its keys were checked."""

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
    """When Prefect's server last saved the form; another time there means that a person changed it."""
    form_shows_at: datetime | None = Field(default=None, sa_type=Moment)
    """The `saved_at` that the form shows; another one means a change that was made elsewhere."""
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
    """Identifies the developer app: services with the same app share X's limits per app."""
    message_policy: MessagePolicy = Field(default=MessagePolicy.ALL_FOLLOWERS, sa_type=stored_as_text(MessagePolicy))
    wrote_first_counts: bool = False
    """Whether a person who only wrote first counts as consented: X asks no more, most laws on marketing do."""
    opt_out_line: str = Field(default=OPT_OUT_LINE, sa_type=Text)
    frequency_cap: int = 0
    """Most messages to one person in `frequency_days`; 0 is no cap."""
    frequency_days: int = 7
    quiet_hours: str = Field(default="", max_length=11)
    """Such as 22:00-08:00, when no messages are sent; empty for none."""
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
    """Fields that match a profile to an existing contact, in this order; empty for none."""
    approval_by_another: bool = False
    """Whether a delivery is approved by another person than its writer."""
    two_approvers_recipients: int = 0
    """Two people approve a broadcast to more recipients; 0 is off."""
    two_approvers_cost: Decimal = Field(default=Decimal(0), sa_type=UsDollars)
    """Two people approve a delivery that costs more, in US dollars; 0 is off."""
    saved_at: datetime | None = Field(default=None, sa_type=Moment)
    """When it was last changed, by command or form: keys saved since the last check are checked again."""
    removed_at: datetime | None = Field(default=None, sa_type=Moment)
    """When it was disconnected and its keys deleted; its visitors stay."""

    state: ServiceState = Field(default=ServiceState.UNCHECKED, sa_type=stored_as_text(ServiceState))
    blocked: bool = False
    """Whether its problems prevent all work for this account."""
    problems: str = Field(default="", sa_type=Text)
    """One sentence with its remedy per line."""
    checked_at: datetime | None = Field(default=None, sa_type=Moment)
    rejected_since: datetime | None = Field(default=None, sa_type=Moment)
    """When X first rejected keys that it had accepted before; None once it accepts them again."""
    x_user_id: str | None = Field(default=None, unique=True, max_length=20)
    x_username: str | None = Field(default=None, max_length=50)
    x_name: str | None = None
    picture_url: str | None = Field(default=None, sa_type=Text)
    followers_count: int | None = Field(default=None, sa_type=BigInteger)
    protected: bool | None = None
    access_level: str | None = None
    longest_post: int = 280
    """Most characters of a post, as X weighs them: subscribers may write longer ones."""

    @property
    def is_connected(self) -> bool:
        """Whether it was not removed."""
        return self.removed_at is None

    @property
    def has_approval_rules(self) -> bool:
        """Whether it matters who approves its deliveries."""
        return self.approval_by_another or self.two_approvers_recipients > 0 or self.two_approvers_cost > 0


class FormProblem(SQLModel, table=True):
    """A form of a service, saved in Prefect's UI, that cannot be used as it is."""

    __tablename__ = "form_problem"

    block_id: str = Field(primary_key=True, max_length=36)
    sentence: str = Field(sa_type=Text)
    """All problems of it, and how to correct them."""


class SecretKind(StrEnum):
    """The kinds of secrets."""

    SERVICE_KEYS = "service_keys"
    """The four keys of an X account, and the client id and secret of its app; the owner is the service."""
    CONTACT_GRANT = "contact_grant"
    """The token of a person who agreed; the owner is the agreement."""
    PENDING_SIGN_IN = "pending_sign_in"
    """The keys of an app whose account is being connected with X's consent screen; the owner is the person."""
    KEY_CHECK = "key_check"
    """Not a secret: it shows whether an encryption key is the right one."""


class Secret(SQLModel, table=True):
    """One secret of one owner. Read and written by `campaign.db.vault` only."""

    kind: SecretKind = Field(primary_key=True, sa_type=stored_as_text(SecretKind))
    owner_id: int = Field(primary_key=True, sa_type=Id)
    """A service or an agreement, by the kind; 0 for the key check."""
    value: str = Field(repr=False, sa_type=Text)
    """A Fernet token."""
    updated_at: datetime = Field(sa_type=Moment)
    """When it was last encrypted: saved, or given a new key."""


class WindowName(StrEnum):
    """The limit windows X counts in; each has its own family of headers."""

    QUARTER_HOUR = "15_minutes"
    USER_DAY = "user_24_hours"
    APP_DAY = "app_24_hours"


class Budget(SQLModel, table=True):
    """The last values from X of one limit window of one endpoint for one service."""

    service_id: int = Field(primary_key=True, foreign_key="service.id", sa_type=Id)
    endpoint: str = Field(primary_key=True)
    window: WindowName = Field(primary_key=True, sa_type=stored_as_text(WindowName))
    limit: int
    remaining: int
    reset_at: datetime = Field(sa_type=Moment)


class Charge(SQLModel, table=True):
    """The cost of one call: at first the most that it can cost, replaced by the actual cost after X's response."""

    __table_args__ = (
        Index("ix_charge_service_id_at", "service_id", "at"),
        # The few charges that are read before and after each call, among all rows.
        Index(
            "ix_charge_unsettled",
            "service_id",
            "endpoint",
            postgresql_where=text("settled is false"),
            sqlite_where=text("settled is 0"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    service_id: int = Field(foreign_key="service.id", sa_type=Id)
    at: datetime = Field(sa_type=Moment)
    endpoint: str
    """The endpoint that answered; before that, the purpose for which the money is reserved."""
    item: str
    resources: int
    unit_price: Decimal = Field(sa_type=UsDollars)
    amount: Decimal = Field(sa_type=UsDollars)
    settled: bool = False
    """False while X's response is unknown; counts in full."""

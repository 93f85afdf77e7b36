"""The brands whose keys the simulator gave out."""

import secrets
import string
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from campaign.simulator.follows import FollowList

ALPHABET = string.ascii_letters + string.digits


class Condition(StrEnum):
    """What X holds against an account; each is answered with X's own words, see `problems`."""

    OK = "ok"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    LOCKED = "locked"
    NOT_ENROLLED = "not_enrolled"
    USER_NOT_ENROLLED = "user_not_enrolled"
    CREDITS_DEPLETED = "credits_depleted"
    CREDITS_BLOCKED = "credits_blocked"
    LEGACY_REFUSED = "legacy_refused"
    """Only v1.1 is refused, with code 453, as to every self-serve account since 2023."""
    OVER_DAILY_LIMIT = "over_daily_limit"
    """Only new posts are refused, with code 185."""
    LOOKS_AUTOMATED = "looks_automated"
    """Only new posts and messages are refused, with code 226."""
    MENTIONS_REFUSED = "mentions_refused"
    """Only new posts that name a user who did not name the account first are refused, as to self-serve apps."""
    SENDER_RESTRICTED = "sender_restricted"
    """Only new messages are refused: "This operation is not permitted."."""


class AccessLevel(StrEnum):
    """The permission of the account's app, as the header x-access-level spells it."""

    READ = "read"
    READ_WRITE = "read-write"
    READ_WRITE_MESSAGES = "read-write-directmessages"


@dataclass(frozen=True, slots=True)
class Keys:
    """The four OAuth 1.0a keys, as long as X's."""

    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str


@dataclass
class SpendCap:
    """The spending limit of an app in X's console, and what the app's calls have cost since it was set."""

    usd: Decimal
    reset_date: date
    spent: Decimal = Decimal(0)

    def is_reached(self, today: date) -> bool:
        """Returns whether X blocks the app's calls until the cycle ends."""
        return today < self.reset_date and self.spent >= self.usd


@dataclass
class Credits:
    """The credits of an app: those that X gave, those that were bought, and what calls have cost since then."""

    free: Decimal = Decimal(20)
    prepaid: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal:
        """Returns the balance, which may be slightly negative."""
        return self.free + self.prepaid - self.spent


@dataclass
class App:
    """What lets people sign in with an app: its OAuth 2.0 keys, and where X may send them back to."""

    client_id: str
    client_secret: str
    callbacks: list[str] = field(default_factory=list)
    spend_cap: SpendCap | None = None
    credits: Credits | None = None
    """Counted only when they were set; without them calls never end for want of credits."""


class Priced(StrEnum):
    """What X bills (docs.x.com/x-api/getting-started/pricing)."""

    USERS_OWNED = "users_owned"
    USERS_NOT_OWNED = "users_not_owned"
    POSTS_OWNED = "posts_owned"
    POSTS_NOT_OWNED = "posts_not_owned"
    POST_WITH_LINK = "post_with_link"
    POST_WITHOUT_LINK = "post_without_link"
    POST_DELETED = "post_deleted"
    MEDIA = "media"
    METADATA = "metadata"
    MESSAGE = "message"
    MESSAGE_EVENTS = "message_events"
    USERS_EXPANDED = "users_expanded"
    POSTS_EXPANDED = "posts_expanded"


USD = {
    Priced.USERS_OWNED: Decimal("0.001"),
    Priced.USERS_NOT_OWNED: Decimal("0.010"),
    Priced.USERS_EXPANDED: Decimal("0.010"),
    Priced.POSTS_OWNED: Decimal("0.001"),
    Priced.POSTS_NOT_OWNED: Decimal("0.005"),
    Priced.POSTS_EXPANDED: Decimal("0.005"),
    Priced.POST_WITH_LINK: Decimal("0.200"),
    Priced.POST_WITHOUT_LINK: Decimal("0.015"),
    Priced.POST_DELETED: Decimal("0.005"),
    Priced.MEDIA: Decimal("0.010"),
    Priced.METADATA: Decimal("0.005"),
    Priced.MESSAGE: Decimal("0.015"),
    Priced.MESSAGE_EVENTS: Decimal("0.010"),
}
"""What each of them costs."""
Expanded = dict[Priced, list[str]]
"""The ids of what an answer shows under `includes`, billed once a day."""


@dataclass
class Account:
    """One brand; `number` is that of its user, `index` its place among the accounts.

    `bill` counts what X bills. A user or post that is read again on the same day is counted again, unlike X does;
    only what expansions show is counted once a day.
    """

    index: int
    number: int
    keys: Keys
    app: App
    owns_app: bool = True
    """Whether the app is its own; X has cheaper reads for its owner only."""
    access_level: AccessLevel = AccessLevel.READ_WRITE_MESSAGES
    condition: Condition = Condition.OK
    follows: FollowList = field(default_factory=FollowList)
    calls: Counter[str] = field(default_factory=Counter)
    bill: Counter[Priced] = field(default_factory=Counter)
    expanded: set[tuple[Priced, str, date]] = field(default_factory=set)
    """What expansions showed, and on which day."""

    def charge(self, priced: Priced, resources: int) -> None:
        """Bills these resources, and counts them for the spending limit and the balance."""
        self.bill[priced] += resources
        for account in (self.app.spend_cap, self.app.credits):
            if account is not None:
                account.spent += USD[priced] * resources

    def charge_expanded(self, expanded: Expanded, today: date) -> None:
        """Bills what an answer shows under `includes`, once a day (UTC)."""
        for priced, ids in expanded.items():
            new = {(priced, each, today) for each in ids} - self.expanded
            self.expanded |= new
            self.charge(priced, len(new))


def make_keys(user_id: str, app: Keys | None = None) -> Keys:
    """Returns new keys for the account with this user id, of an app of its own or of the one with these keys."""
    consumer = (app.consumer_key, app.consumer_secret) if app else (random_text(25), random_text(50))
    return Keys(*consumer, f"{user_id}-{random_text(40)}", random_text(45))


def make_app() -> App:
    """Returns a new app, whose keys are as long as X's; it names no callback yet."""
    return App(random_text(34), random_text(50))


def random_text(length: int) -> str:
    """Returns letters and digits that cannot be guessed."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))

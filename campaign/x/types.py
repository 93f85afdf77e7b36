"""The small records that the gateway returns, and the prices of X. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from pydantic import SecretStr

from campaign.errors import WrongUsage
from models import WindowName

_LONGEST, _LONGEST_OF_SUBSCRIBERS = 280, 25_000
_SUBSCRIBERS = frozenset({"Premium", "PremiumPlus"})


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the keys. `access_level` is the app's permission as X names it, None when X did not.

    `subscription` is the paid subscription as X names it, such as "Premium" or "PremiumPlus"; None without one.
    """

    user_id: str
    username: str
    name: str
    followers_count: int
    protected: bool
    access_level: str | None = None
    subscription: str | None = None
    picture_url: str | None = None

    @property
    def longest_post(self) -> int:
        """Returns the most weighted characters of a post (docs.x.com: counting-characters, changelog Aug 2024)."""
        return _LONGEST_OF_SUBSCRIBERS if self.subscription in _SUBSCRIBERS else _LONGEST


__all__ = ["Window", "WindowName", "opens_at"]


@dataclass(frozen=True, slots=True)
class Window:
    """One limit window of one endpoint as X reported it: `remaining` of `limit` calls until `reset_at`."""

    name: WindowName
    limit: int
    remaining: int
    reset_at: datetime


def opens_at(windows: Iterable[Window], now: datetime) -> datetime | None:
    """Returns the moment from which every window allows a call again; None when all of them allow one now."""
    closed = [window.reset_at for window in windows if window.remaining <= 0 and window.reset_at > now]
    return max(closed, default=None)


class Follower(NamedTuple):
    """One X user in a list of followers. X leaves empty fields out, so all but the id may be missing.

    A tuple, because there is one for every person of every page: making it takes a third of a dataclass's time.
    """

    external_id: str
    username: str | None = None
    full_name: str | None = None
    followers_count: int | None = None
    verified: bool | None = None
    location: str | None = None
    """Free text of the person."""
    receives_messages: bool | None = None
    """Whether the person takes direct messages of the account that reads the list; None when X does not say."""


@dataclass(frozen=True, slots=True)
class FollowerPage:
    """A page of followers, newest first; `next_token` is None on the last page, however short the others are."""

    followers: list[Follower]
    next_token: str | None


class ReplySettings(StrEnum):
    """The people who may answer a post (docs.x.com/x-api/posts/create-post, `reply_settings`); all when none is set."""

    FOLLOWING = "following"
    MENTIONED = "mentionedUsers"
    SUBSCRIBERS = "subscribers"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Poll:
    """Two to four answers of at most 25 characters, open for 5 to 10,080 minutes."""

    options: tuple[str, ...]
    minutes: int


@dataclass(frozen=True, slots=True)
class NewPost:
    """A post to be published; `reply_to` is the X id of the post it answers."""

    text: str
    media_ids: tuple[str, ...] = ()
    reply_to: str | None = None
    reply_settings: ReplySettings | None = None
    poll: Poll | None = None
    paid_partnership: bool = False
    made_with_ai: bool = False


@dataclass(frozen=True, slots=True)
class OwnPost:
    """A post of the account as its timeline shows it: `text` as it was written, short links expanded."""

    x_id: str
    text: str
    created_at: datetime
    reply_to: str | None = None
    media: int = 0
    """How many images, or 1 for a GIF or a video."""


class MediaKind(StrEnum):
    """The kind of a file: a post takes at most four images, or one of the others."""

    IMAGE = "tweet_image"
    GIF = "tweet_gif"
    VIDEO = "tweet_video"


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file to be uploaded: its type as in `image/png`, and the alternative text for people who cannot see it."""

    path: str
    media_type: str
    kind: MediaKind
    alt_text: str = ""
    for_messages: bool = False
    """Whether it goes with direct messages, to any number of people, instead of a post."""

    @property
    def category(self) -> str:
        """Returns X's media_category: tweet_image, dm_video."""
        return self.kind.value.replace("tweet", "dm") if self.for_messages else self.kind.value


@dataclass(frozen=True, slots=True)
class UploadedMedia:
    """X's id of an uploaded file, which a post may use until `expires_at`."""

    media_id: str
    expires_at: datetime


LONGEST_MESSAGE = 10_000
"""Characters (X's announcement of 2015; its API's description names no length)."""
_EPOCH_MS = 1_288_834_974_657
"""docs.x.com/fundamentals/x-ids: ids count milliseconds from then in their upper bits."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A direct message to one X user id, with at most one file."""

    recipient: str
    text: str
    media_id: str | None = None


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """A message between the account and one person as X shows it: `text` as it was written, short links expanded."""

    x_id: str
    sender: str
    recipient: str
    text: str
    created_at: datetime
    username: str | None = None
    """The handle of its sender, where X shows it."""


@dataclass(frozen=True, slots=True)
class MessageEvents:
    """Events, newest first; `is_complete` is True when no event after the requested one is missing."""

    events: Sequence[MessageEvent]
    is_complete: bool


def first_id_at(moment: datetime) -> str:
    """Returns the lowest id that X may assign from this moment on."""
    milliseconds = int(moment.astimezone(UTC).timestamp() * 1000) - _EPOCH_MS
    return str(max(0, milliseconds) << 22)


@dataclass(frozen=True, slots=True)
class PostCounts:
    """The figures of one post at the moment they were read; None where X sent none."""

    x_id: str
    reposts: int | None = None
    likes: int | None = None
    replies: int | None = None
    quotes: int | None = None
    bookmarks: int | None = None
    impressions: int | None = None
    link_visits: int | None = None
    """Visible to the author only, for posts of the last 30 days."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person who signed in."""

    external_id: str
    """X user id."""
    username: str
    full_name: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of a person who signed in, texts as written there; None where X sent nothing."""

    external_id: str
    username: str
    full_name: str
    description: str | None = None
    location: str | None = None
    website: str | None = None
    """The full address where X shows it, else the short link."""
    picture_url: str | None = None
    verified: bool | None = None
    followers_count: int | None = None
    posts_count: int | None = None
    joined_x_at: datetime | None = None
    language: str | None = None
    email: str | None = None
    """Confirmed by X; present only when the person granted it."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Price:
    """X's price of one resource in US dollars, with its source and date."""

    item: str
    usd: Decimal
    source: str
    as_of: date

    def together(self, other: "Price") -> "Price":
        """Returns the most that one resource costs when X shows another beside it, to reserve budget for both."""
        return replace(self, item=f"{self.item} + {other.item}", usd=self.usd + other.usd)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One answered call: `resources` units at `price`, and the limit windows as X left them."""

    endpoint: str
    price: Price
    resources: int
    windows: tuple[Window, ...] = ()

    @property
    def usd(self) -> Decimal:
        """Returns the cost of the call in US dollars."""
        return self.price.usd * self.resources


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The value that X returned, and the receipts of the calls."""

    value: T
    receipts: tuple[Receipt, ...]
    left_out: tuple[str, ...] = ()
    """The ids of the records on its pages that could not be read, "?" for one without an id: a report counts them."""
    left_off: str = ""
    """Why reading ended before the end of X's list, in one sentence; empty when it did not."""


#: docs.x.com, `GET /2/users/by`: ^[A-Za-z0-9_]{1,15}$
_HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")


def check_handle(text: str) -> str:
    """Returns the handle unchanged; raises WrongUsage when no X account can have it."""
    if _HANDLE.fullmatch(text):
        return text
    if text.startswith("@") and _HANDLE.fullmatch(text[1:]):
        raise WrongUsage(f"Write the handle without the @: {text[1:]}.")
    if len(text) > 15:  # noqa: PLR2004
        raise WrongUsage(f"{text!r} is {len(text)} characters long; a handle on X has at most 15.")
    raise WrongUsage(
        f"{text!r} is not a handle on X; it has 1 to 15 letters, digits and underscores, and nothing else."
    )


#: Keys with these permissions can neither read nor write messages.
NO_MESSAGES = frozenset({"read", "read-write"})


#: The most by which X's clock and ours may differ: a post that is so little older than an attempt may come from it.
CLOCK_SKEW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Keys:
    """OAuth 1.0a keys of one account, as the developer console shows them; its repr shows none of them."""

    consumer_key: SecretStr = field(repr=False)
    consumer_secret: SecretStr = field(repr=False)
    access_token: SecretStr = field(repr=False)
    access_token_secret: SecretStr = field(repr=False)


_LABELS = {each.name: each.name.replace("_", " ") for each in fields(Keys)}

# X builds an access token of the account's id and 40 letters and digits; no other key holds a hyphen.
_ACCESS_TOKEN = re.compile(r"\d+-[A-Za-z0-9]{20,}")
_CONSUMER_KEY_LENGTH, _CONSUMER_SECRET_LENGTH = 25, 50


def problems_of_keys(keys: Keys) -> list[str]:
    """Returns a sentence for every reason why the keys cannot work.

    Only certain mistakes are refused: X never promised the shape of a key.
    """
    values = {label: getattr(keys, name).get_secret_value() for name, label in _LABELS.items()}
    unusable = [
        f"The {label} is empty: copy it from the developer console."
        if not value.strip()
        else f"The {label} contains a space or a line break: copy it again from the developer console."
        for label, value in values.items()
        if not value.strip() or any(character.isspace() for character in value)
    ]
    if unusable:
        return unusable
    problems = list[str]()
    labels = dict[str, str]()
    for label, value in values.items():
        if value in labels and not problems:
            problems.append(
                f"The {labels[value]} and the {label} are the same: copy both again from the developer console."
            )
        labels.setdefault(value, label)
    tokens = [label for label, value in values.items() if _ACCESS_TOKEN.fullmatch(value)]
    if tokens and "access token" not in tokens:
        problems.append(f"The {tokens[0]} looks like an access token (digits, a hyphen, letters): the two are swapped.")
    lengths = len(values["consumer key"]), len(values["consumer secret"])
    if lengths == (_CONSUMER_SECRET_LENGTH, _CONSUMER_KEY_LENGTH):
        problems.append(
            "The consumer key is as long as a consumer secret and the other way round: the two are swapped."
        )
    return problems


_PAGE = "docs.x.com/x-api/getting-started/pricing"
_AS_OF = date(2026, 8, 22)


def _price(item: str, usd: str) -> Price:
    return Price(item, Decimal(usd), _PAGE, _AS_OF)


USER_READ = _price("User: Read", "0.010")
"""A user read with any keys; `GET /2/users/me` is not among the owned reads."""
OWNED_USER_READ = _price("Owned Read: user", "0.001")
"""A follower of the account that owns the developer app, read with that account's keys."""
POST_READ = _price("Post: Read", "0.005")
OWNED_POST_READ = _price("Owned Read: post", "0.001")
POST_CREATE = _price("Post: Create", "0.015")
POST_WITH_LINK_CREATE = _price("Post: Create with URL", "0.200")
POST_DELETE = _price("Content: Manage", "0.005")
MEDIA_FINALIZE = Price("Media: finalize", Decimal("0.010"), "github.com/xdevplatform/playground", _AS_OF)
"""The end of an upload: it is missing on the page, and in X's own playground and list for agents."""
MEDIA_METADATA = _price("Media: metadata", "0.005")
"""The alternative text of a file."""
DIRECT_MESSAGE_CREATE = _price("DM: Create", "0.015")
DIRECT_MESSAGE_EVENT_READ = _price("DM Event: Read", "0.010")

BUILT_IN = (
    USER_READ,
    OWNED_USER_READ,
    POST_READ,
    OWNED_POST_READ,
    POST_CREATE,
    POST_WITH_LINK_CREATE,
    POST_DELETE,
    MEDIA_FINALIZE,
    MEDIA_METADATA,
    DIRECT_MESSAGE_CREATE,
    DIRECT_MESSAGE_EVENT_READ,
)
"""All prices that are calculated with."""
LIVE_NAMES = (
    (USER_READ, "eventTypePricing", "User"),
    (POST_READ, "eventTypePricing", "Post"),
    (DIRECT_MESSAGE_EVENT_READ, "eventTypePricing", "DirectMessage"),
    (POST_CREATE, "requestTypePricing", "ContentCreate"),
    (POST_DELETE, "requestTypePricing", "ContentManage"),
    (MEDIA_METADATA, "requestTypePricing", "MediaMetadata"),
    (DIRECT_MESSAGE_CREATE, "requestTypePricing", "DmInteractionCreate"),
)
"""The names of some of them in X's live list (console.x.com/api/credits/pricing)."""

NOT_CHARGED = _price("Answer without resources", "0")
"""Reads are charged by the resource returned, so a refusal costs nothing."""


def as_on_legacy(price: Price) -> Price:
    """Returns the same price for a v1.1 call: X's price list has no v1.1 rows, so v2's are counted."""
    return replace(price, source=f"{price.source} (v2's price: v1.1 has no rows)")

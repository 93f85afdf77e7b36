"""One X user, made up from its number alone, so that millions of them cost nothing until they are read."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from campaign.simulator.snowflakes import scramble
from campaign.simulator.wording import Link

FIRST = ("Ana", "Bo", "Chidi", "Dilara", "Emre", "Freya", "Goran", "Hana", "Ines", "Jonas", "Keiko", "Luis", "Mina")
LAST = ("Adeyemi", "Bauer", "Costa", "Dupont", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanova", "Jensen", "Kim")
EMOJI = ("🌻", "👩🏽‍💻", "🏳️‍🌈", "🇧🇷", "☕️")
RIGHT_TO_LEFT = ("ليلى حداد", "נועם לוי", "سارا کریمی", "يوسف منصور")
NAME_LENGTH = 50
USERNAME_LENGTH = 15
"""The longest that X allows."""
EPOCH = datetime(2007, 1, 1, tzinfo=UTC)
SALT = 0x2545F4914F6CDD1D  # what is rare about a user must not be readable from the id


class Subscription(StrEnum):
    """What a user pays X for (OpenAPI 2.167, `subscription_type`)."""

    NONE = "None"
    BASIC = "Basic"
    PREMIUM = "Premium"
    PREMIUM_PLUS = "PremiumPlus"


class Reception(StrEnum):
    """Whether a user takes direct messages; v2 answers a closed inbox and a block alike."""

    OPEN = "open"
    CLOSED = "closed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a user wrote into the profile, and figures in place of the imagined ones; X leaves out what is empty."""

    description: str = ""
    location: str = ""
    site: Link | None = None
    profile_image_url: str = ""
    created_at: datetime | None = None
    confirmed_email: str = ""
    lang: str = ""
    metrics: tuple[tuple[str, int], ...] = ()


SILENT = Profile()
"""Profiles are empty until they are set."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of X; `number` is the simulator's own, `id` X's (a decimal string), `omit` the fields X leaves out."""

    number: int
    id: str
    username: str
    name: str
    followers_count: int
    verified: bool
    protected: bool = False
    withheld: bool = False
    reception: Reception = Reception.OPEN
    suspended: bool = False
    gone: bool = False
    subscription_type: str = Subscription.NONE
    omit: frozenset[str] = frozenset()
    profile: Profile = SILENT

    @property
    def receives_your_dm(self) -> bool:
        """Returns whether messages of others reach the user."""
        return self.reception is Reception.OPEN

    @property
    def is_there(self) -> bool:
        """Returns whether X shows the user at all."""
        return not (self.suspended or self.gone)

    @property
    def created_at(self) -> datetime:
        """Returns when the user joined X, in UTC: any second of the years 2007 to 2025 unless it was set."""
        return self.profile.created_at or EPOCH + timedelta(seconds=scramble(self.number) % 599_000_000)


def imagine(number: int) -> User:
    """Returns the user with this number (from 1); always the same one."""
    identity = scramble(number)
    chance = scramble(identity ^ SALT)
    return User(
        number=number,
        id=str(identity),
        username=f"{FIRST[chance % len(FIRST)].lower()}{number}",
        name=_name(chance),
        followers_count=_followers_count(chance),
        verified=chance % 20 == 0,
        protected=chance % 37 == 0,
        withheld=chance % 401 == 0,
        subscription_type=Subscription.PREMIUM if chance % 20 == 0 else Subscription.NONE,
        omit=_omit(chance),
    )


def number_in(username: str) -> int:
    """Returns the number an imagined username ends with; 0 when it is none."""
    digits = username[len(username.rstrip("0123456789")) :]
    return int(digits or "0") if len(username) <= USERNAME_LENGTH else 0


def _name(chance: int) -> str:
    first, last = FIRST[chance % len(FIRST)], LAST[chance % len(LAST)]
    kind = chance // 1009 % 100
    if kind < 10:  # noqa: PLR2004 - ten in a hundred
        return f"{first} {EMOJI[chance % len(EMOJI)]}"
    if kind < 16:  # noqa: PLR2004 - six in a hundred
        return RIGHT_TO_LEFT[chance % len(RIGHT_TO_LEFT)]
    if kind < 18:  # noqa: PLR2004 - two in a hundred
        return (f"{first}-{last}-" * NAME_LENGTH)[:NAME_LENGTH]
    return f"{first} {last}"


def _followers_count(chance: int) -> int:
    if chance % 3001 == 0:
        return (1 << 31) + chance % 1_000_000_000  # does not fit a 32-bit column
    return chance // 7 % (2_000_000 if chance % 100 == 0 else 2_000)


def _omit(chance: int) -> frozenset[str]:
    rarities = {1009: "public_metrics", 1511: "name", 2003: "username"}
    return frozenset(field for one_in, field in rarities.items() if chance % one_in == 1)

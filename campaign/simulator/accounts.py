"""The brands whose keys the simulator gave out."""

import secrets
import string
from collections import Counter
from dataclasses import dataclass, field
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
    CREDITS_DEPLETED = "credits_depleted"
    LEGACY_REFUSED = "legacy_refused"
    """Only v1.1 is refused, with code 453, as to every self-serve account since 2023."""


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
class Account:
    """One brand; `number` is that of its user, `index` its place among the accounts.

    `owned` and `not_owned` count the users returned to it, which is what X bills
    (docs.x.com/x-api/getting-started/pricing); X's forgiveness for the same user on the same day is left out.
    """

    index: int
    number: int
    keys: Keys
    access_level: AccessLevel = AccessLevel.READ_WRITE_MESSAGES
    condition: Condition = Condition.OK
    follows: FollowList = field(default_factory=FollowList)
    calls: Counter[str] = field(default_factory=Counter)
    owned: int = 0
    not_owned: int = 0


def make_keys(user_id: str) -> Keys:
    """New keys for the account with this user id."""
    return Keys(_random(25), _random(50), f"{user_id}-{_random(40)}", _random(45))


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))

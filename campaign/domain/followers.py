"""People on X as the rest of the house sees them."""

from dataclasses import dataclass
from typing import NamedTuple


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
    """Where the person says to be, in any words."""
    receives_messages: bool | None = None
    """Whether the person takes direct messages of the account that reads the list; None when X does not say."""


@dataclass(frozen=True, slots=True)
class FollowerPage:
    """A page of followers, newest first; `next_token` is None on the last page, however short the others are."""

    followers: list[Follower]
    next_token: str | None

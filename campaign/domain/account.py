"""The X account behind a service, as X describes it."""

from dataclasses import dataclass

_LONGEST, _LONGEST_OF_SUBSCRIBERS = 280, 25_000
_SUBSCRIBERS = frozenset({"Premium", "PremiumPlus"})


@dataclass(frozen=True, slots=True)
class Account:
    """Who the keys belong to. `access_level` is X's word for the app's permission, None when X did not say.

    `subscription` is X's word for what the account pays for, "Premium" or "PremiumPlus" among it; None for nothing.
    """

    user_id: str
    username: str
    name: str
    followers_count: int
    protected: bool
    access_level: str | None = None
    subscription: str | None = None

    @property
    def longest_post(self) -> int:
        """How long a post may be, in X's weighted characters (docs.x.com: counting-characters, changelog Aug 2024)."""
        return _LONGEST_OF_SUBSCRIBERS if self.subscription in _SUBSCRIBERS else _LONGEST

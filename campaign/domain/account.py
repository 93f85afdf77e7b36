"""The X account behind a service, as X describes it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """Who the keys belong to. `access_level` is X's word for the app's permission, None when X did not say."""

    user_id: str
    username: str
    name: str
    followers_count: int
    protected: bool
    access_level: str | None = None

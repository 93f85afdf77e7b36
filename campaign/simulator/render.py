"""Users as X writes them, in v2 and in v1.1."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from campaign.simulator.persons import User

ALWAYS = frozenset({"id", "name", "username"})
"""What v2 returns unasked: docs.x.com/x-api/fundamentals/data-dictionary."""

Field = Callable[[User], Any]


def _entities(user: User) -> dict[str, Any] | None:
    """Returns the address of a user's own site, which X shortens as it does all."""
    site = user.profile.site
    names = {"start": 0, "end": len(site.url), "url": site.url, "expanded_url": site.expanded} if site else {}
    return {"url": {"urls": [names | {"display_url": site.display}]}} if site else None


WRITTEN: dict[str, Field] = {
    "id": lambda user: user.id,
    "name": lambda user: user.name,
    "username": lambda user: user.username,
    "created_at": lambda user: f"{user.created_at:%Y-%m-%dT%H:%M:%S}.000Z",
    "confirmed_email": lambda user: user.profile.confirmed_email or None,
    "description": lambda user: user.profile.description or None,
    "entities": _entities,
    "location": lambda user: user.profile.location or None,
    "profile_image_url": lambda user: user.profile.profile_image_url or None,
    "protected": lambda user: user.protected,
    "receives_your_dm": lambda user: user.receives_your_dm,
    "subscription_type": lambda user: user.subscription_type,
    "url": lambda user: user.profile.site.url if user.profile.site else None,
    "verified": lambda user: user.verified,
    "verified_type": lambda user: "blue" if user.verified else "none",
    "withheld": lambda user: {"country_codes": ["DE"], "scope": "user"} if user.withheld else None,
}

EMPTY = {
    *("affiliation", "is_identity_verified", "parody", "profile_banner_url", "subscribes_to_you", "subscription"),
    *("verified_followers_count",),
}
"""Fields that X knows (OpenAPI 2.167) and the simulator leaves empty; X leaves empty fields out."""

FIELDS = {*WRITTEN, "public_metrics", "connection_status"} | EMPTY
"""What may be asked for."""


@dataclass(frozen=True, slots=True)
class View:
    """How users are shown: the fields asked for, X's word for posts, whether they surely follow the reader."""

    fields: frozenset[str]
    posts: str = "tweet"
    following: bool = False

    def show(self, user: User) -> dict[str, Any]:
        """Returns the user as v2 writes it; empty fields are left out, not null."""
        shown = {field: WRITTEN[field](user) for field in WRITTEN if field in self.fields and field not in user.omit}
        if "public_metrics" in self.fields and "public_metrics" not in user.omit:
            shown["public_metrics"] = self._metrics(user)
        if "connection_status" in self.fields and self.following:
            shown["connection_status"] = ["followed_by"]
        return {field: value for field, value in shown.items() if value is not None}

    def _metrics(self, user: User) -> dict[str, int]:
        return {
            f"{self.posts}_count" if name == "tweet_count" else name: count for name, count in metrics_of(user).items()
        }


def metrics_of(user: User) -> dict[str, int]:
    """Returns the user's figures, imagined unless they were set, under their old names."""
    return {
        "followers_count": user.followers_count,
        "following_count": user.number % 5_001,
        "tweet_count": user.number % 20_011,
        "listed_count": user.number % 53,
        "like_count": user.number % 9_973,
        "media_count": user.number % 307,
        **dict(user.profile.metrics),
    }


def legacy(user: User) -> dict[str, Any]:
    """Returns the user as v1.1 writes it: `id` is a number there."""
    written = {
        "id": int(user.id),
        "id_str": user.id,
        "screen_name": user.username,
        "name": user.name,
        "followers_count": user.followers_count,
        "verified": user.verified,
        "protected": user.protected,
        "description": user.profile.description,
        "location": user.profile.location,
        "url": user.profile.site.url if user.profile.site else None,
    }
    names = {"screen_name": "username", "followers_count": "public_metrics"}
    return {field: value for field, value in written.items() if names.get(field, field) not in user.omit}

"""People as X tells of them once they agreed to it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in."""

    external_id: str
    """X user id."""
    username: str
    full_name: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything X tells of somebody who signed in; None is what X did not tell. Texts are as the person wrote them."""

    external_id: str
    username: str
    full_name: str
    description: str | None = None
    location: str | None = None
    website: str | None = None
    """The address itself, where X tells it, and not the short link to it."""
    picture_url: str | None = None
    verified: bool | None = None
    followers_count: int | None = None
    posts_count: int | None = None
    joined_x_at: datetime | None = None
    language: str | None = None
    email: str | None = None
    """Only when the person granted it; X has confirmed it."""

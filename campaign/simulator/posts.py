"""The posts of all accounts."""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from campaign.simulator.media import Media
from campaign.simulator.wording import Link, Wording


@dataclass(frozen=True, slots=True)
class Poll:
    """Answers to choose from, for so many minutes (docs.x.com/x-api/posts/create-post)."""

    options: tuple[str, ...]
    duration_minutes: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A post before it is one; `text` is normalised."""

    text: str
    reply_to: str | None = None
    media_ids: tuple[str, ...] = ()
    poll: Poll | None = None
    reply_settings: str | None = None
    paid_partnership: bool = False
    made_with_ai: bool = False


COUNTED = ("reposts", "likes", "replies", "quotes", "bookmarks", "impressions", "link_visits")
"""What X counts of a post; all are 0 until they are set."""


@dataclass
class Post:
    """A post; `author` is the number of its user, `written` what was sent, `whole` the link to itself."""

    id: str
    author: int
    draft: Draft
    written: Wording
    created: float
    conversation_id: str
    media: tuple[Media, ...] = ()
    media_links: tuple[Link, ...] = ()
    whole: Link = field(default_factory=lambda: Link(0, 0, "", "", ""))
    is_long: bool = False
    """Whether it is more than X shows of a post unasked."""
    deleted: bool = False
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))

    @property
    def created_at(self) -> datetime:
        """Returns when it was made, in UTC."""
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def has_link(self) -> bool:
        """Returns whether its text has a link, which makes it dearer (docs.x.com/x-api/getting-started/pricing)."""
        return bool(self.written.links)


class Posts:
    """All posts by their ids, also the deleted ones; `show_after` is how many seconds X takes to show a new one."""

    def __init__(self) -> None:
        self.show_after = 0.0
        self._all: dict[str, Post] = {}
        self._ids: dict[int, list[int]] = {}

    def add(self, post: Post) -> None:
        """Saves a new post."""
        self._all[post.id] = post
        insort(self._ids.setdefault(post.author, []), int(post.id))

    def get(self, post_id: str) -> Post | None:
        """Returns the post with this id, unless it was deleted."""
        post = self._all.get(post_id)
        return None if post is None or post.deleted else post

    def of(self, author: int) -> list[Post]:
        """Returns every post of this user, the oldest first."""
        return [self._all[str(number)] for number in self._ids.get(author, [])]

    def shown(self, post_id: str, now: float) -> Post | None:
        """Returns the post with this id, when X shows it already."""
        post = self.get(post_id)
        return post if post is not None and self._is_shown(post, now) else None

    def timeline(self, author: int, now: float) -> Iterator[Post]:
        """Returns what X shows of this user's posts, the newest first."""
        return (post for post in reversed(self.of(author)) if self._is_shown(post, now))

    def _is_shown(self, post: Post, now: float) -> bool:
        return not post.deleted and post.created + self.show_after <= now

"""What X counts of a post."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PostCounts:
    """The figures of one post at the moment they were read; None is what X did not tell."""

    x_id: str
    reposts: int | None = None
    likes: int | None = None
    replies: int | None = None
    quotes: int | None = None
    bookmarks: int | None = None
    impressions: int | None = None
    link_visits: int | None = None
    """Told to the author alone, for posts of the last 30 days."""

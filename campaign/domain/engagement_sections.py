"""A report as a list of sections, each a table, a picture or both: the same on paper, on a page and in a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaign.domain.broadcast_waves import written
from campaign.domain.charts import Chart
from campaign.domain.engagement import KINDS, Engagement
from campaign.domain.engagement_cells import Cell, Place, rate
from campaign.domain.engagement_posts import PostNumbers

WORDS = {
    "reposts": "Reposts",
    "likes": "Likes",
    "replies": "Replies",
    "quotes": "Quotes",
    "bookmarks": "Bookmarks",
    "impressions": "Impressions",
    "link_visits": "Link visits (X)",
}
_SHORT = 40


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report. The columns of `rows` are named; the first of each row says what the row is about."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    chart: Chart | None = None
    said: str = ""
    """A sentence for people below the title."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is shown: a title, what it is about in one line, and its sections."""

    title: str
    about: str
    sections: tuple[Section, ...]


def reactions_section(posts: Sequence[PostNumbers], engagement: Engagement, figure: float | None) -> Section:
    """Reactions by their kind, impressions and the rate, and when they were counted."""
    counts: list[tuple[Cell, ...]] = [(WORDS[name], getattr(engagement, name)) for name in WORDS]
    rows = [*counts, ("Reactions", engagement.reactions), ("Engagement rate", rate(figure))]
    known = tuple(getattr(engagement, kind) for kind in KINDS)
    chart = Chart("Reactions by kind", tuple(WORDS[kind] for kind in KINDS), (("Reactions", known),))
    if engagement.reactions is None:
        return Section("Reactions", said="X has not been asked yet: run engagement-statistics.")
    counted_at = max(post.counted_at for post in posts if post.counted_at)
    said = "Reactions are reposts, likes, replies, quotes and bookmarks; the rate is reactions / impressions."
    return Section(
        "Reactions", ("What", "Number"), tuple(rows), chart, f"{said} Last counted at {written(counted_at)}."
    )


def posts_section(title: str, posts: Sequence[PostNumbers], *, with_delivery: bool = False) -> Section:
    """One line for each post; one that is deleted says when that was found."""
    columns = ["Post", "Delivery", "Published", "Remark", "Reactions", "Engagement rate", *WORDS.values()]
    left_out = set() if with_delivery else {columns.index("Delivery")}
    if not any(map(_remark, posts)):
        left_out.add(columns.index("Remark"))
    kept = [place for place in range(len(columns)) if place not in left_out]
    rows = [_post_row(post) for post in posts]
    return Section(title, tuple(columns[place] for place in kept), tuple(tuple(row[at] for at in kept) for row in rows))


def _post_row(post: PostNumbers) -> tuple[Cell, ...]:
    counts = [getattr(post.engagement, name) for name in WORDS]
    success = post.engagement.reactions, rate(post.engagement.rate)
    place = Place(f"@{post.handle} {post.x_id}", post.address)
    delivery = delivery_place(post.delivery, post.label)
    return (place, delivery, post.published_at, _remark(post), *success, *counts)


def _remark(post: PostNumbers) -> str:
    if post.deleted_at:
        return f"deleted on {post.deleted_at:%Y-%m-%d}"
    return "" if post.counted_at else "not counted yet"


def delivery_place(name: str, label: str) -> Place:
    """The words for a delivery, and its page."""
    words = label or name
    return Place(words if len(words) <= _SHORT else f"{words[:_SHORT]}…", f"/reports/delivery/{name}")

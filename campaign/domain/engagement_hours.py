"""At which hour of the day posts do well, and which posts did best. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from zoneinfo import ZoneInfo

from campaign.domain.engagement import rounded
from campaign.domain.engagement_posts import PostNumbers

HOURS = range(24)
MOST_BEST = 10


@dataclass(frozen=True, slots=True)
class Hour:
    """The posts that went out in one hour of the day: how many, and the average of their rates."""

    hour: int
    posts: int = 0
    rate: float | None = None

    def as_json(self) -> dict[str, object]:
        """The hour as scripts read it."""
        return {"hour": self.hour, "posts": self.posts, "engagement_rate": rounded(self.rate)}


def by_hour(posts: Sequence[PostNumbers], timezone: str) -> tuple[Hour, ...]:
    """All 24 hours, by the clocks of a time zone; each post counts as much as any other, however often it was shown."""
    zone, found = ZoneInfo(timezone), defaultdict[int, list[float | None]](list)
    for post in posts:
        if post.published_at:
            found[post.published_at.astimezone(zone).hour].append(post.engagement.rate)
    return tuple(Hour(hour, len(found[hour]), _average(found[hour])) for hour in HOURS)


def _average(rates: Sequence[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return fmean(known) if known else None


def best(posts: Sequence[PostNumbers], at_most: int = MOST_BEST) -> tuple[PostNumbers, ...]:
    """The posts with the most reactions, and among equals those with the best rate; never one without any."""
    liked = [post for post in posts if post.engagement.reactions]
    liked.sort(key=lambda post: (post.engagement.reactions or 0, post.engagement.rate or 0), reverse=True)
    return tuple(liked[:at_most])

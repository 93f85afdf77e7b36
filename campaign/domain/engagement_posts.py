"""A post and what came of it, and a link and who followed it."""

from dataclasses import dataclass, field
from datetime import datetime

from campaign.domain.broadcast_report_rows import iso
from campaign.domain.engagement import Engagement, added, rate_of, rounded


@dataclass(frozen=True, slots=True)
class PostNumbers:
    """A post that went out, with what X counted when it was last asked."""

    delivery: str
    """The internal name of its delivery."""
    label: str
    service: str
    handle: str
    part: int
    x_id: str
    published_at: datetime | None = None
    engagement: Engagement = field(default_factory=Engagement)
    counted_at: datetime | None = None
    """None while nobody asked X."""
    deleted_at: datetime | None = None
    """When it was deleted by us, or found missing on X; its last numbers stay."""

    @property
    def address(self) -> str:
        """Where it is, or was, on X."""
        return f"https://x.com/{self.handle}/status/{self.x_id}"

    def as_json(self) -> dict[str, object]:
        """The post as scripts read it."""
        return {
            "delivery": self.delivery,
            "service": self.service,
            "part": self.part,
            "x_id": self.x_id,
            "link": self.address,
            "published_at": iso(self.published_at),
            "counted_at": iso(self.counted_at),
            "deleted_at": iso(self.deleted_at),
            **self.engagement.as_json(),
            "engagement_rate": rounded(self.engagement.rate),
        }


class OfPosts:
    """What a report says of all its posts together."""

    __slots__ = ()
    posts: tuple[PostNumbers, ...]

    @property
    def engagement(self) -> Engagement:
        """The numbers of all the posts."""
        return added(post.engagement for post in self.posts)

    @property
    def rate(self) -> float | None:
        """Reactions for each time shown, of the posts whose impressions X told."""
        return rate_of(post.engagement for post in self.posts)


@dataclass(frozen=True, slots=True)
class LinkNumbers:
    """A tracked link of a delivery: clicks of people, and apart from them those of robots."""

    number: int
    url: str
    label: str = ""
    category: str = ""
    clicks: int = 0
    robots: int = 0

    def as_json(self) -> dict[str, object]:
        """The link as scripts read it."""
        return {
            "number": self.number,
            "url": self.url,
            "label": self.label,
            "category": self.category,
            "clicks": self.clicks,
            "robot_clicks": self.robots,
        }

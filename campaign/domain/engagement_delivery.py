"""What came of a delivery: who got it, who followed its links, what people did, what it cost."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from campaign.domain.broadcast_report_rows import iso
from campaign.domain.engagement import rounded
from campaign.domain.engagement_posts import LinkNumbers, OfPosts, PostNumbers
from campaign.domain.spending import usd
from models import DeliveryKind, DeliveryState


@dataclass(frozen=True, slots=True)
class DeliveryNumbers(OfPosts):
    """The report of a delivery; proofs count nowhere.

    `targeted` is people for a broadcast, and posts that were planned for a post. `clicked` is how many of its messages
    a person followed a link of: one message is one person in a broadcast, and everybody in a post.
    """

    name: str
    label: str
    kind: DeliveryKind
    state: DeliveryState
    services: tuple[str, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    targeted: int = 0
    sent: int = 0
    clicked: int = 0
    clicks: int = 0
    """Of people."""
    robot_clicks: int = 0
    cost: Decimal = Decimal(0)
    """US dollars, of what went out."""
    posts: tuple[PostNumbers, ...] = ()
    links: tuple[LinkNumbers, ...] = ()
    clicks_by_hour: tuple[tuple[datetime, int], ...] = ()
    """Of people, by the beginning of each hour that had any."""

    @property
    def title(self) -> str:
        """What a marketer calls it."""
        return self.label or self.name

    @property
    def cost_per_click(self) -> Decimal | None:
        """US dollars for each click of a person; None without any."""
        return round(self.cost / self.clicks, 4) if self.clicks else None

    @property
    def funnel(self) -> tuple[tuple[str, int], ...]:
        """What is left from step to step, with the word for it."""
        if self.kind is DeliveryKind.POST:
            return ("Posts planned", self.targeted), ("Posts published", self.sent), ("Clicks", self.clicks)
        return ("People targeted", self.targeted), ("Sent", self.sent), ("People who clicked", self.clicked)

    def as_json(self) -> dict[str, object]:
        """The report as scripts read it."""
        return self.in_short() | {
            "posts": [post.as_json() for post in self.posts],
            "links": [link.as_json() for link in self.links],
            "clicks_by_hour": [{"hour": hour.isoformat(), "clicks": clicks} for hour, clicks in self.clicks_by_hour],
        }

    def in_short(self) -> dict[str, object]:
        """Its line in a list of deliveries, as scripts read it."""
        return {
            "name": self.name,
            "label": self.label,
            "kind": self.kind.value,
            "state": self.state.value,
            "services": list(self.services),
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "targeted": self.targeted,
            "sent": self.sent,
            "clicked": self.clicked,
            "clicks": self.clicks,
            "robot_clicks": self.robot_clicks,
            "cost_usd": usd(self.cost)[1:],
            "cost_per_click_usd": None if self.cost_per_click is None else usd(self.cost_per_click)[1:],
            **self.engagement.as_json(),
            "engagement_rate": rounded(self.rate),
        }

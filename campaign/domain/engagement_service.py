"""What came of everything on a service, and on all of them side by side."""

from dataclasses import dataclass, field
from decimal import Decimal

from campaign.domain.acquisition import Acquisition, Funnel
from campaign.domain.engagement import Engagement, rounded
from campaign.domain.engagement_audience import Day
from campaign.domain.engagement_hours import Hour, best, by_hour
from campaign.domain.engagement_posts import OfPosts, PostNumbers
from campaign.domain.spending import usd

LAST_DELIVERIES = 100
"""The report of a service is about so many deliveries, the last ones that went out."""
LAST_DAYS = 30


@dataclass(frozen=True, slots=True)
class ServiceStatistics(OfPosts):
    """The report of a service: its audience day by day, and the posts of its last deliveries."""

    name: str
    label: str
    timezone: str
    """Of the hours of the day."""
    days: tuple[Day, ...] = ()
    posts: tuple[PostNumbers, ...] = ()
    deliveries: int = 0
    """How many deliveries these posts are of."""
    acquisition: Acquisition | None = None
    """The contacts it won."""

    @property
    def hours(self) -> tuple[Hour, ...]:
        """The average rate by the hour of the day."""
        return by_hour(self.posts, self.timezone)

    @property
    def best(self) -> tuple[PostNumbers, ...]:
        """The posts with the most reactions."""
        return best(self.posts)

    def as_json(self) -> dict[str, object]:
        """The report as scripts read it."""
        return {
            "service": self.name,
            "label": self.label,
            "timezone": self.timezone,
            "deliveries": self.deliveries,
            **self.engagement.as_json(),
            "engagement_rate": rounded(self.rate),
            "acquisition": _acquisition_as_json(self.acquisition),
            "audience": [day.as_json() for day in self.days],
            "hours": [hour.as_json() for hour in self.hours],
            "best_posts": [post.as_json() for post in self.best],
            "posts": [post.as_json() for post in self.posts],
        }


def _acquisition_as_json(acquisition: Acquisition | None) -> dict[str, object] | None:
    if acquisition is None:
        return None
    invitations = [{"name": one.name, "label": one.label, **_steps(one.funnel)} for one in acquisition.invitations]
    return {
        "contacts": acquisition.contacts,
        "withdrawn": acquisition.withdrawn,
        "rate": rounded(acquisition.rate),
        "invitations": invitations,
    }


def _steps(funnel: Funnel) -> dict[str, int]:
    return {step.lower(): count for step, count in funnel.as_rows()}


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """A service among all of them: its followers, and its last 30 days."""

    name: str
    label: str
    followers: int | None = None
    """None before the first sync."""
    gained: int = 0
    lost: int = 0
    posts: int = 0
    messages: int = 0
    """Direct messages sent."""
    clicks: int = 0
    """Of people."""
    spent: Decimal = Decimal(0)
    """US dollars, everything that X charged."""
    engagement: Engagement = field(default_factory=Engagement)
    rate: float | None = None

    def as_json(self) -> dict[str, object]:
        """The line as scripts read it."""
        return {
            "service": self.name,
            "label": self.label,
            "followers": self.followers,
            "gained": self.gained,
            "lost": self.lost,
            "posts": self.posts,
            "messages": self.messages,
            "clicks": self.clicks,
            "spent_usd": usd(self.spent)[1:],
            **self.engagement.as_json(),
            "engagement_rate": rounded(self.rate),
        }

"""The figures of reports: deliveries, posts, services, hours and costs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from campaign.contacts.report import Acquisition, acquisition_of
from campaign.deliveries.findings import Analysis
from campaign.formatting import dollars, iso
from campaign.statistics import clicks
from campaign.statistics import followers as audience
from campaign.statistics.clicks import Clicks, LinkNumbers
from campaign.statistics.counts import Engagement, added, rate_of, rounded
from campaign.statistics.followers import Day
from campaign.statistics.posts import (
    Hour,
    OfPosts,
    PostNumbers,
    best,
    by_hour,
    of_deliveries,
    of_last_deliveries,
    posts_since,
)
from campaign.x.text import has_link
from campaign.x.types import DIRECT_MESSAGE_CREATE, POST_CREATE, POST_WITH_LINK_CREATE
from models import (
    MAIN,
    TRIED,
    Charge,
    Click,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
    Message,
    MessageState,
    Service,
)


@dataclass(frozen=True, slots=True)
class DeliveryNumbers(OfPosts):
    """The report of a delivery; proofs count nowhere.

    `targeted` is people for a broadcast, and posts that were planned for a post. `clicked` is how many of its messages
    a person followed a link of: one message is one person in a broadcast, and all readers in a post.
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
    """Clicks of people."""
    robot_clicks: int = 0
    cost: Decimal = Decimal(0)
    """US dollars, of the posts or messages that went out."""
    posts: tuple[PostNumbers, ...] = ()
    links: tuple[LinkNumbers, ...] = ()
    clicks_by_hour: tuple[tuple[datetime, int], ...] = ()
    """Clicks of people, by the beginning of each hour that had any."""

    @property
    def title(self) -> str:
        """Returns the label, or else the name."""
        return self.label or self.name

    @property
    def cost_per_click(self) -> Decimal | None:
        """Returns US dollars for each click of a person; None without any."""
        return round(self.cost / self.clicks, 4) if self.clicks else None

    @property
    def funnel(self) -> tuple[tuple[str, int], ...]:
        """Returns the steps with the number that reached each."""
        if self.kind is DeliveryKind.POST:
            return ("Posts planned", self.targeted), ("Posts published", self.sent), ("Clicks", self.clicks)
        return ("People targeted", self.targeted), ("Sent", self.sent), ("People who clicked", self.clicked)

    def as_json(self) -> dict[str, object]:
        """Returns the report for scripts."""
        return self.in_short() | {
            "posts": [post.as_json() for post in self.posts],
            "links": [link.as_json() for link in self.links],
            "clicks_by_hour": [{"hour": hour.isoformat(), "clicks": clicks} for hour, clicks in self.clicks_by_hour],
        }

    def in_short(self) -> dict[str, object]:
        """Returns its line in a list of deliveries for scripts."""
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
            "cost_usd": dollars(self.cost),
            "cost_per_click_usd": None if self.cost_per_click is None else dollars(self.cost_per_click),
            **self.engagement.as_json(),
            "engagement_rate": rounded(self.rate),
        }


LAST_DELIVERIES = 100
"""The report of a service is about so many deliveries, the last ones that went out."""
LAST_DAYS = 30


@dataclass(frozen=True, slots=True)
class ServiceStatistics(OfPosts):
    """The report of a service: its audience day by day, and the posts of its last deliveries."""

    name: str
    label: str
    timezone: str
    """The time zone of the hours of the day."""
    days: tuple[Day, ...] = ()
    posts: tuple[PostNumbers, ...] = ()
    deliveries: int = 0
    """The number of deliveries of these posts."""
    acquisition: Acquisition | None = None
    """The contacts it won."""

    @property
    def hours(self) -> tuple[Hour, ...]:
        """Averages the rates by the hour of the day."""
        return by_hour(self.posts, self.timezone)

    @property
    def best(self) -> tuple[PostNumbers, ...]:
        """Returns the posts with the most reactions."""
        return best(self.posts)

    def as_json(self) -> dict[str, object]:
        """Returns the report for scripts."""
        return {
            "service": self.name,
            "label": self.label,
            "timezone": self.timezone,
            "deliveries": self.deliveries,
            **self.engagement.as_json(),
            "engagement_rate": rounded(self.rate),
            "acquisition": self.acquisition and self.acquisition.as_json(),
            "audience": [day.as_json() for day in self.days],
            "hours": [hour.as_json() for hour in self.hours],
            "best_posts": [post.as_json() for post in self.best],
            "posts": [post.as_json() for post in self.posts],
        }


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
    """Clicks of people."""
    spent: Decimal = Decimal(0)
    """US dollars, everything that X charged."""
    engagement: Engagement = field(default_factory=Engagement)
    rate: float | None = None

    def as_json(self) -> dict[str, object]:
        """Returns the line for scripts."""
        return {
            "service": self.name,
            "label": self.label,
            "followers": self.followers,
            "gained": self.gained,
            "lost": self.lost,
            "posts": self.posts,
            "messages": self.messages,
            "clicks": self.clicks,
            "spent_usd": dollars(self.spent),
            **self.engagement.as_json(),
            "engagement_rate": rounded(self.rate),
        }


NEWEST_DELIVERIES = 50


@dataclass(frozen=True, slots=True)
class Overview:
    """The report of everything."""

    services: tuple[ServiceLine, ...] = ()
    deliveries: tuple[DeliveryNumbers, ...] = ()
    """The newest that went out, without their hours."""

    def as_json(self) -> dict[str, object]:
        """Returns the report for scripts."""
        return {
            "services": [one.as_json() for one in self.services],
            "deliveries": [one.in_short() for one in self.deliveries],
        }


def delivery_numbers(session: Session, delivery: Delivery) -> DeliveryNumbers:
    """Reads the report of one delivery."""
    [numbers] = in_short(session, [delivery])
    links, hours = clicks.by_link(session, delivery.id), clicks.by_hour(session, delivery.id)
    return replace(numbers, links=tuple(links), clicks_by_hour=tuple(hours))


def newest_deliveries(session: Session, at_most: int) -> list[Delivery]:
    """Finds the newest deliveries of which something went out or is about to."""
    begun = select(Delivery).where(col(Delivery.started_at).is_not(None))
    return list(session.exec(begun.order_by(col(Delivery.started_at).desc(), col(Delivery.id).desc()).limit(at_most)))


def in_short(session: Session, deliveries: Sequence[Delivery]) -> list[DeliveryNumbers]:
    """Reads the reports of several deliveries, without their links and hours; each figure is one statement for all."""
    ids = [one.id for one in deliveries]
    post_ids = [one.id for one in deliveries if one.kind is DeliveryKind.POST]
    is_main, is_sent = col(Message.proof_number) == MAIN, col(Message.state) == MessageState.SENT
    counted = select(col(Message.delivery_id), col(Message.state), func.count()).where(
        col(Message.delivery_id).in_(ids), is_main
    )
    all_states: dict[int, Counter[MessageState]] = defaultdict(Counter[MessageState])
    for delivery_id, state, count in session.execute(counted.group_by(col(Message.delivery_id), col(Message.state))):
        all_states[delivery_id][state] = count
    # The texts of the published posts, for a link makes them dearer.
    published = select(Message.delivery_id, Message.text).where(
        col(Message.delivery_id).in_(post_ids), is_main, is_sent
    )
    named = select(DeliveryTarget.delivery_id, Service.internal_name).join(
        Service, col(Service.id) == col(DeliveryTarget.service_id)
    )
    of_them = named.where(col(DeliveryTarget.delivery_id).in_(ids)).order_by(col(Service.id))
    texts, services = _grouped(session.exec(published)), _grouped(session.exec(of_them))
    posts, all_clicks = of_deliveries(session, post_ids), clicks.of_deliveries(session, ids)
    found = []
    for one in deliveries:
        states, clicked = all_states[one.id], all_clicks.get(one.id, Clicks())
        sent, is_broadcast = states[MessageState.SENT], one.kind is DeliveryKind.DM
        prices = [POST_WITH_LINK_CREATE if has_link(text) else POST_CREATE for text in texts[one.id]]
        cost = DIRECT_MESSAGE_CREATE.usd * sent if is_broadcast else sum((price.usd for price in prices), Decimal(0))
        # The target of a broadcast includes people who got nothing for a good reason.
        analysis = Analysis.model_validate_json(one.analysis) if is_broadcast and one.analysis else Analysis()
        found.append(
            DeliveryNumbers(
                name=one.name,
                label=one.label,
                kind=one.kind,
                state=one.state,
                services=tuple(services[one.id]),
                started_at=one.started_at,
                finished_at=one.finished_at,
                targeted=max(analysis.targeted, states.total()),
                sent=sent,
                clicked=clicked.messages,
                clicks=clicked.people,
                robot_clicks=clicked.robots,
                cost=cost,
                posts=tuple(posts.get(one.id, ())),
            )
        )
    return found


def _grouped(pairs: Iterable[tuple[int, str]]) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def service_numbers(session: Session, service: Service, timezone: str) -> ServiceStatistics:
    """Reads the report of one service; `timezone` is that of the hours where the service has none of its own."""
    posts = of_last_deliveries(session, service.id, LAST_DELIVERIES)
    return ServiceStatistics(
        name=service.internal_name,
        label=service.label,
        timezone=service.timezone or timezone,
        days=tuple(audience.days_since(session, service.id)),
        posts=tuple(post for each in posts.values() for post in each),
        deliveries=len(posts),
        acquisition=acquisition_of(session, service),
    )


def overview(session: Session, now: datetime) -> Overview:
    """Reads all services that are saved, and the newest deliveries; each figure is one statement for all of them."""
    saved = session.exec(select(Service).where(col(Service.removed_at).is_(None)).order_by(col(Service.internal_name)))
    since = now - timedelta(days=LAST_DAYS)
    all_changes, all_posts = audience.changes_of_all(session, now, LAST_DAYS), posts_since(session, since)
    sums = [dict(session.execute(one).tuples().all()) for one in _sums_since(since)]
    lines = []
    for service in saved:
        followers, gained, lost = all_changes.get(service.id, (None, 0, 0))
        posts = [post.engagement for post in all_posts.get(service.id, ())]
        sent, clicked, spent = (one.get(service.id) for one in sums)
        lines.append(
            ServiceLine(
                name=service.internal_name,
                label=service.label,
                followers=followers,
                gained=gained,
                lost=lost,
                posts=len(posts),
                messages=sent or 0,
                clicks=clicked or 0,
                spent=spent or Decimal(0),
                engagement=added(posts),
                rate=rate_of(posts),
            )
        )
    newest = newest_deliveries(session, NEWEST_DELIVERIES)
    return Overview(services=tuple(lines), deliveries=tuple(in_short(session, newest)))


def _sums_since(moment: datetime) -> Iterator[Any]:
    """Yields the sums by service since a moment: messages sent, clicks of people, US dollars spent."""
    # In the same words as the index of the messages that were tried.
    sent = text(TRIED), col(Message.proof_number) == MAIN, col(Message.state) == MessageState.SENT
    messages = select(col(Message.service_id), func.count()).where(*sent, col(Message.armed_at) >= moment)
    yield messages.group_by(col(Message.service_id))
    clicked = select(col(Message.service_id), func.count()).join(Click, col(Click.message_id) == col(Message.id))
    people = col(Click.is_robot).is_(False), col(Message.proof_number) == MAIN, col(Click.clicked_at) >= moment
    yield clicked.where(*people).group_by(col(Message.service_id))
    charged = select(col(Charge.service_id), func.sum(col(Charge.amount))).where(col(Charge.at) >= moment)
    yield charged.group_by(col(Charge.service_id))

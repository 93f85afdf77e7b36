"""The figures of reports: deliveries, posts, services, hours and costs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, exists, func, text
from sqlmodel import Session, col, select

from campaign.broadcasts.report import iso
from campaign.contacts.report import Acquisition, Funnel, acquisition_of
from campaign.deliveries.findings import Analysis
from campaign.formatting import usd
from campaign.statistics import clicks
from campaign.statistics import followers as statistics_audience
from campaign.statistics.clicks import Clicks
from campaign.statistics.counts import NUMBERS, Engagement, added, rate_of, rounded
from campaign.statistics.followers import Day
from campaign.x.prices import DIRECT_MESSAGE_CREATE, POST_CREATE, POST_WITH_LINK_CREATE
from campaign.x.text import has_link
from models import (
    MAIN,
    NOBODY,
    Charge,
    Click,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
    Message,
    MessageState,
    PostMetrics,
    Service,
)
from models.message import TRIED


@dataclass(frozen=True, slots=True)
class Tariff:
    """US dollars for one post, for one with a link, and for one direct message."""

    post: Decimal
    post_with_link: Decimal
    message: Decimal

    def of_posts(self, texts: Iterable[str]) -> Decimal:
        """What posts with these texts cost together."""
        return sum((self.post_with_link if has_link(text) else self.post for text in texts), Decimal(0))

    def of_messages(self, sent: int) -> Decimal:
        """What so many direct messages cost."""
        return self.message * sent


TARIFF = Tariff(POST_CREATE.usd, POST_WITH_LINK_CREATE.usd, DIRECT_MESSAGE_CREATE.usd)
"""The same for both versions of the API: X's price list has no rows for the old one."""


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


NEWEST_DELIVERIES = 50


@dataclass(frozen=True, slots=True)
class Overview:
    """The report of everything."""

    services: tuple[ServiceLine, ...] = ()
    deliveries: tuple[DeliveryNumbers, ...] = ()
    """The newest that went out, without their hours."""

    def as_json(self) -> dict[str, object]:
        """The report as scripts read it."""
        return {
            "services": [one.as_json() for one in self.services],
            "deliveries": [one.in_short() for one in self.deliveries],
        }


def of_deliveries(session: Session, delivery_ids: list[int]) -> dict[int, list[PostNumbers]]:
    """The posts of these deliveries, by account and part."""
    found: dict[int, list[PostNumbers]] = {delivery_id: [] for delivery_id in delivery_ids}
    for row in session.execute(_posts(col(Message.delivery_id).in_(delivery_ids))):
        found[row.delivery_id].append(_post(row))
    return found


def of_last_deliveries(session: Session, service_id: int, last: int) -> dict[int, list[PostNumbers]]:
    """The posts of the last deliveries of a service that had any there, by delivery, the newest first."""
    of_it = col(Message.delivery_id) == col(Delivery.id), col(Message.service_id) == service_id
    # From the deliveries to their messages: those of a service may be millions, of broadcasts nearly all of them.
    newest = select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.POST, exists().where(*_out(*of_it)))
    ids = list(session.scalars(newest.order_by(col(Delivery.id).desc()).limit(last)))
    chosen = col(Message.delivery_id).in_(ids), col(Message.service_id) == service_id
    found: dict[int, list[PostNumbers]] = {delivery_id: [] for delivery_id in ids}
    for row in session.execute(_posts(*chosen)):
        found[row.delivery_id].append(_post(row))
    return found


def posts_since(session: Session, moment: datetime) -> dict[int, list[PostNumbers]]:
    """The posts of all services that went out since a moment, by service."""
    found: dict[int, list[PostNumbers]] = {}
    posts = select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.POST)
    for row in session.execute(_posts(col(Message.delivery_id).in_(posts), col(Message.armed_at) >= moment)):
        found.setdefault(row.service_id, []).append(_post(row))
    return found


def _out(*chosen: ColumnElement[bool]) -> tuple[ColumnElement[bool], ...]:
    return (
        *chosen,
        col(Message.proof_number) == MAIN,
        col(Message.visitor_id) == NOBODY,
        col(Message.state) == MessageState.SENT,
        col(Message.x_id).is_not(None),
    )


def _posts(*chosen: ColumnElement[bool]) -> Select[Any]:
    wanted = select(col(Message.id)).where(*_out(*chosen))
    of_them = col(PostMetrics.message_id).in_(wanted)
    newest = select(func.max(col(PostMetrics.id))).where(of_them, ~col(PostMetrics.is_gone))
    missing = select(col(PostMetrics.message_id), func.min(col(PostMetrics.taken_at)).label("at"))
    gone = missing.where(of_them, col(PostMetrics.is_gone)).group_by(col(PostMetrics.message_id)).subquery("gone")
    is_last = col(PostMetrics.id).in_(newest.group_by(col(PostMetrics.message_id)))
    columns = (
        Message.delivery_id, Message.service_id, Message.part, Message.x_id, Message.armed_at, Message.withdrawn_at,
        Delivery.name, Delivery.label, Service.internal_name, Service.x_username,
        PostMetrics.taken_at, *(getattr(PostMetrics, name) for name in NUMBERS), gone.c.at,
    )  # fmt: skip
    posts: Select[Any] = (
        select(*columns)
        .join(Delivery, col(Delivery.id) == col(Message.delivery_id))
        .join(Service, col(Service.id) == col(Message.service_id))
        .outerjoin(PostMetrics, (col(PostMetrics.message_id) == col(Message.id)) & is_last)
        .outerjoin(gone, gone.c.message_id == col(Message.id))
        .where(*_out(*chosen))
        .order_by(col(Message.delivery_id).desc(), col(Message.service_id), col(Message.part))
    )
    return posts


def _post(row: Row[Any]) -> PostNumbers:
    return PostNumbers(
        delivery=row.name,
        label=row.label,
        service=row.internal_name,
        handle=row.x_username or row.internal_name,
        part=row.part,
        x_id=row.x_id,
        published_at=row.armed_at,
        engagement=Engagement(**{name: getattr(row, name) for name in NUMBERS}),
        counted_at=row.taken_at,
        deleted_at=row.withdrawn_at or row.at,
    )


def delivery_numbers(session: Session, delivery: Delivery, tariff: Tariff) -> DeliveryNumbers:
    """The report of one delivery."""
    [numbers] = in_short(session, [delivery], tariff)
    links = tuple(
        LinkNumbers(one.number, one.url, one.label, one.category, one.clicks.people, one.clicks.robots)
        for one in clicks.by_link(session, delivery.id)
    )
    return replace(numbers, links=links, clicks_by_hour=tuple(clicks.by_hour(session, delivery.id)))


def newest_deliveries(session: Session, at_most: int) -> list[Delivery]:
    """The newest deliveries of which something went out or is about to."""
    begun = select(Delivery).where(col(Delivery.started_at).is_not(None))
    return list(session.exec(begun.order_by(col(Delivery.started_at).desc(), col(Delivery.id).desc()).limit(at_most)))


@dataclass(frozen=True, slots=True)
class _Known:
    """What several deliveries have in the log and elsewhere, by their ids."""

    states: Mapping[int, Counter[MessageState]]
    services: Mapping[int, list[str]]
    texts: Mapping[int, list[str]]
    posts: Mapping[int, list[PostNumbers]]
    clicks: Mapping[int, Clicks]


def in_short(session: Session, deliveries: Sequence[Delivery], tariff: Tariff) -> list[DeliveryNumbers]:
    """The reports of several deliveries, without their links and hours; each figure is one statement for all."""
    ids = [one.id for one in deliveries]
    posts = [one.id for one in deliveries if one.kind is DeliveryKind.POST]
    known = _Known(
        states=_states(session, ids),
        services=_services(session, ids),
        texts=_texts(session, posts),
        posts=of_deliveries(session, posts),
        clicks=clicks.of_deliveries(session, ids),
    )
    return [_numbers(delivery, known, tariff) for delivery in deliveries]


def _numbers(delivery: Delivery, known: _Known, tariff: Tariff) -> DeliveryNumbers:
    states, clicked = known.states.get(delivery.id, Counter()), known.clicks.get(delivery.id, Clicks())
    return DeliveryNumbers(
        name=delivery.name,
        label=delivery.label,
        kind=delivery.kind,
        state=delivery.state,
        services=tuple(known.services.get(delivery.id, ())),
        started_at=delivery.started_at,
        finished_at=delivery.finished_at,
        targeted=_targeted(delivery, states),
        sent=states[MessageState.SENT],
        clicked=clicked.messages,
        clicks=clicked.people,
        robot_clicks=clicked.robots,
        cost=_cost(delivery, states[MessageState.SENT], known.texts.get(delivery.id, ()), tariff),
        posts=tuple(known.posts.get(delivery.id, ())),
    )


def _targeted(delivery: Delivery, states: Counter[MessageState]) -> int:
    """Of a broadcast also those who got nothing for a good reason."""
    if delivery.kind is DeliveryKind.DM and delivery.analysis:
        return max(Analysis.model_validate_json(delivery.analysis).targeted, states.total())
    return states.total()


def _cost(delivery: Delivery, sent: int, texts: Sequence[str], tariff: Tariff) -> Decimal:
    return tariff.of_messages(sent) if delivery.kind is DeliveryKind.DM else tariff.of_posts(texts)


def _states(session: Session, delivery_ids: Sequence[int]) -> Mapping[int, Counter[MessageState]]:
    counted = select(col(Message.delivery_id), col(Message.state), func.count())
    of_them = counted.where(col(Message.delivery_id).in_(delivery_ids), col(Message.proof_number) == MAIN)
    found: dict[int, Counter[MessageState]] = defaultdict(Counter[MessageState])
    for delivery_id, state, count in session.execute(of_them.group_by(col(Message.delivery_id), col(Message.state))):
        found[delivery_id][state] = count
    return found


def _services(session: Session, delivery_ids: Sequence[int]) -> Mapping[int, list[str]]:
    named = select(DeliveryTarget.delivery_id, Service.internal_name).join(
        Service, col(Service.id) == col(DeliveryTarget.service_id)
    )
    of_them = named.where(col(DeliveryTarget.delivery_id).in_(delivery_ids))
    found: dict[int, list[str]] = defaultdict(list)
    for delivery_id, name in session.exec(of_them.order_by(col(Service.id))):
        found[delivery_id].append(name)
    return found


def _texts(session: Session, delivery_ids: Sequence[int]) -> Mapping[int, list[str]]:
    """What the published posts say, for a link makes them dearer."""
    sent = select(Message.delivery_id, Message.text).where(
        col(Message.delivery_id).in_(delivery_ids),
        col(Message.proof_number) == MAIN,
        col(Message.state) == MessageState.SENT,
    )
    found: dict[int, list[str]] = defaultdict(list)
    for delivery_id, written_text in session.exec(sent):
        found[delivery_id].append(written_text)
    return found


def service_numbers(session: Session, service: Service, timezone: str) -> ServiceStatistics:
    """The report of one service; `timezone` is that of the hours where the service has none of its own."""
    posts = of_last_deliveries(session, service.id, LAST_DELIVERIES)
    return ServiceStatistics(
        name=service.internal_name,
        label=service.label,
        timezone=service.timezone or timezone,
        days=tuple(statistics_audience.days_since(session, service.id)),
        posts=tuple(post for each in posts.values() for post in each),
        deliveries=len(posts),
        acquisition=acquisition_of(session, service),
    )


def overview(session: Session, tariff: Tariff, now: datetime) -> Overview:
    """All services that are saved, and the newest deliveries; each figure is one statement for all of them."""
    saved = session.exec(select(Service).where(col(Service.removed_at).is_(None)).order_by(col(Service.internal_name)))
    figures = _Figures(session, now)
    newest = newest_deliveries(session, NEWEST_DELIVERIES)
    return Overview(
        services=tuple(figures.line_of(service) for service in saved),
        deliveries=tuple(in_short(session, newest, tariff)),
    )


class _Figures:
    """The last days of all services, by service."""

    def __init__(self, session: Session, now: datetime) -> None:
        since = now - timedelta(days=LAST_DAYS)
        self._audience = statistics_audience.changes_of_all(session, now, LAST_DAYS)
        self._posts: Mapping[int, list[PostNumbers]] = posts_since(session, since)
        self._messages = _by_service(session, _messages_since(since))
        self._clicks = _by_service(session, _clicks_since(since))
        self._spent = _by_service(session, _spent_since(since))

    def line_of(self, service: Service) -> ServiceLine:
        """One service."""
        followers, gained, lost = self._audience.get(service.id, (None, 0, 0))
        posts = [post.engagement for post in self._posts.get(service.id, ())]
        return ServiceLine(
            name=service.internal_name,
            label=service.label,
            followers=followers,
            gained=gained,
            lost=lost,
            posts=len(posts),
            messages=self._messages.get(service.id, 0),
            clicks=self._clicks.get(service.id, 0),
            spent=self._spent.get(service.id) or Decimal(0),
            engagement=added(posts),
            rate=rate_of(posts),
        )


def _by_service(session: Session, counted: Any) -> dict[int, Any]:
    return dict(session.execute(counted).tuples().all())


def _messages_since(moment: datetime) -> Any:
    # In the very words of the index that holds what was tried lately.
    sent = text(TRIED), col(Message.proof_number) == MAIN, col(Message.state) == MessageState.SENT
    counted = select(col(Message.service_id), func.count()).where(*sent, col(Message.armed_at) >= moment)
    return counted.group_by(col(Message.service_id))


def _clicks_since(moment: datetime) -> Any:
    clicked = select(col(Message.service_id), func.count()).join(Click, col(Click.message_id) == col(Message.id))
    people = col(Click.is_robot).is_(False), col(Message.proof_number) == MAIN, col(Click.clicked_at) >= moment
    return clicked.where(*people).group_by(col(Message.service_id))


def _spent_since(moment: datetime) -> Any:
    charged = select(col(Charge.service_id), func.sum(col(Charge.amount))).where(col(Charge.at) >= moment)
    return charged.group_by(col(Charge.service_id))

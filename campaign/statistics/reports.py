"""The reports of a delivery and of a service, as sections; and their figures: deliveries, posts, hours and costs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pendulum
from sqlalchemy import func, text
from sqlmodel import Session, col, select

from campaign.contacts.acquisition import Acquisition, acquisition_of, section_of
from campaign.deliveries.findings import Analysis
from campaign.formatting import dollars, format_time, iso
from campaign.reporting.charts import Chart, Measure, bars_of, over_time
from campaign.reporting.document import Cell, Document, Place, Section, rate
from campaign.services.fields import block_name
from campaign.settings import load_settings
from campaign.statistics import clicks
from campaign.statistics import counts as audience
from campaign.statistics.clicks import Clicks, LinkNumbers
from campaign.statistics.counts import (
    KINDS,
    Day,
    Engagement,
    Hour,
    OfPosts,
    PostNumbers,
    added,
    asked_since,
    best,
    by_hour,
    of_deliveries,
    of_last_deliveries,
    posts_since,
    rate_of,
    rounded,
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


LABELS = {
    "reposts": "Reposts",
    "likes": "Likes",
    "replies": "Replies",
    "quotes": "Quotes",
    "bookmarks": "Bookmarks",
    "impressions": "Impressions",
    "link_visits": "Link visits (X)",
}
_SHORT = 40


def reactions_section(posts: Sequence[PostNumbers], engagement: Engagement, figure: float | None) -> Section:
    """Makes the table of reactions by kind, of impressions and of the rate."""
    counts: list[tuple[Cell, ...]] = [(LABELS[name], getattr(engagement, name)) for name in LABELS]
    rows = [*counts, ("Reactions", engagement.reactions), ("Engagement rate", rate(figure))]
    known = tuple(getattr(engagement, kind) for kind in KINDS)
    chart = Chart("Reactions by kind", tuple(LABELS[kind] for kind in KINDS), (("Reactions", known),))
    if engagement.reactions is None:
        return Section("Reactions", text="X has not been asked yet: run engagement-statistics.")
    counted_at = max(post.counted_at for post in posts if post.counted_at)
    text = "Reactions are reposts, likes, replies, quotes and bookmarks; the rate is reactions / impressions."
    return Section(
        "Reactions", ("What", "Number"), tuple(rows), chart, f"{text} Last counted at {format_time(counted_at)}."
    )


def posts_section(title: str, posts: Sequence[PostNumbers], *, with_delivery: bool = False) -> Section:
    """Makes the table of posts, one row each; the row of a deleted one says when that was found."""
    remarks = [
        f"deleted on {post.deleted_at:%Y-%m-%d}" if post.deleted_at else "" if post.counted_at else "not counted yet"
        for post in posts
    ]
    columns: dict[str, list[Cell]] = {"Post": [Place(f"@{post.handle} {post.x_id}", post.address) for post in posts]}
    if with_delivery:
        columns["Delivery"] = [delivery_place(post.delivery, post.label) for post in posts]
    columns["Published"] = [post.published_at for post in posts]
    if any(remarks):
        columns["Remark"] = [*remarks]
    columns["Reactions"] = [post.engagement.reactions for post in posts]
    columns["Engagement rate"] = [rate(post.engagement.rate) for post in posts]
    columns |= {label: [getattr(post.engagement, name) for post in posts] for name, label in LABELS.items()}
    return Section(title, tuple(columns), tuple(zip(*columns.values(), strict=True)))


def delivery_place(name: str, label: str) -> Place:
    """Returns the label of a delivery, and the address of its page."""
    title = label or name
    return Place(title if len(title) <= _SHORT else f"{title[:_SHORT]}…", f"/reports/delivery/{name}")


def delivery_report_of(numbers: DeliveryNumbers) -> Document:
    """Makes the report of a delivery: its recipients, their reactions and clicks, and its cost."""
    what = "Post" if numbers.kind is DeliveryKind.POST else "Direct messages"
    whom = ", ".join(f"@{name}" for name in numbers.services) or "no service"
    lead = f"{what} on {whom} · {numbers.name} · {numbers.state.words}"
    return Document(numbers.title, lead, tuple(_sections(numbers)))


def _sections(numbers: DeliveryNumbers) -> Iterator[Section]:
    first, last = numbers.funnel[0][1], numbers.funnel[-1][0]
    # Any number of people click in one post.
    open_ended = last if numbers.kind is DeliveryKind.POST else ""
    funnel: list[tuple[Cell, ...]] = [
        (step, count, rate(count / first) if first and step != open_ended else None) for step, count in numbers.funnel
    ]
    yield Section("Funnel", ("Step", "Number", "Of the first"), tuple(funnel))
    costs = ("What went out", numbers.cost), ("For each click", numbers.cost_per_click)
    yield Section("Cost", ("What", "US dollars"), costs)
    if numbers.posts:
        yield reactions_section(numbers.posts, numbers.engagement, numbers.rate)
        yield posts_section("Posts", numbers.posts)
    if numbers.links:
        links = tuple((one.label or one.url, one.category, one.url, one.clicks, one.robots) for one in numbers.links)
        text = "Robots such as X's own look at links too; they are counted apart and nowhere else."
        yield Section("Links", ("Link", "Category", "Address", "Clicks", "Robots"), links, text=text)
    if numbers.links and numbers.clicks_by_hour:
        _, bars = bars_of(numbers.clicks_by_hour)
        chart = over_time("Clicks", "Clicks", numbers.clicks_by_hour)
        yield Section("Clicks over time", ("Since", "Clicks"), tuple(bar for bar in bars if bar[1]), chart)


_DAYS_DRAWN = 90
_KINDS = {DeliveryKind.POST: "post", DeliveryKind.DM: "messages"}


def service_report_of(numbers: ServiceStatistics) -> Document:
    """Makes the report of a service: its audience, the reactions to its posts by hour, and its best posts."""
    match numbers.deliveries:
        case 0:
            about = "nothing was posted yet"
        case 1:
            about = "its only delivery with posts"
        case many:
            about = f"its last {many:,} deliveries with posts"
    return Document(
        numbers.label or f"@{numbers.name}", f"@{numbers.name} · {about}", tuple(_service_sections(numbers))
    )


def _service_sections(numbers: ServiceStatistics) -> Iterator[Section]:
    yield from _audience(numbers.days)
    yield reactions_section(numbers.posts, numbers.engagement, numbers.rate)
    if numbers.posts:
        labels = tuple(f"{hour.hour:02}" for hour in numbers.hours)
        chart = Chart(
            f"Average engagement rate by hour of the day ({numbers.timezone})",
            labels,
            (("Engagement rate", tuple(hour.rate for hour in numbers.hours)),),
            Measure.RATE,
        )
        rows: list[tuple[Cell, ...]] = [
            (f"{hour.hour:02}:00", hour.posts, rate(hour.rate)) for hour in numbers.hours if hour.posts
        ]
        yield Section("Hours of the day", ("Hour", "Posts", "Engagement rate"), tuple(rows), chart)
    if numbers.best:
        yield posts_section("Best posts", numbers.best, with_delivery=True)
    if numbers.posts:
        yield _deliveries(numbers.posts)
    if numbers.acquisition:
        yield section_of(numbers.acquisition, "Contacts")


def _audience(days: Sequence[Day]) -> Iterator[Section]:
    if not days:
        yield Section("Audience", text="No account sync has read all followers yet.")
        return
    drawn = days[-_DAYS_DRAWN:]
    labels = tuple(f"{day.day:%m-%d}" for day in drawn)
    followers, gained, lost = (tuple(getattr(day, name) for day in drawn) for name in ("followers", "gained", "lost"))
    title, is_line = "Followers at the end of each day (UTC)", len(labels) > 1
    growth = Chart(title, labels, (("Followers", followers),), is_line=is_line)
    changed = tuple((day.day, day.followers, day.gained, day.lost) for day in reversed(days) if day.gained or day.lost)
    first, last = days[0], days[-1]
    now = f"{last.followers:,} follower{'s' * (last.followers != 1)} on {last.day}"
    begun = f"; {first.followers:,} on {first.day}" if last.day != first.day else ""
    text = f"{now}{begun}, when they were first read."
    yield Section("Audience", chart=growth, text=text)
    if changed:
        pair = ("Gained", gained), ("Lost", lost)
        chart = Chart("Followers gained and lost on each day (UTC)", labels, pair)
        yield Section("Days with changes", ("Day", "Followers", "Gained", "Lost"), changed[:_DAYS_DRAWN], chart)


def _deliveries(posts: Sequence[PostNumbers]) -> Section:
    """Makes the table of the deliveries of these posts, the newest first."""
    by_name: dict[str, list[PostNumbers]] = {}
    for post in posts:
        by_name.setdefault(post.delivery, []).append(post)
    rows: list[tuple[Cell, ...]] = []
    for each in by_name.values():
        numbers, first = [post.engagement for post in each], each[0]
        together, place = added(numbers), delivery_place(first.delivery, first.label)
        counts = len(each), together.impressions, together.reactions, rate(rate_of(numbers))
        rows.append((place, first.published_at, *counts))
    columns = "Delivery", "Published", "Posts", "Impressions", "Reactions", "Engagement rate"
    return Section("Last deliveries", columns, tuple(rows))


def overview_of(numbers: Overview) -> Document:
    """Makes the report of all services with their last 30 days, and of the newest deliveries."""
    services: list[tuple[Cell, ...]] = [
        (
            Place(f"@{one.name}", f"/reports/service/{one.name}"),
            *(one.followers, one.gained, one.lost, one.posts, one.messages),
            *(one.engagement.reactions, one.engagement.impressions, rate(one.rate), one.clicks, one.spent),
        )
        for one in numbers.services
    ]
    columns = (
        "Service", "Followers", "Gained", "Lost", "Posts", "Messages", "Reactions", "Impressions", "Engagement rate",
        "Clicks", "Spent",
    )  # fmt: skip
    deliveries: list[tuple[Cell, ...]] = [
        (
            delivery_place(one.name, one.label),
            *(_KINDS[one.kind], ", ".join(f"@{name}" for name in one.services), one.started_at),
            *(one.targeted, one.sent, one.clicks, one.engagement.reactions, rate(one.rate)),
            *(one.cost, one.cost_per_click),
        )
        for one in numbers.deliveries
    ]
    newest = ("Delivery", "Kind", "Services", "Began", "Targeted", "Sent", "Clicks", "Reactions", "Engagement rate")
    none = "" if services else "There is no service yet."
    nothing = "" if deliveries else "Nothing went out yet."
    sections = (
        Section("Services", columns, tuple(services), text=none),
        Section("Deliveries", (*newest, "Cost", "For each click"), tuple(deliveries), text=nothing),
    )
    return Document("All services", f"The last {LAST_DAYS} days, and the newest deliveries", sections)


#: Deliveries with a report of their own in a run: more would bury the rest, and the pages have them all.
MOST_DELIVERIES = 20


def list_reports(session: Session, services: Sequence[Service]) -> Iterator[tuple[str, Document]]:
    """Makes the reports of all services, of each of these, and of the newest deliveries, each with its key."""
    now = pendulum.now("UTC")
    yield "engagement-all", overview_of(overview(session, now))
    for service in services:
        found = service_numbers(session, service, load_settings().timezone)
        yield f"engagement-service-{block_name(service.internal_name)}", service_report_of(found)
    for delivery in newest_deliveries(session, MOST_DELIVERIES):
        if delivery.started_at and delivery.started_at >= asked_since(now):
            found_there = delivery_numbers(session, delivery)
            yield f"engagement-{delivery.name}", delivery_report_of(found_there)

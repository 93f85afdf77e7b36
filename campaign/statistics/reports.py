"""The reports of a delivery and of a service, as sections."""

from collections.abc import Iterator, Sequence

import pendulum
from sqlmodel import Session

from campaign.contacts.report import section_of
from campaign.formatting import written
from campaign.reporting.charts import Chart, Measure, bars_of, over_time
from campaign.reporting.document import Cell, Document, Place, Section, rate
from campaign.services.fields import block_name
from campaign.settings import load_settings
from campaign.statistics import numbers as engagement_deliveries
from campaign.statistics.counts import KINDS, Engagement, added, asked_since, rate_of
from campaign.statistics.followers import Day
from campaign.statistics.numbers import (
    LAST_DAYS,
    TARIFF,
    DeliveryNumbers,
    Hour,
    Overview,
    PostNumbers,
    ServiceLine,
    ServiceStatistics,
)
from models import Delivery, DeliveryKind, Service

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


def reactions_section(posts: Sequence[PostNumbers], engagement: Engagement, figure: float | None) -> Section:
    """Reactions by their kind, impressions and the rate, and when they were counted."""
    counts: list[tuple[Cell, ...]] = [(WORDS[name], getattr(engagement, name)) for name in WORDS]
    rows = [*counts, ("Reactions", engagement.reactions), ("Engagement rate", rate(figure))]
    known = tuple(getattr(engagement, kind) for kind in KINDS)
    chart = Chart("Reactions by kind", tuple(WORDS[kind] for kind in KINDS), (("Reactions", known),))
    if engagement.reactions is None:
        return Section("Reactions", text="X has not been asked yet: run engagement-statistics.")
    counted_at = max(post.counted_at for post in posts if post.counted_at)
    text = "Reactions are reposts, likes, replies, quotes and bookmarks; the rate is reactions / impressions."
    return Section(
        "Reactions", ("What", "Number"), tuple(rows), chart, f"{text} Last counted at {written(counted_at)}."
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


def delivery_report_of(numbers: DeliveryNumbers) -> Document:
    """Who got it, what they did, when they clicked, and what it cost."""
    return Document(numbers.title, _about(numbers), tuple(_sections(numbers)))


def _about(numbers: DeliveryNumbers) -> str:
    what = "Post" if numbers.kind is DeliveryKind.POST else "Direct messages"
    whom = ", ".join(f"@{name}" for name in numbers.services) or "no service"
    return f"{what} on {whom} · {numbers.name} · {numbers.state.value.replace('_', ' ')}"


def _sections(numbers: DeliveryNumbers) -> Iterator[Section]:
    yield _funnel(numbers)
    yield Section("Cost", ("What", "US dollars"), _cost(numbers))
    if numbers.posts:
        yield reactions_section(numbers.posts, numbers.engagement, numbers.rate)
        yield posts_section("Posts", numbers.posts)
    yield from _clicks(numbers)


def _funnel(numbers: DeliveryNumbers) -> Section:
    first = numbers.funnel[0][1]
    rows: list[tuple[Cell, ...]] = [
        (step, count, rate(count / first) if first and not _is_open_ended(numbers, step) else None)
        for step, count in numbers.funnel
    ]
    return Section("Funnel", ("Step", "Number", "Of the first"), tuple(rows))


def _is_open_ended(numbers: DeliveryNumbers, step: str) -> bool:
    """Any number of people click in one post."""
    return numbers.kind is DeliveryKind.POST and step == numbers.funnel[-1][0]


def _cost(numbers: DeliveryNumbers) -> tuple[tuple[Cell, ...], ...]:
    return ("What went out", numbers.cost), ("For each click", numbers.cost_per_click)


def _clicks(numbers: DeliveryNumbers) -> Iterator[Section]:
    if not numbers.links:
        return
    links = tuple((link.label or link.url, link.category, link.url, link.clicks, link.robots) for link in numbers.links)
    text = "Robots such as X's own look at links too; they are counted apart and nowhere else."
    yield Section("Links", ("Link", "Category", "Address", "Clicks", "Robots"), links, None, text)
    if numbers.clicks_by_hour:
        yield _over_time(numbers)


def _over_time(numbers: DeliveryNumbers) -> Section:
    chart = over_time("Clicks", "Clicks", numbers.clicks_by_hour)
    _, bars = bars_of(numbers.clicks_by_hour)
    return Section("Clicks over time", ("Since", "Clicks"), tuple(bar for bar in bars if bar[1]), chart)


_DAYS_DRAWN = 90
_KINDS = {DeliveryKind.POST: "post", DeliveryKind.DM: "messages"}


def service_report_of(numbers: ServiceStatistics) -> Document:
    """How its audience grows, what people do with its posts and when, and which posts did best."""
    about = f"@{numbers.name} · the last {numbers.deliveries:,} deliveries with posts"
    return Document(numbers.label or f"@{numbers.name}", about, tuple(_service_sections(numbers)))


def _service_sections(numbers: ServiceStatistics) -> Iterator[Section]:
    yield from _audience(numbers.days)
    yield reactions_section(numbers.posts, numbers.engagement, numbers.rate)
    if numbers.posts:
        yield _hours(numbers.hours, numbers.timezone)
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
    growth = Chart("Followers at the end of each day (UTC)", labels, (("Followers", _of(drawn, "followers")),))
    changed = tuple((day.day, day.followers, day.gained, day.lost) for day in reversed(days) if day.gained or day.lost)
    first, last = days[0], days[-1]
    text = f"{last.followers:,} followers on {last.day}; {first.followers:,} on {first.day}, when they were first read."
    yield Section("Audience", chart=_as_line(growth), text=text)
    if changed:
        pair = ("Gained", _of(drawn, "gained")), ("Lost", _of(drawn, "lost"))
        chart = Chart("Followers gained and lost on each day (UTC)", labels, pair)
        yield Section("Days with changes", ("Day", "Followers", "Gained", "Lost"), changed[:_DAYS_DRAWN], chart)


def _of(days: Sequence[Day], name: str) -> tuple[float | None, ...]:
    return tuple(getattr(day, name) for day in days)


def _as_line(chart: Chart) -> Chart:
    return Chart(chart.title, chart.labels, chart.series, chart.measure, is_line=len(chart.labels) > 1)


def _hours(hours: Sequence[Hour], timezone: str) -> Section:
    labels = tuple(f"{hour.hour:02}" for hour in hours)
    chart = Chart(
        f"Average engagement rate by hour of the day ({timezone})",
        labels,
        (("Engagement rate", tuple(hour.rate for hour in hours)),),
        Measure.RATE,
    )
    rows: list[tuple[Cell, ...]] = [(f"{hour.hour:02}:00", hour.posts, rate(hour.rate)) for hour in hours if hour.posts]
    return Section("Hours of the day", ("Hour", "Posts", "Engagement rate"), tuple(rows), chart)


def _deliveries(posts: Sequence[PostNumbers]) -> Section:
    """The deliveries that all of this is about, the newest first."""
    by_name: dict[str, list[PostNumbers]] = {}
    for post in posts:
        by_name.setdefault(post.delivery, []).append(post)
    columns = "Delivery", "Published", "Posts", "Impressions", "Reactions", "Engagement rate"
    return Section("Last deliveries", columns, tuple(_last_row(each) for each in by_name.values()))


def _last_row(posts: Sequence[PostNumbers]) -> tuple[Cell, ...]:
    numbers = [post.engagement for post in posts]
    together, first = added(numbers), posts[0]
    place = delivery_place(first.delivery, first.label)
    return (place, first.published_at, len(posts), together.impressions, together.reactions, rate(rate_of(numbers)))


def overview_of(numbers: Overview) -> Document:
    """All services with their last 30 days, and the newest deliveries."""
    services = tuple(_service_row(one) for one in numbers.services)
    columns = (
        "Service", "Followers", "Gained", "Lost", "Posts", "Messages", "Reactions", "Impressions", "Engagement rate",
        "Clicks", "Spent",
    )  # fmt: skip
    deliveries = tuple(_delivery_row(one) for one in numbers.deliveries)
    newest = ("Delivery", "Kind", "Services", "Began", "Targeted", "Sent", "Clicks", "Reactions", "Engagement rate")
    none = "" if services else "There is no service yet."
    nothing = "" if deliveries else "Nothing went out yet."
    sections = (
        Section("Services", columns, services, None, none),
        Section("Deliveries", (*newest, "Cost", "For each click"), deliveries, None, nothing),
    )
    return Document("All services", f"The last {LAST_DAYS} days, and the newest deliveries", sections)


def _service_row(one: ServiceLine) -> tuple[Cell, ...]:
    place = Place(f"@{one.name}", f"/reports/service/{one.name}")
    audience = one.followers, one.gained, one.lost
    figures = one.engagement.reactions, one.engagement.impressions, rate(one.rate)
    return (place, *audience, one.posts, one.messages, *figures, one.clicks, one.spent)


def _delivery_row(one: DeliveryNumbers) -> tuple[Cell, ...]:
    whom = ", ".join(f"@{name}" for name in one.services)
    counts = one.targeted, one.sent, one.clicks, one.engagement.reactions, rate(one.rate)
    place = delivery_place(one.name, one.label)
    return (place, _KINDS[one.kind], whom, one.started_at, *counts, one.cost, one.cost_per_click)


#: Deliveries with a report of their own in a run: more would bury the rest, and the pages have them all.
MOST_DELIVERIES = 20


def list_reports(session: Session, services: Sequence[Service]) -> Iterator[tuple[str, Document]]:
    """Makes the reports of all services, of each of these, and of the newest deliveries, each with its key."""
    overview = engagement_deliveries.overview(session, TARIFF, pendulum.now("UTC"))
    yield "engagement-all", overview_of(overview)
    for service in services:
        numbers = engagement_deliveries.service_numbers(session, service, load_settings().timezone)
        name = block_name(service.internal_name)
        yield f"engagement-service-{name}", service_report_of(numbers)
    for delivery in _recent(session):
        found = engagement_deliveries.delivery_numbers(session, delivery, TARIFF)
        yield f"engagement-{delivery.name}", delivery_report_of(found)


def _recent(session: Session) -> list[Delivery]:
    since = asked_since(pendulum.now("UTC"))
    newest = engagement_deliveries.newest_deliveries(session, MOST_DELIVERIES)
    return [delivery for delivery in newest if delivery.started_at and delivery.started_at >= since]

"""The reports of a delivery and of a service, as sections."""

from collections.abc import Iterator, Sequence

import pendulum
from sqlmodel import Session

from campaign.contacts.report import section_of
from campaign.formatting import format_time
from campaign.reporting.charts import Chart, Measure, bars_of, over_time
from campaign.reporting.document import Cell, Document, Place, Section, rate
from campaign.services.fields import block_name
from campaign.settings import load_settings
from campaign.statistics import numbers as figures
from campaign.statistics.counts import KINDS, Engagement, added, asked_since, rate_of
from campaign.statistics.followers import Day
from campaign.statistics.numbers import (
    LAST_DAYS,
    DeliveryNumbers,
    Overview,
    ServiceStatistics,
)
from campaign.statistics.posts import Hour, PostNumbers
from models import DeliveryKind, Service

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
    yield "engagement-all", overview_of(figures.overview(session, now))
    for service in services:
        found = figures.service_numbers(session, service, load_settings().timezone)
        yield f"engagement-service-{block_name(service.internal_name)}", service_report_of(found)
    for delivery in figures.newest_deliveries(session, MOST_DELIVERIES):
        if delivery.started_at and delivery.started_at >= asked_since(now):
            found_there = figures.delivery_numbers(session, delivery)
            yield f"engagement-{delivery.name}", delivery_report_of(found_there)

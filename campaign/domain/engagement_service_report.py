"""The reports of a service and of all services, section by section."""

from collections.abc import Iterator, Sequence

from campaign.domain.acquisition import Acquisition, InvitationReport
from campaign.domain.acquisition_markdown import in_words
from campaign.domain.charts import Chart, Measure
from campaign.domain.engagement import added, rate_of
from campaign.domain.engagement_audience import Day
from campaign.domain.engagement_cells import Cell, Place, rate
from campaign.domain.engagement_delivery import DeliveryNumbers
from campaign.domain.engagement_hours import Hour
from campaign.domain.engagement_overview import Overview
from campaign.domain.engagement_posts import PostNumbers
from campaign.domain.engagement_sections import Report, Section, delivery_place, posts_section, reactions_section
from campaign.domain.engagement_service import LAST_DAYS, ServiceLine, ServiceStatistics
from models import DeliveryKind

_DAYS_DRAWN = 90
_KINDS = {DeliveryKind.POST: "post", DeliveryKind.DM: "messages"}


def report_of(numbers: ServiceStatistics) -> Report:
    """How its audience grows, what people do with its posts and when, and which posts did best."""
    about = f"@{numbers.name} · the last {numbers.deliveries:,} deliveries with posts"
    return Report(numbers.label or f"@{numbers.name}", about, tuple(_sections(numbers)))


def _sections(numbers: ServiceStatistics) -> Iterator[Section]:
    yield from _audience(numbers.days)
    yield reactions_section(numbers.posts, numbers.engagement, numbers.rate)
    if numbers.posts:
        yield _hours(numbers.hours, numbers.timezone)
    if numbers.best:
        yield posts_section("Best posts", numbers.best, with_delivery=True)
    if numbers.posts:
        yield _deliveries(numbers.posts)
    if numbers.acquisition:
        yield _contacts(numbers.acquisition)


def _audience(days: Sequence[Day]) -> Iterator[Section]:
    if not days:
        yield Section("Audience", said="No account sync has read all followers yet.")
        return
    drawn = days[-_DAYS_DRAWN:]
    labels = tuple(f"{day.day:%m-%d}" for day in drawn)
    growth = Chart("Followers at the end of each day (UTC)", labels, (("Followers", _of(drawn, "followers")),))
    changed = tuple((day.day, day.followers, day.gained, day.lost) for day in reversed(days) if day.gained or day.lost)
    first, last = days[0], days[-1]
    said = f"{last.followers:,} followers on {last.day}; {first.followers:,} on {first.day}, when they were first read."
    yield Section("Audience", chart=_as_line(growth), said=said)
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


def _contacts(acquisition: Acquisition) -> Section:
    """What came of inviting followers to share their profile."""
    rows: list[tuple[Cell, ...]] = [_invitation_row(one) for one in acquisition.invitations]
    steps = tuple(step for step, _ in acquisition.funnel.as_rows())
    return Section("Contacts", ("Invitation", *steps), tuple(rows), said=in_words(acquisition))


def _invitation_row(one: InvitationReport) -> tuple[Cell, ...]:
    """Of a post it is not known who saw or opened it."""
    untold = () if one.is_personal else ("Invited", "Opened")
    return (one.label or one.name, *(None if step in untold else count for step, count in one.funnel.as_rows()))


def overview_of(numbers: Overview) -> Report:
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
    return Report("All services", f"The last {LAST_DAYS} days, and the newest deliveries", sections)


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

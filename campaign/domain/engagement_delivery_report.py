"""The report of a delivery, section by section."""

from collections.abc import Iterator

from campaign.domain.engagement_cells import Cell, rate
from campaign.domain.engagement_delivery import DeliveryNumbers
from campaign.domain.engagement_sections import Report, Section, posts_section, reactions_section
from campaign.domain.throughput_chart import bars_of, over_time
from models import DeliveryKind


def report_of(numbers: DeliveryNumbers) -> Report:
    """Who got it, what they did, when they clicked, and what it cost."""
    return Report(numbers.title, _about(numbers), tuple(_sections(numbers)))


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
    said = "Robots such as X's own look at links too; they are counted apart and nowhere else."
    yield Section("Links", ("Link", "Category", "Address", "Clicks", "Robots"), links, None, said)
    if numbers.clicks_by_hour:
        yield _over_time(numbers)


def _over_time(numbers: DeliveryNumbers) -> Section:
    chart = over_time("Clicks", "Clicks", numbers.clicks_by_hour)
    _, bars = bars_of(numbers.clicks_by_hour)
    return Section("Clicks over time", ("Since", "Clicks"), tuple(bar for bar in bars if bar[1]), chart)

"""The report of a broadcast as Markdown, with a picture of its throughput."""

from collections.abc import Iterator, Mapping, Sequence

from campaign.domain.broadcast_reports import BroadcastReport, ReasonCount, ServiceNumbers
from campaign.domain.broadcast_waves import written
from campaign.domain.broadcast_words import MOST_WAVES_SHOWN, exclusions, lasting
from campaign.domain.charts_drawing import drawn
from campaign.domain.plain_markdown import picture, strange_line, table
from campaign.domain.spending import usd
from campaign.domain.throughput_chart import chart_of


def as_markdown(report: BroadcastReport) -> str:
    """Write what came of it, first of all, then why it did not come of some, when, and on which service."""
    blocks = [
        f"## {strange_line(report.label or report.name)}",
        strange_line(f"{report.name} is {report.state.value.replace('_', ' ')}. {report.reason}".strip()),
        f"**{strange_line(report.numbers.in_words())}**",
        strange_line(f"{report.targeted:,} people were targeted. {_cost(report)}"),
        *(strange_line(said) for said in _times(report)),
        *_picture(report),
        *_services(report.services),
        *_reasons("Refused by X", report.refusals),
        *_reasons("Cancelled", report.dropped),
        *_excluded(report.excluded),
        *_waves(report),
    ]
    return "\n\n".join(blocks) + "\n"


def _cost(report: BroadcastReport) -> str:
    return f"What was sent costs {usd(report.cost)}; the monthly spend cap is {usd(report.spend_cap)}."


def _times(report: BroadcastReport) -> Iterator[str]:
    if report.started_at:
        until = f" to {written(report.finished_at)}" if report.finished_at else ""
        yield f"Went out from {written(report.started_at)}{until}, {lasting(report.duration)}."
    if report.goes_on_at:
        yield f"Goes on at {written(report.goes_on_at)}."
    if report.ends_about:
        yield f"Ends about {written(report.ends_about)}."


def _picture(report: BroadcastReport) -> Iterator[str]:
    if report.per_hour:
        busiest = max(sent for _, sent in report.per_hour)
        alt_text = f"Messages sent over time, {busiest:,} in the busiest hour"
        yield picture(alt_text, drawn(chart_of(report.per_hour)), "image/svg+xml")


def _services(services: Sequence[ServiceNumbers]) -> Iterator[str]:
    if len(services) > 1:
        rows = [
            {"Service": f"@{one.service}", "Messages": one.numbers.in_words(), "Cost": usd(one.cost)}
            for one in services
        ]
        yield table(rows, numbers=["Cost"])


def _reasons(title: str, reasons: Sequence[ReasonCount]) -> Iterator[str]:
    rows = [{title: one.sentence or one.code or "Without a reason", "Messages": f"{one.count:,}"} for one in reasons]
    if rows:
        yield table(rows, numbers=["Messages"])


def _excluded(excluded: Mapping[str, int]) -> Iterator[str]:
    rows = [{"Nothing went to those who": words, "People": f"{count:,}"} for words, count in exclusions(excluded)]
    if rows:
        yield table(rows, numbers=["People"])


def _waves(report: BroadcastReport) -> Iterator[str]:
    rows = [wave.as_row() for wave in report.waves]
    if len(rows) > MOST_WAVES_SHOWN + 1:
        more = dict.fromkeys(rows[0], "") | {"Wave": f"{len(rows) - MOST_WAVES_SHOWN - 1:,} more"}
        rows = [*rows[:MOST_WAVES_SHOWN], more, rows[-1]]
    if rows:
        yield table(rows, numbers=["Wave", "People", "Sent"])

"""How a broadcast is written down for scripts (JSON) and for people (rows of a table)."""

from typing import Any

from campaign.cli import output
from campaign.cli.delivery_forms import findings_as_json, iso, plain, show_found
from campaign.domain.broadcast_reports import BroadcastReport, ReasonCount
from campaign.domain.broadcast_waves import written
from campaign.domain.broadcast_words import different, exclusions, to_whom, waves_shown
from campaign.domain.findings import Analysis, WavePlan
from campaign.domain.spending import usd


def broadcast_as_json(analysis: Analysis) -> dict[str, Any]:
    """What the analysis of a broadcast found and reckoned, as scripts read it."""
    more = {
        "targeted": analysis.targeted,
        "unconsented": analysis.unconsented,
        "samples": [sample.model_dump() for sample in analysis.samples],
        "waves": [_wave_as_json(wave) for wave in analysis.waves],
    }
    return findings_as_json(analysis) | more


def _wave_as_json(wave: WavePlan) -> dict[str, Any]:
    return wave.model_dump() | {"begins_at": iso(wave.begins_at), "ends_at": iso(wave.ends_at)}


def show_broadcast_findings(analysis: Analysis) -> None:
    """Print what the analysis of a broadcast found and reckoned."""
    figures = {
        "Messages": f"{analysis.messages:,}",
        "Targeted": f"{analysis.targeted:,}",
        "Never agreed": f"{analysis.unconsented:,}" if analysis.unconsented else "",
        "Calls": f"{analysis.calls:,}",
        "Cost": usd(analysis.cost),
        "Out at": written(analysis.ends_at) if analysis.ends_at else "",
    }
    output.print_table([figures])
    _show_excluded(analysis.excluded)
    show_found(analysis)
    _show_waves(analysis)
    messages = [(kinds, to_whom(sample), sample.text) for kinds, sample in different(analysis.samples)]
    output.print_table([{"Message": kinds, "To": plain(to), "Text": plain(text)} for kinds, to, text in messages])


def _show_excluded(excluded: dict[str, int]) -> None:
    rows = [{"Nothing goes to those who": words, "People": f"{count:,}"} for words, count in exclusions(excluded)]
    output.print_table(rows)


def _show_waves(analysis: Analysis) -> None:
    first, left_out, last = waves_shown(analysis)
    rows = [_wave(wave) for wave in first]
    if last:
        rows += [dict.fromkeys(rows[0], "") | {"Wave": f"{left_out:,} more"}, _wave(last)]
    output.print_table(rows)


def _wave(wave: WavePlan) -> dict[str, str]:
    return {
        "Wave": f"{wave.number:,}",
        "Service": f"@{wave.service}",
        "People": f"{wave.recipients:,}",
        "Begins": written(wave.begins_at),
        "Ends": written(wave.ends_at),
    }


def show_report(report: BroadcastReport) -> None:
    """Print how a broadcast stands: numbers by state, whom it left out, why messages did not arrive, its waves."""
    output.print_table(report.as_rows())
    _show_excluded(dict(report.excluded))
    output.print_table([*_reasons("refused", report.refusals), *_reasons("cancelled", report.dropped)])
    if len(report.waves) > 1:
        output.print_table([wave.as_row() for wave in report.waves])


def _reasons(state: str, counted: tuple[ReasonCount, ...]) -> list[dict[str, str]]:
    return [
        {"State": state, "Messages": f"{one.count:,}", "Reason": plain(one.sentence or one.code)} for one in counted
    ]

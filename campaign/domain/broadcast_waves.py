"""Whether the waves of a broadcast can be kept as they are described, and in words."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from campaign.domain.broadcasts import MOST_WAVES, PlannedWave, Waves
from campaign.domain.findings import Finding, WavePlan, error, info
from campaign.domain.waves import MOST_SAME_WAVES, needed_waves

_EVERYBODY = 100
_MOST_TOLD = 5


def wave_errors(waves: Waves, recipients: int) -> Iterator[Finding]:
    """Waves that make no sense, whoever gets them."""
    if waves.same and waves.calendar:
        yield error("two_kinds_of_waves", "There are waves of one size and a calendar: keep one of the two.")
    if waves.same and (needed := needed_waves(waves.same, recipients)) > MOST_SAME_WAVES:
        yield error(
            "too_many_waves", f"It takes {needed:,} waves: make them larger, so that there are {MOST_SAME_WAVES:,}."
        )
    if waves.same and waves.same.is_percentage and waves.same.amount > _EVERYBODY:
        yield _more_than_everybody(waves.same.amount)
    yield from _calendar_errors(waves.calendar)


def waves_in_words(plans: Sequence[WavePlan]) -> Finding:
    """The waves of one service: how many messages each has, and when."""
    one = plans[0]
    if len(plans) == 1:
        return info(
            "waves",
            f"On @{one.service} {_messages(one.recipients)} out from {written(one.begins_at)} to"
            f" {written(one.ends_at)}.",
        )
    told = "; ".join(_told(plan) for plan in plans[:_MOST_TOLD])
    more = len(plans) - _MOST_TOLD
    rest = f"; and {more:,} more, the last of them {_told(plans[-1])}" if more > 0 else ""
    return info("waves", f"On @{one.service} there are {len(plans):,} waves: {told}{rest}.")


def written(moment: datetime) -> str:
    """A moment to the minute: 2026-11-26 07:30 UTC."""
    return f"{moment:%Y-%m-%d %H:%M %Z}".rstrip()


def _calendar_errors(calendar: Sequence[PlannedWave]) -> Iterator[Finding]:
    if len(calendar) > MOST_WAVES:
        yield error("too_many_waves", f"The calendar has {len(calendar)} waves: shorten it to {MOST_WAVES} at most.")
    percentages = sum(wave.amount for wave in calendar if wave.is_percentage)
    if percentages > _EVERYBODY:
        yield _more_than_everybody(percentages)
    for number, (wave, before) in enumerate(zip(calendar[1:], calendar, strict=False), start=2):
        if wave.after_seconds < before.after_seconds:
            yield error(
                "calendar_backwards",
                f"Wave {number} of the calendar begins before wave {number - 1}: put the waves in the order of their"
                " times.",
            )


def _more_than_everybody(per_cent: int) -> Finding:
    return error("waves_over_all", f"The waves are {per_cent:,} % of everybody: make them 100 % at most.")


def _told(plan: WavePlan) -> str:
    return f"number {plan.number:,} with {plan.recipients:,} from {written(plan.begins_at)} to {written(plan.ends_at)}"


def _messages(count: int) -> str:
    return f"{count:,} messages go" if count > 1 else "1 message goes"

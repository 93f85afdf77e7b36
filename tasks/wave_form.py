"""The waves of a new broadcast in its form in the Prefect UI."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from campaign.domain.broadcasts import PlannedWave, SameWaves, Waves

_SIZE = "So many messages; or so many per cent of all of them, see below."
_PER_CENT = "The size is in per cent."


class WaveForm(BaseModel):
    """How the messages are spread over time."""

    model_config = ConfigDict(title="Waves")

    size: int = Field(title="Size", description=_SIZE, ge=1)
    per_cent: bool = Field(False, title="Per cent", description=_PER_CENT)
    every_hours: int = Field(24, title="Every … hours", description="So long after one wave the next begins.", ge=1)


class CalendarWaveForm(BaseModel):
    """One wave of a calendar."""

    model_config = ConfigDict(title="Wave of a calendar")

    after_hours: int = Field(title="Begins … hours after the start", description="0: at once.", ge=0)
    size: int = Field(title="Size", description=_SIZE, ge=1)
    per_cent: bool = Field(False, title="Per cent", description=_PER_CENT)


def waves_of(every: WaveForm | None, calendar: Sequence[CalendarWaveForm]) -> Waves:
    """The waves that the form describes."""
    same = every and SameWaves(
        amount=every.size,
        is_percentage=every.per_cent,
        period_seconds=every.every_hours * 3600,
    )
    planned = [
        PlannedWave(amount=one.size, is_percentage=one.per_cent, after_seconds=one.after_hours * 3600)
        for one in calendar
    ]
    return Waves(same=same, calendar=planned)

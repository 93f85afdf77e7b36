"""How far a broadcast is, in numbers and in one line."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from campaign.domain.broadcast_waves import written
from campaign.domain.broadcast_words import sent_in
from campaign.domain.findings import Analysis
from campaign.domain.spending import usd
from models import MessageState

_SURE = (MessageState.SENT, MessageState.REFUSED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Standing:
    """What does not change while a broadcast goes out: its waves by when they begin, what a message costs."""

    price: Decimal
    """US dollars for one message."""
    spend_cap: Decimal
    """US dollars a month, of all its services."""
    waves: Sequence[datetime] = ()
    """When each wave begins; a wave that several services have is one."""
    planned_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many messages are in which state."""

    by_state: Mapping[MessageState, int] = field(default_factory=Counter[MessageState])

    def of(self, state: MessageState) -> int:
        """How many are in a state; differences that come in any order never show less than none."""
        return max(0, self.by_state.get(state, 0))

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.of(state) for state in MessageState)

    @property
    def pending(self) -> int:
        """What has not gone out, what is on its way included."""
        return self.of(MessageState.PENDING) + self.of(MessageState.SENDING)

    @property
    def percentage(self) -> float:
        """What is done with; 100 only when all is."""
        done = sum(self.of(state) for state in _SURE)
        if done >= self.total:
            return 100.0
        return min(99.9, round(100 * done / self.total, 1))

    def as_json(self) -> dict[str, int]:
        """The numbers as scripts read them."""
        return {state.value: self.of(state) for state in MessageState}

    def in_words(self) -> str:
        """The numbers in one line: sent 1,204, refused 3, uncertain 0, pending 3,793 of 5,000."""
        told = [f"{state.value} {self.of(state):,}" for state in (MessageState.SENT, MessageState.REFUSED)]
        told.append(f"uncertain {self.of(MessageState.UNCERTAIN):,}")
        if cancelled := self.of(MessageState.CANCELLED):
            told.append(f"cancelled {cancelled:,}")
        return f"{', '.join([*told, f'pending {self.pending:,}'])} of {self.total:,}"


def progress_line(
    numbers: Numbers, standing: Standing, *, started_at: datetime | None, goes_on_at: datetime | None, now: datetime
) -> str:
    """Where a broadcast stands, in one line."""
    sent = numbers.of(MessageState.SENT)
    told = [numbers.in_words(), _wave(standing, now)]
    told.append(f"{usd(standing.price * sent)} of {usd(standing.spend_cap)} cap")
    if goes_on_at and goes_on_at > now:
        told.append(f"goes on at {sent_in(goes_on_at, now)}")
    if ends := ends_about(numbers, standing.planned_end, started_at=started_at, now=now):
        told.append(f"ends about {written(ends)}")
    return " · ".join(each for each in told if each)


def _wave(standing: Standing, now: datetime) -> str:
    if len(standing.waves) < 2:  # noqa: PLR2004 - the only wave goes without saying
        return ""
    begun = sum(begins_at <= now for begins_at in standing.waves)
    return f"wave {max(1, begun):,} of {len(standing.waves):,}"


def planned_end(analysis: Analysis, started_at: datetime | None) -> datetime | None:
    """When the last message was to be out, moved to when the broadcast really began."""
    if analysis.ends_at is None or not analysis.waves:
        return analysis.ends_at
    begins_at = min(wave.begins_at for wave in analysis.waves)
    return analysis.ends_at + (started_at - begins_at if started_at else timedelta())


def ends_about(
    numbers: Numbers, planned: datetime | None, *, started_at: datetime | None, now: datetime
) -> datetime | None:
    """When the last message is out, as planned or, once that is over, at the speed so far; None when all is done."""
    if not numbers.pending:
        return None
    if planned and planned > now:
        return planned
    sent = numbers.of(MessageState.SENT)
    if not sent or started_at is None or started_at >= now:
        return None
    return now + (now - started_at) / sent * numbers.pending

"""When each wave of a broadcast goes out, and when the last message is sent. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from math import ceil

from campaign.deliveries.draft import Draft, SameWaves, Waves, WaveSize
from campaign.deliveries.findings import WavePlan, start_of
from campaign.limits.quiet_hours import QuietHours
from campaign.limits.rate_limits import UNLIMITED, Allowance
from models import MessagePolicy, WindowName

MOST_SAME_WAVES = 1_500
"""Of one size: more than one an hour for as long as a delivery may be valid."""


@dataclass(frozen=True, slots=True)
class WaveShare:
    """What one wave of the delivery sends on one service: how many messages, how long after the start."""

    number: int
    """From 1, the same on every service: one that has no recipients in a wave leaves its number out."""
    recipients: int
    offset_seconds: int


def split(waves: Waves, recipients: Sequence[int]) -> list[list[WaveShare]]:
    """Splits each service's number of recipients into its waves: together exactly that number, and none is empty.

    Sizes are those of the delivery in all, spread over the services in proportion. What is left over after the last
    wave of a calendar, or after `MOST_SAME_WAVES`, goes with the last one.
    """
    shares: list[list[WaveShare]] = [[] for _ in recipients]
    left = list(recipients)
    for number, (size, offset) in enumerate(_sizes(waves, sum(recipients)), start=1):
        # In proportion to the people that are left: largest remainders, then the first.
        parts = [divmod(size * people, sum(left)) for people in left]
        by_remainder = sorted(range(len(left)), key=[-remainder for _, remainder in parts].__getitem__)
        rounded_up = set(by_remainder[: size - sum(whole for whole, _ in parts)])
        for service, (whole, _) in enumerate(parts):
            people = whole + (service in rounded_up)
            left[service] -= people
            if people:
                shares[service].append(WaveShare(number, people, offset))
    return shares


def needed_waves(same: SameWaves, recipients: int) -> int:
    """Counts the waves of one size that it takes, also where that is more than `MOST_SAME_WAVES`."""
    return -(-(100 if same.is_percentage else recipients) // same.amount)


def _sizes(waves: Waves, total: int) -> Iterator[tuple[int, int]]:
    """Returns how many messages each wave has in all, and its offset; together `total`."""
    if waves.same is None:
        sizes = [(_people(wave, total), wave.after_seconds) for wave in waves.calendar] or [(total, 0)]
    else:
        number = min(needed_waves(waves.same, total), MOST_SAME_WAVES)
        after = [_people(waves.same, total, times) for times in range(number + 1)]
        sizes = [(after[wave + 1] - after[wave], wave * waves.same.period_seconds) for wave in range(number)]
    left = total
    for place, (size, offset) in enumerate(sizes, start=1):
        taken = left if place == len(sizes) else min(size, left)
        left -= taken
        if taken:
            yield taken, offset


def _people(size: WaveSize, total: int, times: int = 1) -> int:
    """Counts the people of so many waves of a size; a part of a person is one."""
    return -(-size.amount * times * total // 100) if size.is_percentage else size.amount * times


_QUARTER, _DAY = 900, 86_400
_EXACT = 100 * _DAY
"""Longer than a delivery may be valid; what goes out after that is counted by whole days."""
_LAST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


def plan(
    service: str,
    waves: Sequence[WaveShare],
    limits: Mapping[WindowName, int],
    *,
    daily_limit: int,
    quiet: QuietHours | None,
    starts: datetime,
    first: Allowance,
) -> list[WavePlan]:
    """Returns begin and end of every wave; the end of the last one is when the last message is out.

    `first` is what the service may send when it starts, or until when it may not send.
    """
    starts_at = ceil(starts.timestamp())
    at = max(starts_at, ceil(first.until.timestamp()) if first.until else 0)
    quarter, day = paces(limits, daily_limit)
    sender = _Sender(quarter, day, quiet, at, quarter_left=min(first.messages, quarter) or quarter)
    plans = []
    for wave in waves:
        begins, ends = sender.send(wave.recipients, min(starts_at + wave.offset_seconds, _LAST))
        plans.append(
            WavePlan(
                service=service,
                number=wave.number,
                recipients=wave.recipients,
                begins_at=_moment(begins, starts),
                ends_at=_moment(ends, starts),
            )
        )
    return plans


def paces(limits: Mapping[WindowName, int], daily_limit: int) -> tuple[int, int]:
    """Returns the most messages in 15 minutes and in 24 hours; one call after the other takes about a second each."""
    of_a_day = [limits[name] for name in (WindowName.USER_DAY, WindowName.APP_DAY) if name in limits]
    quarter = min(_QUARTER, limits.get(WindowName.QUARTER_HOUR, _QUARTER))
    return max(1, quarter), max(1, min([*of_a_day, daily_limit or _DAY, _DAY]))


@dataclass(slots=True)
class _Sender:
    """Simulates sending, on a clock of whole seconds: as much as is allowed as soon as it is."""

    quarter: int
    day: int
    quiet: QuietHours | None
    at: int
    quarter_left: int
    quarter_ends: int = field(init=False)
    day_left: int = field(init=False)
    day_ends: int = field(init=False)
    quiet_begins: int = field(init=False)
    exact_until: int = field(init=False)

    def __post_init__(self) -> None:
        self.quarter_ends, self.exact_until = self.at + _QUARTER, self.at + _EXACT
        self.day_left, self.day_ends = self.day, self.at + _DAY
        self.quiet_begins = self.at if self.quiet else _LAST * 2

    def send(self, count: int, not_before: int) -> tuple[int, int]:
        """Returns when the first and the last of so many messages are out."""
        self.at = max(self.at, not_before)
        self._open()
        begins = ends = self.at
        while count:
            self._open()
            sent, ends = self._rest(count) if self.at > self.exact_until else self._quarters(count)
            count -= sent
        return begins, ends

    def _open(self) -> None:
        """Waits until a message may go out."""
        while True:
            if self.quiet and self.quiet_begins <= self.at <= self.exact_until:
                if self.quiet.include(_utc(self.at)):
                    self.at = int(self.quiet.end_after(_utc(self.at)).timestamp())
                self.quiet_begins = int(self.quiet.begin_after(_utc(self.at)).timestamp())
            if self.at >= self.quarter_ends:
                self.quarter_left, self.quarter_ends = self.quarter, self.at + _QUARTER
            if self.at >= self.day_ends:
                self.day_left, self.day_ends = self.day, self.at + _DAY
            if self.quarter_left and self.day_left:
                return
            self.at = self.quarter_ends if self.day_left else self.day_ends

    def _quarters(self, count: int) -> tuple[int, int]:
        """Sends until something is used up: what a quarter of an hour allows, or several whole ones."""
        shut = min(self.day_ends, self.quiet_begins)
        whole = min(count // self.quarter, self.day_left // self.quarter, (shut - self.at) // _QUARTER)
        if self.at != self.quarter_ends - _QUARTER or self.quarter_left < self.quarter or whole < 1:
            sent = min(count, self.quarter_left, self.day_left, self.quiet_begins - self.at)
            self.at, self.quarter_left = self.at + sent, self.quarter_left - sent
            ends = self.at - 1
        else:
            sent = whole * self.quarter
            self.at, self.quarter_left = self.at + whole * _QUARTER, 0
            self.quarter_ends, ends = self.at, self.at - _QUARTER + self.quarter - 1
        self.day_left -= sent
        return sent, ends

    def _rest(self, count: int) -> tuple[int, int]:
        """Sends all that is left, by what a day allows."""
        quiet = self.quiet.seconds() if self.quiet else 0
        a_day = min(self.day, max(self.quarter, self.quarter * (_DAY - quiet) // _QUARTER))
        self.at = min(_LAST, self.at + count * _DAY // a_day)
        return count, self.at


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment(seconds: int, like: datetime) -> datetime:
    return _utc(seconds) if seconds == _LAST else _utc(seconds).astimezone(like.tzinfo)


@dataclass(frozen=True, slots=True)
class BroadcastTarget:
    """One service of a broadcast, and the people in the target that are its own."""

    service_id: int
    internal_name: str
    label: str
    recipients: int
    """Who get it; `targeted` less those `excluded`."""
    targeted: int
    waves: Sequence[WaveShare]
    """See campaign.broadcasts.schedule.split."""
    limits: Mapping[WindowName, int]
    """What X allows in each window, by its latest limits, else by its documents."""
    allowance: Allowance
    """What may be sent now, see campaign.limits.rate_limits."""
    excluded: Mapping[str, int] = field(default_factory=dict)
    """How many get nothing, by ExclusionReason."""
    unconsented: int = 0
    """How many of the recipients have no consent that the service counts."""
    agreed: int = 0
    """How many of the recipients agreed to be written to."""
    wrote_first: int = 0
    """How many of the recipients only wrote first, which is no consent to marketing."""
    wrote_first_counts: bool = False
    """Whether the service counts that as a consent."""
    unclear: int = 0
    """How many messages to the service may be opt-outs and wait for a decision."""
    policy: MessagePolicy = MessagePolicy.ALL_FOLLOWERS
    blocked_because: str = ""
    """Empty when it is not."""
    can_send_messages: bool = True
    """False when X reports that the app may not send direct messages."""
    opt_out_line: str = ""
    """What is written under every message; empty for nothing."""
    left: Decimal = Decimal(0)
    """US dollars that its spend cap still allows this month."""
    balance: Decimal | None = None
    """US dollars that X has left for its app; None where X does not show them, or was not asked."""
    message_price: Decimal = Decimal("0.015")
    event_price: Decimal = Decimal("0.010")
    """Of each message that is read in the inbox: what the service sent itself is there too."""
    sender_price: Decimal = Decimal("0.010")
    """Of each person who answers, once a day: X shows the sender with the message."""
    file_price: Decimal = Decimal(0)
    """Of the file that goes with the messages, uploaded once, and its description."""
    app: str = ""
    """A fingerprint of its developer app: services with the same one share X's limit of an app; empty is not known."""
    quiet: QuietHours | None = None
    daily_limit: int = 0
    """Its own limit in 24 hours; 0 is X's."""

    @property
    def cost(self) -> Decimal:
        """Returns US dollars for all the messages, their file, and for reading each of them once in the inbox."""
        file_price = self.file_price if self.recipients else Decimal(0)
        return self.recipients * (self.message_price + self.event_price) + file_price


@dataclass(frozen=True, slots=True)
class Planned:
    """The waves of one service with their times; there is one at least."""

    target: BroadcastTarget
    limits: Mapping[WindowName, int]
    """Its own share of what X allows."""
    waves: list[WavePlan]

    @property
    def ends_at(self) -> datetime:
        """Returns when the last message is out."""
        return self.waves[-1].ends_at


def planned(targets: Sequence[BroadcastTarget], draft: Draft, now: datetime) -> list[Planned]:
    """Plans the waves of every service that has recipients."""
    starts = start_of(draft, now)
    plans = []
    for target in targets:
        if not target.waves:
            continue
        limits = _own_share(target, targets)
        times = plan(
            target.internal_name,
            target.waves,
            limits,
            daily_limit=target.daily_limit,
            quiet=target.quiet,
            starts=starts,
            # What is used up of a quarter of an hour now does not count for a later one.
            first=target.allowance if starts == now else Allowance(UNLIMITED, target.allowance.until),
        )
        plans.append(Planned(target, limits, times))
    return plans


def _own_share(target: BroadcastTarget, targets: Sequence[BroadcastTarget]) -> Mapping[WindowName, int]:
    """Returns the limits, that of the app shared by the services of the delivery that have the same app.

    In proportion to their recipients, so that they end at the same time.
    """
    of_app = target.limits.get(WindowName.APP_DAY)
    sharing = [other.recipients for other in targets if other.app == target.app and other.recipients]
    if of_app is None or not target.app or not sharing:
        return target.limits
    share = max(of_app // len(sharing), of_app * target.recipients // sum(sharing), 1)
    return {**target.limits, WindowName.APP_DAY: share}

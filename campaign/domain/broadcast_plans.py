"""When a broadcast goes out on each of its services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from campaign.domain.analysis_schedule import start_of
from campaign.domain.broadcast_schedule import plan
from campaign.domain.broadcast_target import BroadcastTarget
from campaign.domain.budget import WindowName
from campaign.domain.drafts import Draft
from campaign.domain.findings import WavePlan
from campaign.domain.message_budget import UNLIMITED, Allowance


@dataclass(frozen=True, slots=True)
class Planned:
    """The waves of one service with their times; there is one at least."""

    target: BroadcastTarget
    limits: Mapping[WindowName, int]
    """Its own share of what X allows."""
    waves: list[WavePlan]

    @property
    def ends_at(self) -> datetime:
        """When the last message is out."""
        return self.waves[-1].ends_at


def planned(targets: Sequence[BroadcastTarget], draft: Draft, now: datetime) -> list[Planned]:
    """The waves of every service that has somebody to write to."""
    return [_planned(target, targets, draft, now) for target in targets if target.waves]


def _planned(target: BroadcastTarget, targets: Sequence[BroadcastTarget], draft: Draft, now: datetime) -> Planned:
    starts = start_of(draft, now)
    limits = _own_share(target, targets)
    # What is used up of a quarter of an hour now says nothing of a later one.
    first = target.allowance if starts == now else Allowance(UNLIMITED, target.allowance.until)
    times = plan(
        target.internal_name,
        target.waves,
        limits,
        daily_limit=target.daily_limit,
        quiet=target.quiet,
        starts=starts,
        first=first,
    )
    return Planned(target, limits, times)


def _own_share(target: BroadcastTarget, targets: Sequence[BroadcastTarget]) -> Mapping[WindowName, int]:
    """The limits, that of the app shared by the services of the delivery that have the same.

    By turns: the one with most to send gets what is in proportion, which makes its end that of all of them.
    """
    of_app = target.limits.get(WindowName.APP_DAY)
    sharing = [other.recipients for other in targets if other.app == target.app and other.recipients]
    if of_app is None or not target.app or not sharing:
        return target.limits
    share = max(of_app // len(sharing), of_app * target.recipients // sum(sharing), 1)
    return {**target.limits, WindowName.APP_DAY: share}

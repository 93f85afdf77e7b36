"""How the recipients of a broadcast are spread over its waves. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from campaign.domain.broadcasts import SameWaves, Waves, WaveSize

MOST_SAME_WAVES = 1_500
"""Of one size: more than one an hour for as long as a delivery may be valid."""


@dataclass(frozen=True, slots=True)
class WaveShare:
    """What one wave of the delivery sends on one service: how many messages, how long after the start."""

    number: int
    """From 1, the same on every service: one that has nobody in a wave leaves its number out."""
    recipients: int
    offset_seconds: int


def split(waves: Waves, recipients: Sequence[int]) -> list[list[WaveShare]]:
    """For each service, by its number of recipients, its waves: together exactly that number, and none is empty.

    Sizes are those of the delivery in all, spread over the services in proportion. What is left over after the last
    wave of a calendar, or after `MOST_SAME_WAVES`, goes with the last one.
    """
    shares: list[list[WaveShare]] = [[] for _ in recipients]
    left = list(recipients)
    for number, (size, offset) in enumerate(_sizes(waves, sum(recipients)), start=1):
        for service, people in enumerate(_spread(size, left)):
            left[service] -= people
            if people:
                shares[service].append(WaveShare(number, people, offset))
    return shares


def needed_waves(same: SameWaves, recipients: int) -> int:
    """How many waves of one size it takes, also where that is more than `MOST_SAME_WAVES`."""
    return -(-(100 if same.is_percentage else recipients) // same.amount)


def _sizes(waves: Waves, total: int) -> Iterator[tuple[int, int]]:
    """How many messages each wave has in all, and its offset; together `total`."""
    planned, left = _planned(waves, total), total
    for place, (size, offset) in enumerate(planned, start=1):
        taken = left if place == len(planned) else min(size, left)
        left -= taken
        if taken:
            yield taken, offset


def _planned(waves: Waves, total: int) -> list[tuple[int, int]]:
    """The sizes and offsets as described, whether or not there are so many people."""
    same = waves.same
    if same is None:
        return [(_people(wave, total), wave.after_seconds) for wave in waves.calendar] or [(total, 0)]
    number = min(needed_waves(same, total), MOST_SAME_WAVES)
    after = [_people(same, total, times) for times in range(number + 1)]
    return [(after[wave + 1] - after[wave], wave * same.period_seconds) for wave in range(number)]


def _people(size: WaveSize, total: int, times: int = 1) -> int:
    """How many people so many waves of a size are; a part of a person is one."""
    return -(-size.amount * times * total // 100) if size.is_percentage else size.amount * times


def _spread(size: int, left: Sequence[int]) -> list[int]:
    """Give each service its part of a wave, in proportion to whom it has left: largest remainders, then the first."""
    total = sum(left)
    parts = [divmod(size * people, total) for people in left]
    missing = size - sum(whole for whole, _ in parts)
    by_remainder = sorted(range(len(left)), key=lambda service: (-parts[service][1], service))
    more = set(by_remainder[:missing])
    return [whole + (service in more) for service, (whole, _) in enumerate(parts)]

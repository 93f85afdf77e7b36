"""Ids of posts and media: the milliseconds of their making, then 22 bits (docs.x.com/fundamentals/x-ids)."""

EPOCH = 1_288_834_974_657
"""The millisecond (Unix time) that X counts from."""
SHIFT = 22


class Snowflakes:
    """Ids that are given once and grow strictly, even when the clock does not."""

    def __init__(self) -> None:
        self._last = 0
        self._given: set[int] = set()

    def make(self, seconds: float) -> str:
        """Returns the next id, for something made at this time (Unix seconds)."""
        self._last = self._free(max(_first(seconds), self._last + 1))
        return str(self._last)

    def make_earlier(self, seconds: float) -> str:
        """Returns an id that looks as if it had been given at this time, before others."""
        return str(self._free(_first(seconds)))

    def _free(self, number: int) -> int:
        while number in self._given:
            number += 1
        self._given.add(number)
        return number


def _first(seconds: float) -> int:
    return (int(seconds * 1000) - EPOCH) << SHIFT

"""Ids: those of posts and media, and a shuffle that makes those of users."""

BITS = 63  # X's ids are positive signed 64-bit integers: docs.x.com/fundamentals/x-ids
MASK = (1 << BITS) - 1
FACTOR = 0x5851F42D4C957F2D
INVERSE = pow(FACTOR, -1, 1 << BITS)
HALF = 32  # shifted twice by this, nothing of a 63-bit number is left: the step undoes itself


def scramble(number: int) -> int:
    """Returns the number from 0 to 2^63-1 that stands for `number`; 0 stands for itself."""
    for _ in range(2):
        number = (number * FACTOR) & MASK
        number ^= number >> HALF
    return number


def unscramble(number: int) -> int:
    """Returns the number that `scramble` turned into `number`."""
    for _ in range(2):
        number ^= number >> HALF
        number = (number * INVERSE) & MASK
    return number


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

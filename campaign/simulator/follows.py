"""Who follows an account, in the order they came."""

from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

GONE = 0
"""Left in place of a follower who unfollowed, so that every other position stays what it was."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Followers at the positions `bottom` to `top - 1`, newest first."""

    numbers: list[int]
    bottom: int
    top: int


class FollowList:
    """The follow sequence of one account: user numbers, eight bytes each; a position never changes its meaning."""

    def __init__(self) -> None:
        self.sequence = array("Q")
        self.count = 0
        self._known: frozenset[int] | None = None

    @property
    def end(self) -> int:
        """Returns the position the next follower will get."""
        return len(self.sequence)

    def add(self, numbers: Iterable[int]) -> None:
        """Adds users who did not follow so far at the top, the last one as the newest."""
        before, self._known = len(self.sequence), None
        self.sequence.extend(numbers)
        self.count += len(self.sequence) - before

    def remove(self, numbers: Collection[int]) -> list[int]:
        """Removes those of `numbers` who follow, and returns them; one pass, however many they are."""
        wanted, self._known = set(numbers), None
        positions = [position for position, number in enumerate(self.sequence) if number in wanted and number != GONE]
        removed = [self.sequence[position] for position in positions]
        for position in positions:
            self.sequence[position] = GONE
        self.count -= len(positions)
        return removed

    def has(self, number: int) -> bool:
        """Returns whether this user follows now; the list is gone through only when it has changed."""
        if self._known is None:
            self._known = frozenset(self.sequence) - {GONE}
        return number in self._known

    def spread(self, count: int) -> list[int]:
        """Returns `count` followers picked evenly through the list, or all when there are fewer."""
        live = [number for number in self.sequence if number != GONE]
        count = min(count, len(live))
        return [live[index * len(live) // count] for index in range(count)]

    def newest_first(self) -> Iterator[int]:
        """Yields all who follow now."""
        return (number for number in reversed(self.sequence) if number != GONE)

    def read(self, position: int, size: int, *, upwards: bool = False) -> Stretch:
        """Returns `size` followers next to a position: older ones, or newer ones when reading upwards."""
        return self.above(position, size) if upwards else self.below(position, size)

    def below(self, top: int, size: int) -> Stretch:
        """Returns the newest `size` followers among those older than position `top`."""
        numbers: list[int] = []
        bottom = top
        while bottom > 0 and len(numbers) < size:
            bottom -= 1
            if self.sequence[bottom] != GONE:
                numbers.append(self.sequence[bottom])
        return Stretch(numbers, bottom, top)

    def above(self, bottom: int, size: int) -> Stretch:
        """Returns the oldest `size` followers among those from position `bottom` on."""
        numbers: list[int] = []
        top = bottom
        while top < len(self.sequence) and len(numbers) < size:
            if self.sequence[top] != GONE:
                numbers.append(self.sequence[top])
            top += 1
        return Stretch(numbers[::-1], bottom, top)

    def has_older(self, position: int) -> bool:
        """Returns whether an older follower is left."""
        return any(self.sequence[index] != GONE for index in range(position - 1, -1, -1))

    def has_newer(self, position: int) -> bool:
        """Returns whether a newer follower is left."""
        return any(self.sequence[index] != GONE for index in range(position, len(self.sequence)))

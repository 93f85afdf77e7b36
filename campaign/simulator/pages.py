"""Pages rendered once and kept as bytes, so that a benchmark measures the reader and not the simulator."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

ROOM = 2_000
"""Pages kept; a page of 1,000 users has about 100 to 300 kB."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer's body, and how many users it returns."""

    body: bytes
    resources: int


class PageCache:
    """Rendered pages by the account whose list they show; the least recently used go first."""

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[int, Hashable], Page] = OrderedDict()

    def get(self, owner: int, view: Hashable, render: Callable[[], Page]) -> Page:
        """Returns the page of this account (user number) seen in this way; rendered when it is not there."""
        key = (owner, view)
        if key not in self._pages:
            self._pages[key] = render()
        self._pages.move_to_end(key)
        if len(self._pages) > ROOM:
            self._pages.popitem(last=False)
        return self._pages[key]

    def clear(self, owner: int | None = None) -> None:
        """Deletes the pages of one account, or all."""
        for key in [key for key in self._pages if owner in (None, key[0])]:
            del self._pages[key]

"""X's limits: so many calls of an endpoint in a window, named in headers on every answer.

docs.x.com/x-api/fundamentals/rate-limits; the 24-hour families are seen in answers, the page is silent on them.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

QUARTER_HOUR = 900.0
DAY = 86_400.0


class Family(StrEnum):
    """What is counted: the calls of a user in a window or a day, or those of all users of an app in a day."""

    WINDOW = "window"
    USER = "user"
    APP = "app"

    @property
    def prefix(self) -> str:
        """Returns how its headers begin."""
        return "x-rate-limit" if self is Family.WINDOW else f"x-{self}-limit-24hour"


Caps = Mapping[Family, int]
Key = tuple[str, str, Family]
"""Whose calls, of which endpoint, in which family."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Whose limits a call uses up: the id of the user, and the consumer key of the app."""

    user: str
    app: str

    def holder(self, family: Family) -> str:
        """Returns whose calls are counted together."""
        return self.app if family is Family.APP else self.user


@dataclass(slots=True)
class Tally:
    """Calls that the limits let through, those among them that X did, and those that the limits stopped."""

    used: int = 0
    done: int = 0
    stopped: int = 0


@dataclass(slots=True)
class Window(Tally):
    """A tally up to `limit` calls until `ends` (epoch seconds)."""

    limit: int = 0
    ends: float = 0

    @property
    def remaining(self) -> int:
        """Calls still allowed."""
        return max(0, self.limit - self.used)

    @property
    def reset(self) -> int:
        """Returns the first whole second at which the window is surely over."""
        return math.ceil(self.ends)


@dataclass(frozen=True, slots=True)
class Spent:
    """One counted call: whether it is allowed, in which windows, and the headers to answer with."""

    allowed: bool
    windows: dict[Family, Window]
    headers: dict[str, str]

    def done(self) -> None:
        """Counts the call as one that X did."""
        for window in self.windows.values():
            window.done += 1


@dataclass
class Limits:
    """All windows of all callers; `limits` and `day_limits` replace X's figures for the endpoints they name.

    A day limit of None takes the documented one away.
    """

    window_seconds: float = QUARTER_HOUR
    day_seconds: float = DAY
    limits: dict[str, int] = field(default_factory=dict)
    day_limits: dict[str, dict[str, int | None]] = field(default_factory=dict)
    headers: bool = True
    """Whether a 429 carries the headers; X has been seen to leave them out."""
    _windows: dict[Key, Window] = field(default_factory=dict, init=False)
    _most: dict[Key, Tally] = field(default_factory=dict, init=False)
    _caps: dict[str, Caps] = field(default_factory=dict, init=False)

    def spend(self, caller: Holders, endpoint: str, documented: Caps) -> Spent:
        """Counts one call."""
        caps = self._caps.get(endpoint) or self._caps.setdefault(endpoint, self.caps(endpoint, documented))
        windows = {family: self.window(caller, endpoint, family, limit) for family, limit in caps.items()}
        allowed = all(window.used < window.limit for window in windows.values())
        for window in windows.values():
            window.used += allowed
            window.stopped += not allowed
        return Spent(allowed, windows, _headers(windows) if allowed or self.headers else {})

    def caps(self, endpoint: str, documented: Caps) -> Caps:
        """Returns the limits in force for this endpoint."""
        named: dict[str, int | None] = {**self.day_limits.get(endpoint, {})}
        if endpoint in self.limits:
            named[Family.WINDOW] = self.limits[endpoint]
        wanted = {family: named.get(family, documented.get(family)) for family in Family}
        return {family: limit for family, limit in wanted.items() if limit is not None}

    def window(self, caller: Holders, endpoint: str, family: Family, limit: int) -> Window:
        """Returns the running window; a new one begins with the first call after the last was over."""
        key = (caller.holder(family), endpoint, family)
        now = time.time()
        window = self._windows.get(key)
        if window is None or window.ends <= now:
            self._most[key] = self._fullest(key)
            seconds = self.window_seconds if family is Family.WINDOW else self.day_seconds
            window = self._windows[key] = Window(limit=limit, ends=now + seconds)
        return window

    def fullest(self) -> Iterator[tuple[Key, int, Tally]]:
        """Returns the limit of each kind of window, and the most that any one of that kind ever counted."""
        return ((key, window.limit, self._fullest(key)) for key, window in self._windows.items())

    def _fullest(self, key: Key) -> Tally:
        before, now = self._most.get(key, Tally()), self._windows.get(key, Tally())
        return Tally(max(before.used, now.used), max(before.done, now.done), max(before.stopped, now.stopped))


def _headers(windows: dict[Family, Window]) -> dict[str, str]:
    headers = {}
    for family, window in windows.items():
        headers[f"{family.prefix}-limit"] = str(window.limit)
        headers[f"{family.prefix}-remaining"] = str(window.remaining)
        headers[f"{family.prefix}-reset"] = str(window.reset)
    return headers

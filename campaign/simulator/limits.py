"""X's limits: so many calls per account and endpoint in a window, told in headers on every answer.

docs.x.com/x-api/fundamentals/rate-limits; the 24-hour families are seen in answers, the page is silent on them.
"""

import math
import time
from dataclasses import dataclass, field

QUARTER_HOUR = 900.0
DAY = 86_400.0
PREFIXES = {"window": "x-rate-limit", "user": "x-user-limit-24hour", "app": "x-app-limit-24hour"}


@dataclass
class Window:
    """`used` of `limit` calls until `ends` (epoch seconds)."""

    limit: int
    ends: float
    used: int = 0

    @property
    def remaining(self) -> int:
        """Calls still allowed."""
        return max(0, self.limit - self.used)

    @property
    def reset(self) -> int:
        """The first whole second at which the window is surely over."""
        return math.ceil(self.ends)


@dataclass
class Limits:
    """All windows of all accounts; `limits` and `day_limits` replace X's figures for the endpoints they name."""

    window_seconds: float = QUARTER_HOUR
    limits: dict[str, int] = field(default_factory=dict)
    day_limits: dict[str, dict[str, int]] = field(default_factory=dict)
    headers: bool = True
    """Whether a 429 carries the headers; X has been seen to leave them out."""
    _windows: dict[tuple[str, str, str], Window] = field(default_factory=dict, init=False)

    def spend(self, account: str, endpoint: str, documented: int) -> tuple[bool, dict[str, str]]:
        """Count one call: whether it is allowed, and the headers to answer with."""
        windows = {family: self.window(account, endpoint, documented, family) for family in self._families(endpoint)}
        allowed = all(window.remaining > 0 for window in windows.values())
        for window in windows.values():
            window.used += allowed
        return allowed, self._headers(windows) if allowed or self.headers else {}

    def window(self, account: str, endpoint: str, documented: int, family: str = "window") -> Window:
        """The running window; a new one begins with the first call after the last was over."""
        key = (account, endpoint, family)
        now = time.time()
        if key not in self._windows or self._windows[key].ends <= now:
            self._windows[key] = self._new(endpoint, documented, family, now)
        return self._windows[key]

    def _families(self, endpoint: str) -> list[str]:
        return ["window", *self.day_limits.get(endpoint, {})]

    def _new(self, endpoint: str, documented: int, family: str, now: float) -> Window:
        if family == "window":
            return Window(self.limits.get(endpoint, documented), now + self.window_seconds)
        return Window(self.day_limits[endpoint][family], now + DAY)

    def _headers(self, windows: dict[str, Window]) -> dict[str, str]:
        headers = {}
        for family, window in windows.items():
            prefix = PREFIXES[family]
            headers[f"{prefix}-limit"] = str(window.limit)
            headers[f"{prefix}-remaining"] = str(window.remaining)
            headers[f"{prefix}-reset"] = str(window.reset)
        return headers

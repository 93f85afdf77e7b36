"""How many requests one visitor may make in a minute."""

from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from time import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.types import Scope

#: Many people may share one address, as in an office: generous to them, and far below what one computer can do.
_PAGES = RateLimitItemPerMinute(300, namespace="pages")
_FORMS = RateLimitItemPerMinute(30, namespace="forms")
_REDIRECTS = RateLimitItemPerMinute(1_200, namespace="redirects")
#: Who has a network of IPv6 has more addresses in it than anybody can count.
_IPV6_NETWORK = 64


class VisitorLimits:
    """Counts the requests of each visitor, in the memory of this process and for a minute."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def seconds_to_wait(self, scope: Scope) -> int:
        """Count a request; 0 when it may go on, else how long its visitor has to wait."""
        limit, visitor = _limit_of(scope), visitor_of(scope)
        if self._limiter.hit(limit, visitor):
            return 0
        return max(1, ceil(self._limiter.get_window_stats(limit, visitor).reset_time - time()))


def _limit_of(scope: Scope) -> RateLimitItemPerMinute:
    if scope["method"] == "POST":
        return _FORMS
    return _REDIRECTS if scope["path"].startswith("/r/") else _PAGES


def visitor_of(scope: Scope) -> str:
    """Whom a request is counted for: an address, or a network of IPv6."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((address, _IPV6_NETWORK), strict=False)) if isinstance(address, IPv6Address) else host

"""An answer of X as this package hands it on, and what to make of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pendulum

from campaign.errors import XError
from campaign.x.error_table import parse
from campaign.x.errors import translate, windows_of
from campaign.x.types import Price, Receipt

T = TypeVar("T")

_BEFORE_VERSION = re.compile(r"^.*?(?=/(2|1\.1)/)")
_ID = re.compile(r"(?<=/)[\d-]+(?=/|$)")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one call, and when."""

    endpoint: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

    def document(self) -> Any:
        """The JSON in the body; raises ValueError when there is none."""
        return parse(self.body)

    def read(self, reader: Callable[["Reply"], T]) -> T:
        """What `reader` makes of the reply; raises XError when the answer does not hold what `reader` looks for."""
        try:
            return reader(self)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            raise self.error() from None

    @property
    def access_level(self) -> str | None:
        """X's word for what the app may do: "read", "read-write" or "read-write-directmessages"."""
        return self.headers.get("x-access-level")

    def receipt(self, price: Price, resources: int) -> Receipt:
        """What the call used up."""
        return Receipt(self.endpoint, price, resources, windows_of(self.headers, self.received_at))

    def error(self) -> XError:
        """What it means that the wanted data is not in this answer."""
        return translate(self.status, self.headers, self.body, endpoint=self.endpoint, now=self.received_at)


def reply_to(method: str, url: str, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """The reply to a call; the one place of the package that reads the clock."""
    return Reply(endpoint_of(method, url), status, headers, body, received_at=pendulum.now("UTC"))


def endpoint_of(method: str, url: str) -> str:
    """The endpoint as X's documentation writes it, whoever is asked about: "GET /2/users/:id/followers"."""
    path = _BEFORE_VERSION.sub("", urlsplit(url).path, count=1).removesuffix(".json")
    version, _, rest = path.removeprefix("/").partition("/")
    return f"{method} /{version}/{_ID.sub(':id', rest)}"


def id_in(record: Mapping[str, Any], *names: str) -> str:
    """The id under the first of `names` that is there; raises ValueError when it is none: X's ids are digits."""
    found = next((str(record[name]) for name in names if record.get(name)), "")
    if not (found.isascii() and found.isdecimal()):
        raise ValueError("no id")
    return found

"""Calls to X: a session under one base URL, tweepy's two clients on it, what failed for sure, and pages of rows."""

import json
import logging
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from socket import create_connection
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import orjson
import pendulum
import requests
import tweepy
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, InvalidSchema, InvalidURL

from campaign.errors import ServiceBlocked, Uncertain, Unsent, WrongUsage, XError
from campaign.x.types import Answer, Keys, MessageEvent, MessageEvents, Price, Receipt, Window
from models import WindowName

T = TypeVar("T")
V = TypeVar("V")

logger = logging.getLogger(__name__)

OnRejected = Callable[[ServiceBlocked], XError]
"""Returns the error for a call whose keys X rejects: X was seen to reject good ones for hours."""
KEYS_WRONG = "keys_wrong"
"""The reason of a rejection."""
CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
"""How long to wait for a connection, and for each next part of a response."""

_ID = re.compile(r"(?<=[^/]/)[\d-]+(?=/|$)")
_OWN_HOST = re.compile(r"^(https://)api\.(?=(x|twitter)\.com$)")


# docs.x.com/x-api/fundamentals/rate-limits names the first family; the 24-hour ones are seen in answers only.
_FAMILIES = {
    WindowName.QUARTER_HOUR: "x-rate-limit",
    WindowName.USER_DAY: "x-user-limit-24hour",
    WindowName.APP_DAY: "x-app-limit-24hour",
}
_LONGEST_WINDOW = timedelta(hours=25)
_WITHOUT_HEADERS = timedelta(minutes=15)
_SOONEST = timedelta(seconds=5)
# Date has whole seconds and a response travels a while; less than this says nothing about a clock.
_SAME_CLOCK = timedelta(seconds=5)


class _Family(NamedTuple):
    limit: int | None
    remaining: int | None
    reset_at: datetime | None


def windows_of(headers: Mapping[str, str], now: datetime) -> tuple[Window, ...]:
    """Returns the limit windows that the headers name in full, their resets in our clock; names in any case."""
    return tuple(
        Window(name, family.limit, family.remaining, family.reset_at)
        for name, family in _families(headers, now).items()
        if family.limit is not None and family.remaining is not None and family.reset_at is not None
    )


def retry_at(headers: Mapping[str, str], now: datetime, otherwise: timedelta = _WITHOUT_HEADERS) -> datetime:
    """Returns when to retry after "too many": when all closed windows open, `otherwise` later without headers."""
    families = _families(headers, now)
    closed = [each.reset_at for each in families.values() if each.remaining == 0 and each.reset_at]
    opens_at = max(closed, default=None) or families[WindowName.QUARTER_HOUR].reset_at
    requested = retry_after(headers, now)
    if requested and closed:
        return max(requested, *closed, now + _SOONEST)
    return max(requested or opens_at or now + otherwise, now + _SOONEST)


def retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Returns the moment of a `Retry-After` header, in seconds or as an HTTP date, at most 25 hours from now."""
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    text = lowered.get("retry-after", "")
    if text.isascii() and text.isdecimal():
        wait = timedelta(seconds=min(int(text[:9]), _LONGEST_WINDOW.total_seconds()))
    elif date := _parse_date(text):
        # By X's own clock, where its response names the time.
        wait = min(date - (_parse_date(lowered.get("date", "")) or now), _LONGEST_WINDOW)
    else:
        return None
    return now + wait


def _families(headers: Mapping[str, str], now: datetime) -> dict[WindowName, _Family]:
    lowered = {name.lower(): value for name, value in headers.items()}
    # Pendulum calculates a hundred times as long, and this is done for every message.
    now = datetime.fromtimestamp(now.timestamp(), UTC)
    date = _parse_date(lowered.get("date", ""))
    ahead = now - date if date and abs(now - date) >= _SAME_CLOCK else timedelta(0)

    def count(name: str) -> int | None:
        try:
            return max(0, int(lowered[name]))
        except (KeyError, ValueError):
            return None

    families = dict[WindowName, _Family]()
    for name, prefix in _FAMILIES.items():
        reset_at = None
        if epoch_seconds := count(f"{prefix}-reset"):
            with suppress(ValueError, OverflowError, OSError):
                reset_at = datetime.fromtimestamp(epoch_seconds, UTC) + ahead
        is_plausible = reset_at is not None and reset_at <= now + _LONGEST_WINDOW
        limit, remaining = count(f"{prefix}-limit"), count(f"{prefix}-remaining")
        families[name] = _Family(limit, remaining, reset_at if is_plausible else None)
    return families


@lru_cache(maxsize=8)
def _parse_date(header: str) -> datetime | None:
    """Reads the moment in a Date header, once for all responses of a second."""
    try:
        return parsedate_to_datetime(header).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def parse(body: bytes) -> Any:
    """Returns the JSON in `body`; raises ValueError when there is none.

    Names cut in the middle of an emoji make text that strict JSON forbids; one of them must not hide a page.
    """
    body = body.removeprefix(BOM_UTF8)
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    try:
        document = json.loads(body.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return orjson.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Reply:
    """X's response to one call, and when it came."""

    endpoint: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

    def document(self) -> Any:
        """Returns the JSON in the body; raises ValueError when there is none."""
        return parse(self.body)

    def read(self, reader: Callable[["Reply"], T]) -> T:
        """Returns what `reader` makes of the reply; raises XError when the reply lacks what `reader` looks for."""
        try:
            return reader(self)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            raise self.error() from None

    @property
    def access_level(self) -> str | None:
        """Returns the app's permission: "read", "read-write" or "read-write-directmessages"."""
        return self.headers.get("x-access-level")

    def receipt(self, price: Price, resources: int) -> Receipt:
        """Returns the receipt of the call for `resources` units at `price`."""
        return Receipt(self.endpoint, price, resources, windows_of(self.headers, self.received_at))

    def error(self) -> XError:
        """Returns the error that a reply without the wanted data means."""
        # Read when one is needed; it reads the headers and the body with the functions above.
        from campaign.x.errors import translate

        return translate(self.status, self.headers, self.body, endpoint=self.endpoint, now=self.received_at)


def endpoint_of(method: str, route: str) -> str:
    """Returns the endpoint as X's documentation writes it, the same for all ids: "GET /2/users/:id/followers"."""
    return f"{method} {_ID.sub(':id', route.removesuffix('.json'))}"


def id_in(record: Mapping[str, Any], *names: str) -> str:
    """Returns the id under the first of `names` that is there; raises ValueError when it is not made of digits."""
    found = next((str(record[name]) for name in names if record.get(name)), "")
    if not (found.isascii() and found.isdecimal()):
        raise ValueError("no id")
    return found


def handle_in(record: Mapping[str, Any], name: str) -> str:
    """Returns the handle under this name; raises ValueError when there is none."""
    found = record[name]
    if not (isinstance(found, str) and found):
        raise ValueError("no handle")
    return found


class _NotConnectedError(Exception):
    """No connection, so that not one byte of the request was sent."""


class _Connecting:
    """Makes every failure to connect (name, socket, proxy, tunnel, TLS) one error that no library rewrites.

    Otherwise a TLS handshake that times out or is reset looks like a response that does.
    """

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        except Exception as error:
            raise _NotConnectedError from error


class _Adapter(HTTPAdapter):
    """Keeps connections open and makes no call twice."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=10, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the pool of connections for a request."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not issubclass(pool.ConnectionCls, _Connecting):
            pool.ConnectionCls = type("Connection", (_Connecting, pool.ConnectionCls), {})
        return pool


class Session(requests.Session):
    """Calls X's API under `base_url`, for both versions ("{base_url}/2/...", "{base_url}/1.1/...").

    Safe in several threads. Follows no redirect: a signed call is not repeated elsewhere.
    """

    def __init__(self, base_url: str) -> None:
        super().__init__()
        if not is_address(base_url):
            raise WrongUsage("Invalid CAMPAIGN_X_API_URL: it must look like https://api.x.com.")
        self.base_url = base_url.rstrip("/")
        # v1.1 takes files at a host of its own; a simulator has one host for all.
        self.upload_url = _OWN_HOST.sub(r"\1upload.", self.base_url)
        # The consent screen is not at the API's host either.
        self.people_url = _OWN_HOST.sub(r"\1", self.base_url)
        self.on_rejected: OnRejected | None = None
        self.timeout = (CONNECT_SECONDS, READ_SECONDS)
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())
        # Proxies and certificates come from the environment once; then nothing there can add credentials.
        environment = self.merge_environment_settings(self.base_url, {}, None, None, None)
        self.verify = environment["verify"]
        if isinstance(self.verify, str) and not Path(self.verify).exists():
            raise WrongUsage(f"Certificates not found at {self.verify}. Correct REQUESTS_CA_BUNDLE.")
        # A proxy elsewhere would look for the simulator on its own machine.
        self.proxies = {} if is_loopback(self.base_url) else environment["proxies"]
        self.trust_env = False

    def call(self, method: str, route: str, *, is_upload: bool = False, **content: Any) -> Reply:
        """Makes one call and returns a reply with status 2xx; raises XError for everything else.

        `content` is as for `requests.request`: `auth`, `params`, and `json` or `data` and `files`.
        """
        url = (self.upload_url if is_upload else self.base_url) + route
        try:
            # Prepared without the session: no call carries cookies of earlier ones.
            request = requests.Request(method, url, headers=self.headers, **content).prepare()
            response = self.send(request, timeout=self.timeout, proxies=self.proxies)
        except (_NotConnectedError, InvalidURL, InvalidSchema):
            failure: XError = Unsent(_unreachable(self.base_url), reason="unreachable")
        except (ChunkedEncodingError, ContentDecodingError):
            failure = Uncertain("X's answer broke off.", reason="bad_answer")
        except OSError:  # all other errors of requests
            failure = Uncertain("X did not answer.", reason="no_answer")
        else:
            endpoint, now = endpoint_of(method, route), pendulum.now("UTC")
            reply = Reply(endpoint, response.status_code, response.headers, response.content, now)
            if response.status_code // 100 == 2:  # noqa: PLR2004
                return reply
            failure = reply.error()
            if self.on_rejected and isinstance(failure, ServiceBlocked) and failure.reason == KEYS_WRONG:
                failure = self.on_rejected(failure)
        # Raised out here, because an error raised while another is handled keeps it, with the signed request in it.
        raise failure

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        """Returns no target: a redirect is a response like any other."""
        return


class _Client:
    """One of tweepy's clients on a `Session` of ours: every verb returns a Reply or raises XError."""

    user_agent: str

    def _connect(self, keys: Keys, base_url: str, on_rejected: OnRejected | None) -> None:
        self.session = Session(base_url)
        self.session.on_rejected = on_rejected
        self.session.headers["User-Agent"] = self.user_agent
        # Signs by OAuth 1.0a; each call gets a signature of its own.
        self._auth: AuthBase = tweepy.OAuth1UserHandler(
            keys.consumer_key.get_secret_value(),
            keys.consumer_secret.get_secret_value(),
            keys.access_token.get_secret_value(),
            keys.access_token_secret.get_secret_value(),
        ).apply_auth()


class ClientV2(_Client, tweepy.Client):  # type: ignore[misc]
    """Calls X's API v2 in the name of the keys' account."""

    uses_post_fields = False
    """Whether fields of posts are asked for by the names of X's OpenAPI 2.167 (2026-08-07), `post.fields` and so on.

    X drops names silently that it does not know. tweepy knows the old ones only; `referenced_posts` is an expansion.
    """

    def __init__(self, keys: Keys, base_url: str, on_rejected: OnRejected | None = None) -> None:
        super().__init__(return_type=requests.Response)  # with this type, a verb returns what `request` does
        self._connect(keys, base_url, on_rejected)

    def request(
        self,
        method: str,
        route: str,
        params: dict[str, Any] | None = None,
        json: Any = None,
        user_auth: bool = True,  # noqa: ARG002  # the keys are an account's: every call is signed with them
        **content: Any,
    ) -> Reply:
        """Makes one call; `content` is what tweepy's own `request` cannot send: `data` and `files`."""
        if self.uses_post_fields and params and "tweet.fields" in params:
            fields = params.pop("tweet.fields").replace("tweet", "post").split(",")
            expansions = [name for name in fields if name == "referenced_posts"]
            params["post.fields"] = ",".join(name for name in fields if name not in expansions)
            if expansions:
                params["expansions"] = ",".join(expansions)
        return self.session.call(method, route, auth=self._auth, params=params, json=json, **content)


class ClientV1(_Client, tweepy.API):  # type: ignore[misc]
    """Calls X's API v1.1 in the name of the keys' account."""

    def __init__(self, keys: Keys, base_url: str, on_rejected: OnRejected | None = None) -> None:
        super().__init__()
        self._connect(keys, base_url, on_rejected)

    def request(
        self,
        method: str,
        endpoint: str,
        *,
        json_payload: Any = None,
        post_data: Mapping[str, Any] | None = None,
        files: Any = None,
        upload_api: bool = False,
        **options: Any,
    ) -> Reply:
        """Makes one call; the parameters of a POST go in its body, where no log of addresses shows them."""
        of_tweepys_parser = {"endpoint_parameters", "headers", "payload_list", "payload_type"}
        params = {name: value for name, value in options.items() if value is not None and name not in of_tweepys_parser}
        content = {"params": params} if method == "GET" else {"data": {**(post_data or {}), **params}}
        route = f"/1.1/{endpoint}.json"
        return self.session.call(
            method, route, auth=self._auth, is_upload=upload_api, json=json_payload, files=files, **content
        )


def is_address(url: str) -> bool:
    """Returns whether this is the address of an HTTP server."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_loopback(url: str) -> bool:
    """Returns whether the address is this computer's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_simulator(base_url: str) -> None:
    """Raises WrongUsage when X's API is replaced by an address of this computer that accepts no connection."""
    parts = urlsplit(base_url)
    if is_loopback(base_url):
        try:
            create_connection((parts.hostname, parts.port or 80), timeout=5).close()
        except OSError:
            raise WrongUsage(_unreachable(base_url)) from None


def _unreachable(base_url: str) -> str:
    parts = urlsplit(base_url)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if is_loopback(base_url):
        return f"Nothing answers at {address}: start the simulator with `campaign simulator`."
    return f"X cannot be reached at {address}: check the network and CAMPAIGN_X_API_URL."


# At DEBUG the OAuth libraries print signatures, urllib3 prints queries, tweepy prints whole bodies.
_PACKAGES = ("oauthlib", "requests", "requests_oauthlib", "tweepy", "urllib3")


def _is_at_least_info(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO


def silence() -> None:
    """Drops every record below INFO of these packages, whatever level is configured now or later.

    A level can be set back by any logging configuration; a filter stays. A parent's filter does not see its
    children's records, so each logger gets its own.
    """
    for name in (*_PACKAGES, *logging.root.manager.loggerDict):
        if name.partition(".")[0] in _PACKAGES:
            logging.getLogger(name).addFilter(_is_at_least_info)


silence()


@contextmanager
def kept(receipts: list[Receipt]) -> Iterator[None]:
    """Adds the receipts of the calls before it to an error."""
    try:
        yield
    except XError as error:
        error.receipts = (*receipts, *error.receipts)
        raise


MOST_EMPTY_PAGES = 3


class StandstillGuard:
    """Notices that a list of X's stands still: a page token that was seen before, or three pages without a row.

    X was seen to issue the same token for ever; one page without a row is ordinary. A list that was left is gone on
    with at `token`, after `read_before` rows.
    """

    def __init__(self, rows: str, read_before: int = 0, token: str | None = None) -> None:
        self._name, self._rows, self._empty = rows, read_before, 0
        self._tokens = {token}

    def check(self, rows: int, next_token: str | None) -> str:
        """Returns, after each page, the sentence with which reading ends; empty when the list may go on."""
        self._rows += rows
        self._empty = 0 if rows else self._empty + 1
        if next_token is None:
            return ""
        if next_token not in self._tokens and self._empty < MOST_EMPTY_PAGES:
            self._tokens.add(next_token)
            return ""
        if next_token in self._tokens:
            return f"X's list of {self._name} repeats a page: reading ended after {self._rows:,} of them."
        return (
            f"X's list of {self._name} has {MOST_EMPTY_PAGES} empty pages in a row: reading ended after"
            f" {self._rows:,} of them."
        )


def read_rows(shown: Sequence[Any], read: Callable[[dict[str, Any]], T | None]) -> tuple[list[T], list[str]]:
    """Reads the rows of a page, without those of which `read` makes None; returns the ids of unreadable rows, too.

    One odd row never spoils a page. Raises ValueError when all of several rows are odd: then the page is.
    """
    records, left_out = list[T](), list[str]()
    for row in shown:
        try:
            record = read(row)
        except (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError):
            left_out.append(next(map(str, ids_in([row])), "?"))
            logger.warning("Left out a record of X's that cannot be read: %s.", left_out[-1])
        else:
            if record is not None:
                records.append(record)
    if len(left_out) == len(shown) > 1:
        raise ValueError("no row can be read")
    return records, left_out


def typed(value: Any, kind: type[V]) -> V | None:
    """Returns a field of a record; None when it has another type, as if X had not sent it."""
    return value if isinstance(value, kind) else None


def ids_in(shown: Sequence[Any]) -> list[int]:
    """Returns the ids of the rows that have one."""
    ids = [str(row.get("id_str") or row.get("id")) for row in shown if isinstance(row, dict)]
    return [int(x_id) for x_id in ids if x_id.isascii() and x_id.isdecimal()]


def count_in(record: Any, *names: str) -> int | None:
    """Returns the first of these figures that is a count; neither database stores 2^63 or more."""
    found = (record.get(name) for name in names) if isinstance(record, dict) else ()
    return next((each for each in found if type(each) is int and 0 <= each < 2**63), None)


def moment_in(record: Mapping[str, Any]) -> datetime:
    """Returns the `created_at` of a record of v2's; raises ValueError without a time zone."""
    moment = datetime.fromisoformat(record["created_at"])
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment


class Page(NamedTuple):
    """A page of events: how many it has, the messages between two persons, and where the list goes on.

    `oldest` is the lowest id of all events on it, None when it has none.
    """

    rows: int
    oldest: int | None
    events: Sequence[MessageEvent]
    left_out: Sequence[str]
    next_token: str | None


def read_events(
    ask: Callable[[int, str | None], Reply],
    read: Callable[[Reply], tuple[Page, Sequence[Receipt]]],
    longest_page: int,
    after_id: str,
    at_most: int,
) -> Answer[MessageEvents]:
    """Reads pages until an event is not newer than `after_id`, X's list ends, or `at_most` events were shown.

    `ask` gets the size of a page and the `next_token` of the page before.
    """
    after, left, token, left_off = int(after_id), at_most, None, ""
    events, left_out, receipts, is_complete = list[MessageEvent](), list[str](), list[Receipt](), False
    guard = StandstillGuard("messages")
    while left > 0 and not is_complete and not left_off:
        with kept(receipts):
            page, cost = ask(min(left, longest_page), token).read(read)
        receipts += cost
        events += (each for each in page.events if int(each.x_id) > after)
        left_out += page.left_out
        is_complete = page.next_token is None or (page.oldest is not None and page.oldest <= after)
        left_off = "" if is_complete else guard.check(page.rows, page.next_token)
        left, token = left - page.rows, page.next_token
    return Answer(MessageEvents(events, is_complete), tuple(receipts), tuple(left_out), left_off)


# X escapes these three and nothing else; all others are part of the text.
_ESCAPED = re.compile("&(amp|lt|gt);")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">"}


def as_written(shown: str, links: Mapping[str, str], media_links: Collection[str]) -> str:
    """Returns `shown` with its short links replaced by the full ones, and without the links to its own media.

    `links` maps short links to full ones: `expanded_url`, in which X completes `example.com` to
    `http://example.com`. X puts `media_links` at the end. Other text stays as it is.
    """
    text = _ESCAPED.sub(lambda found: _CHARACTERS[found[1]], shown)
    while link := next((each for each in media_links if each and text.endswith(each)), None):
        text = text.removesuffix(link).rstrip()
    # In one go, longest first: no link is looked for inside another, nor in what was put in already.
    short = "|".join(re.escape(each) for each in sorted(links, key=len, reverse=True) if each)
    return re.sub(short, lambda found: links[found[0]], text) if short else text


def full_links(urls: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Returns the full links by the short ones of `entities.urls`."""
    return {each["url"]: each["expanded_url"] for each in urls if each.get("expanded_url")}

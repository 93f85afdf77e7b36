"""Connections to X, and calls without an answer: which of them X surely never saw."""

import json
import logging
import re
from collections.abc import Mapping
from http.client import IncompleteRead
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path
from socket import create_connection
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import requests
import tweepy
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, DecodeError, HTTPError, NewConnectionError, ProxyError

from campaign.errors import Uncertain, Unsent, WrongUsage, XError
from campaign.x.keys import Keys
from campaign.x.replies import Reply, reply_to
from campaign.x.signing import Signer


class _Unconnected:
    """Makes every failure before the first byte of a request one kind of error.

    Otherwise a TLS handshake that fails looks like an answer that breaks off.
    """

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        except ConnectTimeoutError:
            raise
        except Exception as error:
            raise NewConnectionError(self, type(error).__name__) from error  # type: ignore[arg-type]


class _InOnePiece:
    """Sends the head of a request together with the first part of its body: a small request is one packet."""

    _is_head = False
    _head = b""

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._head = b""
        super().request(*args, **kwargs)  # type: ignore[misc]
        if self._head:
            self.send(b"")

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        self._is_head = True
        try:
            super().endheaders(*args, **kwargs)  # type: ignore[misc]
        finally:
            self._is_head = False

    def send(self, data: Any) -> None:
        if self._is_head:
            self._head += data
            return
        head, self._head = self._head, b""
        super().send(b"".join((head, data)) if head else data)  # type: ignore[misc]


class _PlainConnection(_Unconnected, _InOnePiece, HTTPConnection):
    pass


class _SecureConnection(_Unconnected, _InOnePiece, HTTPSConnection):
    pass


class Connections(HTTPAdapter):
    """Open connections, with what requests knows of proxies and certificates.

    A call goes through urllib3 alone, in half the time: a request and a response of requests' are of no use to it.
    """

    def __init__(self, verify: bool | str, proxies: Mapping[str, str]) -> None:
        super().__init__(pool_maxsize=10, max_retries=0)
        self._verify, self._proxies = verify, proxies
        self._pools: dict[str, HTTPConnectionPool] = {}

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | str | None, timeout: Timeout
    ) -> BaseHTTPResponse:
        """The answer to a call, read to its end; never tried again. Raises OSError and urllib3's HTTPError."""
        host, _, path = url.partition("://")[2].partition("/")
        pool = self._pools.get(host) or self._open(host, url)
        target = url if pool.proxy and url.startswith("http:") else f"/{path}"
        return pool.urlopen(
            method, target, body, headers, retries=False, redirect=False, assert_same_host=False, timeout=timeout
        )

    def _open(self, host: str, url: str) -> HTTPConnectionPool:
        asked = PreparedRequest()
        asked.url = url
        pool = cast("HTTPConnectionPool", self.get_connection_with_tls_context(asked, self._verify, self._proxies))
        self.cert_verify(pool, url, self._verify, None)  # type: ignore[no-untyped-call]
        pool.ConnectionCls = _SecureConnection if pool.scheme == "https" else _PlainConnection
        self._pools[host] = pool
        return pool


def is_address(url: str) -> bool:
    """Whether this is the address of an HTTP server."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_loopback(url: str) -> bool:
    """Whether the address is this computer's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_simulator(base_url: str) -> None:
    """Raise WrongUsage when X's place is taken by an address of this computer at which nothing answers."""
    parts = urlsplit(base_url)
    if not is_loopback(base_url):
        return
    try:
        create_connection((parts.hostname, parts.port or 80), timeout=5).close()
    except OSError:
        raise WrongUsage(_unreachable(base_url)) from None


def unanswered(error: Exception, base_url: str) -> XError:
    """What a failed call to `base_url` means; `error` is what `Connections.exchange` raised."""
    # An address that is none is a ValueError, found before anything is sent.
    if isinstance(error, ConnectTimeoutError | ProxyError | ValueError):
        return Unsent(_unreachable(base_url), reason="unreachable")
    if isinstance(error, DecodeError) or any(isinstance(cause, IncompleteRead) for cause in error.args):
        return Uncertain("X's answer broke off.", reason="bad_answer")
    return Uncertain("X did not answer.", reason="no_answer")


def _unreachable(base_url: str) -> str:
    parts = urlsplit(base_url)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if is_loopback(base_url):
        return f"Nothing answers at {address}: start the simulator with `campaign simulator`."
    return f"X cannot be reached at {address}: check the network and CAMPAIGN_X_API_URL."


CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
"""How long to wait for a connection, and for each next part of an answer."""

_SUCCESS = range(200, 300)
_DECIDED_HERE = frozenset({"timeout", "allow_redirects", "stream", "verify", "cert", "proxies"})
_OWN_HOST = re.compile(r"^(https://)api\.(?=(x|twitter)\.com$)")


class Response(requests.Response):
    """A reply in the shape that tweepy passes on."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply
        self.status_code, self.headers = reply.status, CaseInsensitiveDict(reply.headers)
        self.raw = BytesIO(reply.body)


class Session(requests.Session):
    """A requests session for X's API under `base_url`, for both versions ("{base_url}/2/...", "{base_url}/1.1/...").

    `request` and `call` return answers with status 2xx only and raise XError for everything else.
    """

    def __init__(self, base_url: str) -> None:
        super().__init__()
        if not is_address(base_url):
            raise WrongUsage("CAMPAIGN_X_API_URL is no address: it must look like https://api.x.com.")
        self.base_url = base_url.rstrip("/")
        # v1.1 takes files at a host of its own; what stands in X's place has one host for all.
        self.upload_url = _OWN_HOST.sub(r"\1upload.", self.base_url)
        # What people see themselves, such as the consent screen, is not at the API's host either.
        self.people_url = _OWN_HOST.sub(r"\1", self.base_url)
        self.timeout = (CONNECT_SECONDS, READ_SECONDS)
        self._read_environment()
        self._connections = Connections(True if self.verify is None else self.verify, self.proxies)

    def request(self, method: str, url: str, **content: Any) -> Response:  # type: ignore[override]
        """Call X at the path of `url`, whatever its host; OAuth 1.0a then signs the address really called."""
        content = {name: value for name, value in content.items() if name not in _DECIDED_HERE}
        request = self._prepared(method, self._here(url), **content)
        return Response(self.call(request.method or "", request.url or "", request.headers, request.body))

    def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | str | None = None) -> Reply:
        """Make a call that is signed already, at an address under `base_url`."""
        connect, read = self.timeout
        try:
            answer = self._connections.exchange(method, url, headers, body, Timeout(connect=connect, read=read))
        except (OSError, HTTPError) as error:
            failure = unanswered(error, self.base_url)
        else:
            reply = reply_to(method, url, answer.status, answer.headers, answer.data)
            if answer.status in _SUCCESS:
                return reply
            failure = reply.error()
        # Raised out here, because an error raised while another is handled keeps it, with the signed request in it.
        raise failure

    def _prepared(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        headers: Mapping[str, str] | None = None,
        auth: Any = None,
        json: Any = None,
        data: Any = None,
        files: Any = None,
    ) -> requests.PreparedRequest:
        """The call as it goes out: without cookies, redirects and hooks, which take time and are of no use to X."""
        call = requests.PreparedRequest()
        call.prepare_method(method)
        call.prepare_url(url, params)
        call.prepare_headers({**self.headers, **(headers or {})})
        call.prepare_body(data, files, json)
        call.prepare_auth(auth, url)
        return call

    def _here(self, url: str) -> str:
        parts = urlsplit(url)
        base_url = self.upload_url if parts.netloc.startswith("upload.") else self.base_url
        return base_url + parts.path + (f"?{parts.query}" if parts.query else "")

    def _read_environment(self) -> None:
        """Take proxies and certificates from the environment once; then nothing there can add credentials."""
        environment = self.merge_environment_settings(self.base_url, {}, None, None, None)
        self.verify = environment["verify"]
        if isinstance(self.verify, str) and not Path(self.verify).exists():
            raise WrongUsage(f"There are no certificates at {self.verify}: correct REQUESTS_CA_BUNDLE.")
        # A proxy elsewhere would look for the simulator on its own machine.
        self.proxies = {} if is_loopback(self.base_url) else environment["proxies"]
        self.trust_env = False


API, UPLOADS = "https://api.twitter.com", "https://upload.twitter.com"
"""tweepy's two hosts, which the session replaces."""
_JSON = {"Content-Type": "application/json"}


def client_of(keys: Keys, base_url: str) -> tweepy.Client:
    """A client that signs with `keys`, calls `base_url` and returns responses as they come."""
    client = tweepy.Client(
        consumer_key=keys.consumer_key.get_secret_value(),
        consumer_secret=keys.consumer_secret.get_secret_value(),
        access_token=keys.access_token.get_secret_value(),
        access_token_secret=keys.access_token_secret.get_secret_value(),
        return_type=requests.Response,
    )
    client.session = Session(base_url)
    client.signer = Signer(client.consumer_key, client.consumer_secret, client.access_token, client.access_token_secret)
    return client


def ask(
    client: tweepy.Client, method: str, route: str, *, query: Mapping[str, Any] | None = None, document: Any = None
) -> Reply:
    """One call with a query, but for what is None in it, or with JSON, in the name of the keys' account."""
    session: Session = client.session
    given = urlencode({name: value for name, value in (query or {}).items() if value is not None})
    url = f"{session.base_url}{route}{given and '?'}{given}"
    headers = {**session.headers, "User-Agent": client.user_agent, "Authorization": client.signer.sign(method, url)}
    if document is None:
        return session.call(method, url, headers)
    return session.call(method, url, headers | _JSON, json.dumps(document).encode())


def send(client: tweepy.Client, route: str, *, method: str = "POST", host: str = API, **content: Any) -> Reply:
    """One call with a form (`data`) or a file (`files`) or to `host`, none of which tweepy's own `request` can do."""
    signer = tweepy.OAuth1UserHandler(
        client.consumer_key, client.consumer_secret, client.access_token, client.access_token_secret
    )
    headers = {"User-Agent": client.user_agent}
    session: Session = client.session
    return session.request(method, host + route, headers=headers, auth=signer.apply_auth(), **content).reply


# At DEBUG tweepy prints headers and whole bodies, the OAuth libraries print signatures, urllib3 prints queries.
_PACKAGES = ("oauthlib", "requests", "requests_oauthlib", "tweepy", "urllib3")


def _is_harmless(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO


def silence() -> None:
    """Drop every record below INFO of these packages, whatever level anybody sets now or later.

    A level can be set back by any logging configuration; a filter stays. A parent's filter does not see its
    children's records, so each logger gets its own.
    """
    for name in (*_PACKAGES, *logging.root.manager.loggerDict):
        if name.partition(".")[0] in _PACKAGES:
            logging.getLogger(name).addFilter(_is_harmless)

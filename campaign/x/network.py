"""Connections to X, and calls that got no answer: which of them X surely never saw."""

from collections.abc import Mapping
from http.client import IncompleteRead
from ipaddress import ip_address
from socket import create_connection
from typing import Any, cast
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, DecodeError, NewConnectionError, ProxyError

from campaign.errors import Uncertain, Unsent, WrongUsage, XError


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

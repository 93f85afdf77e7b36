"""Calls that got no answer: which of them X surely never saw."""

from ipaddress import ip_address
from socket import create_connection
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

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


class Adapter(HTTPAdapter):
    """Keeps connections open, never tries again by itself, and tells unsent from unanswered."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=10, max_retries=0)
        self._pools: dict[str, ConnectionPool] = {}

    def get_connection_with_tls_context(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> ConnectionPool:
        """The pool of connections to the host of a request, found once: proxies and certificates never change here."""
        host = urlsplit(request.url or "").netloc
        if host not in self._pools:
            pool = cast("HTTPConnectionPool", super().get_connection_with_tls_context(request, *args, **kwargs))
            pool.ConnectionCls = _SecureConnection if pool.scheme == "https" else _PlainConnection
            self._pools[host] = pool
        return self._pools[host]


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
    """What a failed call to `base_url` means; `error` is what requests or urllib3 raised."""
    if _is_unsent(error):
        return Unsent(_unreachable(base_url), reason="unreachable")
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return Uncertain("X's answer broke off.", reason="bad_answer")
    return Uncertain("X did not answer.", reason="no_answer")


def _is_unsent(error: Exception) -> bool:
    # An answer whose headers contradict each other: the only ValueError that comes after sending.
    if isinstance(error, requests.exceptions.InvalidHeader):
        return False
    # An address that is none is a ValueError too, found before anything is sent.
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError | ValueError):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, ConnectTimeoutError)


def _unreachable(base_url: str) -> str:
    parts = urlsplit(base_url)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if is_loopback(base_url):
        return f"Nothing answers at {address}: start the simulator with `campaign simulator`."
    return f"X cannot be reached at {address}: check the network and CAMPAIGN_X_API_URL."

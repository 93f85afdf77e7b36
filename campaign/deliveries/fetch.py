"""Files from addresses of the web: only public ones, within limits of size and time."""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore
import httpx

from campaign.deliveries.media_types import Arriving, Unusable


class Clock:
    """How long a wait may still take, in seconds: `each` at most, and `total` from now for all of them."""

    def __init__(self, total: float, each: float) -> None:
        self._ends_at, self._each = time.monotonic() + total, each

    def left(self) -> float:
        """Returns the seconds for the next wait; raises ReadTimeout when there are none."""
        left = min(self._each, self._ends_at - time.monotonic())
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


class _TimedStream(httpcore.NetworkStream):
    """A connection that asks the clock before each wait: a byte now and then does not keep it open."""

    def __init__(self, stream: httpcore.NetworkStream, clock: Clock) -> None:
        self._stream, self._clock = stream, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._clock.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._clock.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, self._clock.left()), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class CheckedNetwork(httpcore.NetworkBackend):
    """Connects to these addresses, whatever the host's name: it may mean another machine by now."""

    def __init__(self, addresses: Iterable[IPv4Address | IPv6Address], clock: Clock) -> None:
        self._addresses, self._clock = tuple(addresses), clock
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects to the first address that answers; TLS and the request still use the name."""
        failed: Exception = httpcore.ConnectError()
        for address in self._addresses:
            try:
                stream = self._network.connect_tcp(
                    str(address), port, self._clock.left(), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _TimedStream(stream, self._clock)
        raise failed


# IANA's space for addresses of the whole internet; all else is local, reserved or a form of writing an IPv4 address.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_6TO4, _NAT64 = IPv6Network("2002::/16"), IPv6Network("64:ff9b::/96")
_NOT_PUBLIC = (
    # Not all of it is private to every Python, and Oracle's metadata are at 192.0.0.192.
    IPv4Network("192.0.0.0/24"),
    # Azure's metadata and health service: a public address that only its own machines reach.
    IPv4Network("168.63.129.16/32"),
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Returns whether this address leads to the same machine from everywhere on the internet."""
    if isinstance(address, IPv4Address):
        local = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC)
        return address.is_global and not local
    number = int(address)
    inner = address.ipv4_mapped
    if address in _6TO4:
        inner = IPv4Address(number >> 80 & 0xFFFF_FFFF)
    elif address in _NAT64:
        inner = IPv4Address(number & 0xFFFF_FFFF)
    return is_public(inner) if inner else address in _GLOBAL_UNICAST and address.is_global


def resolve(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    """Returns all addresses of a host, in the order in which to try them; raises OSError when it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from None
    return [ip_address(entry[4][0]) for entry in found]


MOST_REDIRECTS = 3
TOTAL_SECONDS, READ_SECONDS = 60.0, 10.0
"""How long the whole of a file may take, with all redirects, and each connecting and each next piece of an answer."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200
# Packed bytes would have to be unpacked, and may become far more than was announced.
_HEADERS = ((b"Accept", b"image/*, video/mp4"), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"campaign"))

Addresses = list[IPv4Address | IPv6Address]


class Fetcher:
    """Opens https addresses; the arguments other than their defaults are for tests."""

    def __init__(
        self,
        *,
        allow: Callable[[IPv4Address | IPv6Address], bool] = is_public,
        resolve: Callable[[str, int], Addresses] = resolve,
        verify: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._allow, self._resolve, self._verify = allow, resolve, verify
        self._seconds = (total_seconds, read_seconds)

    @contextmanager
    def open(self, address: str) -> Iterator[Arriving]:
        """Follows the address to a file; raises Unusable, also while its pieces are read."""
        clock, url = Clock(*self._seconds), checked_url(address)
        with _plain_errors():
            for _ in range(1 + MOST_REDIRECTS):
                with self._answer(url, clock) as response:
                    headers = {name.lower(): value.decode("utf-8", "replace") for name, value in response.headers}
                    if response.status == _OK:
                        length = headers.get(b"content-length", "")
                        yield Arriving(int(length) if length.isdecimal() else None, response.iter_stream())
                        return
                    if response.status not in _REDIRECTS:
                        says = f"is answered with status {response.status}: open it in a browser."
                        raise Unusable("address_refused", says)
                    url = checked_url(headers.get(b"location", ""), url)
        raise Unusable("address_refused", f"leads on more than {MOST_REDIRECTS} times: take the last address.")

    @contextmanager
    def _answer(self, url: httpx.URL, clock: Clock) -> Iterator[httpcore.Response]:
        # The name is resolved once: the connection goes to these addresses and nowhere else.
        resolving = ThreadPoolExecutor(1)
        try:
            found = resolving.submit(self._resolve, url.raw_host.decode("ascii"), url.port or 443).result(clock.left())
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        except OSError:
            raise Unusable("address_unreachable", "is at an unknown host: correct the address.") from None
        finally:
            resolving.shutdown(wait=False)
        if not found or not all(self._allow(address) for address in found):
            raise Unusable("address_internal", "leads into a private network: put the file at a public address.")
        network = CheckedNetwork(found, clock)
        target = httpcore.URL(scheme=b"https", host=url.raw_host, port=url.port, target=url.raw_path)
        headers = [(b"Host", url.netloc), *_HEADERS]
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=network) as pool,
            pool.stream("GET", target, headers=headers) as response,
        ):
            yield response

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._verify or httpx.create_ssl_context(trust_env=False)


def checked_url(address: str, came_from: httpx.URL | None = None) -> httpx.URL:
    """Returns the address, from the one that led to it if any; raises Unusable for all but a plain https address."""
    try:
        url = came_from.join(address) if came_from else httpx.URL(address.strip())
    except (httpx.InvalidURL, ValueError):
        raise Unusable("address_invalid", "is not an address: write it like https://example.org/cat.png.") from None
    if url.scheme != "https":
        raise Unusable("address_not_https", "does not stay with https: take an address that does.")
    if url.userinfo:
        raise Unusable("address_credentials", "holds a name or a password: put the file where none is needed.")
    if not url.raw_host:
        raise Unusable("address_invalid", "names no host: write it like https://example.org/cat.png.")
    return url


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException:
        raise Unusable("address_slow", "is too slow: try again later, or copy the file to the worker.") from None
    except httpcore.ConnectError as error:
        is_untrusted = bool(error.args) and isinstance(error.args[0], ssl.SSLError)
        why = (
            "has no certificate that proves whose it is: correct the address, or try again later."
            if is_untrusted
            else "cannot be reached: correct the address, or try again later."
        )
        raise Unusable("address_unreachable", why) from None
    except (httpcore.NetworkError, httpcore.ProtocolError):
        raise Unusable("address_broken_off", "broke off or does not come from a web server: try again later.") from None

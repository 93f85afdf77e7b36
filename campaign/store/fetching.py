"""Reading a file from an https address that anybody may have written, without becoming a way into this network.

Nothing of the environment is used: no proxy, no .netrc, no certificates of its own; no cookies are kept.
"""

import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address

import httpcore
import httpx

from campaign.store.checked_network import CheckedNetwork, Clock
from campaign.store.file_types import Arriving, Unusable
from campaign.store.public_addresses import is_public, resolve

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
        """Follow the address to a file; raises Unusable, also while its pieces are read."""
        clock, url = Clock(*self._seconds), checked_url(address)
        with _said_plainly():
            for _ in range(1 + MOST_REDIRECTS):
                with self._answer(url, clock) as response:
                    headers = {name.lower(): value.decode("utf-8", "replace") for name, value in response.headers}
                    if response.status not in _REDIRECTS:
                        yield _file(response, headers)
                        return
                    url = checked_url(headers.get(b"location", ""), url)
        raise Unusable("address_refused", f"leads on more than {MOST_REDIRECTS} times: take the last address.")

    @contextmanager
    def _answer(self, url: httpx.URL, clock: Clock) -> Iterator[httpcore.Response]:
        network = CheckedNetwork(self._checked_addresses(url, clock), clock)
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

    def _checked_addresses(self, url: httpx.URL, clock: Clock) -> Addresses:
        """What the name means now, asked once: the connection goes to these and nowhere else."""
        looking = ThreadPoolExecutor(1)
        try:
            found = looking.submit(self._resolve, url.raw_host.decode("ascii"), url.port or 443).result(clock.left())
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        except OSError:
            raise Unusable("address_unreachable", "is at a host that nobody knows: correct the address.") from None
        finally:
            looking.shutdown(wait=False)
        if not found or not all(self._allow(address) for address in found):
            raise Unusable("address_internal", "leads into a private network: put the file at a public address.")
        return found


def checked_url(address: str, came_from: httpx.URL | None = None) -> httpx.URL:
    """The address, from the one that led to it if any; raises Unusable for all but a plain https address."""
    try:
        url = came_from.join(address) if came_from else httpx.URL(address.strip())
    except (httpx.InvalidURL, ValueError):
        raise Unusable("address_invalid", "is no address: write it like https://example.org/cat.png.") from None
    if url.scheme != "https":
        raise Unusable("address_not_https", "does not begin, or not go on, with https: take an address that does.")
    if url.userinfo:
        raise Unusable("address_credentials", "holds a name or a password: put the file where none is needed.")
    if not url.raw_host:
        raise Unusable("address_invalid", "names no host: write it like https://example.org/cat.png.")
    return url


def _file(response: httpcore.Response, headers: dict[bytes, str]) -> Arriving:
    if response.status != _OK:
        raise Unusable("address_refused", f"is answered with status {response.status}: open it in a browser.")
    length = headers.get(b"content-length", "")
    return Arriving(int(length) if length.isdecimal() else None, response.iter_stream())


@contextmanager
def _said_plainly() -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException:
        raise Unusable("address_slow", "is too slow: try again later, or copy the file to the worker.") from None
    except httpcore.ConnectError as error:
        is_untrusted = bool(error.args) and isinstance(error.args[0], ssl.SSLError)
        why = "has no certificate that proves whose it is" if is_untrusted else "cannot be reached"
        raise Unusable("address_unreachable", f"{why}: correct the address, or try again later.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError):
        raise Unusable("address_broken_off", "broke off or is no web server's: try again later.") from None

"""Connections to addresses that were checked, each wait within a limit and all of them within another."""

import ssl
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import httpcore


class Clock:
    """How long a wait may still take, in seconds: `each` at most, and `total` from now for all of them."""

    def __init__(self, total: float, each: float) -> None:
        self._ends_at, self._each = time.monotonic() + total, each

    def left(self) -> float:
        """Seconds for the next wait; raises ReadTimeout when there are none."""
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
    """Connects to the given addresses, whatever name it is asked for: that may mean another machine by now."""

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
        """A connection to the first address that answers; TLS and the request still use the name."""
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

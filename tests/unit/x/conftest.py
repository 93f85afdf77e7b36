"""A little X: an HTTP server that answers from a script, misbehaves on request and remembers what it was asked."""

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr

from campaign.x.gateway import Gateway, connect
from campaign.x.http import Session
from campaign.x.types import Keys


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    connection: int
    body: bytes = b""

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form, of a query when there is no body."""
        return dict(parse_qsl(self.body.decode() or urlsplit(self.path).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class LittleX:
    """Answers each request with the next scripted bytes or action."""

    def __init__(self) -> None:
        self.script: deque[bytes | Callable[[socket.socket], None]] = deque()
        self.requests: list[Request] = []
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()

    def answers(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {"Content-Length": str(len(content)), **(headers or {})}
        head = f"HTTP/1.1 {status} Word\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.script.append(head.encode() + b"\r\n" + content)

    def resets(self) -> None:
        self.script.append(_reset)

    def stays_silent(self) -> None:
        def wait(_connection: socket.socket) -> None:
            self.released.wait(5)

        self.script.append(wait)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        little_x = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Request(self.command, self.path, dict(self.headers.items()), self.client_address[1], body)
                little_x.requests.append(asked)
                reply = little_x.script.popleft()
                if isinstance(reply, bytes):
                    self.connection.sendall(reply)
                else:
                    self.close_connection = True
                    reply(self.connection)

            do_POST = do_DELETE = do_GET  # noqa: N815  # http.server finds it by this name

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)
    connection.close()


@pytest.fixture
def little_x() -> Iterator[LittleX]:
    server = LittleX()
    yield server
    server.close()


@pytest.fixture
def keys() -> Keys:
    return Keys(
        consumer_key=SecretStr("consumerkeyconsumerkey123"),
        consumer_secret=SecretStr("consumersecret" * 3 + "12345678"),
        access_token=SecretStr("2244994945-accesstokenaccesstokenaccesstoken1234"),
        access_token_secret=SecretStr("accesstokensecretaccesstokensecretaccesstoken"),
    )


@pytest.fixture
def v2(little_x: LittleX, keys: Keys) -> Gateway:
    return connect(keys, api_version="2", owned=True, base_url=little_x.base_url)


@pytest.fixture
def v1(little_x: LittleX, keys: Keys) -> Gateway:
    return connect(keys, api_version="1.1", owned=True, base_url=little_x.base_url)


@pytest.fixture
def session(little_x: LittleX) -> Session:
    return Session(little_x.base_url)

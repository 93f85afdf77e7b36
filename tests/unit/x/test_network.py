import socket
import struct
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign.errors import Uncertain, Unsent, XError
from campaign.x.gateway import Gateway, connect
from campaign.x.http import Session, is_address, is_loopback
from campaign.x.types import Keys
from tests.https_server import https_server


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def failure_at(base_url: str, keys: Keys) -> XError:
    with pytest.raises(XError) as caught:
        connect(keys, api_version="2", owned=True, base_url=base_url).me()
    return caught.value


def failure_of(call: Callable[[], object]) -> XError:
    with pytest.raises(XError) as caught:
        call()
    return caught.value


def test_a_refused_connection_sent_nothing(keys: Keys) -> None:
    base_url = f"http://127.0.0.1:{free_port()}"
    failure = failure_at(base_url, keys)
    assert isinstance(failure, Unsent)
    assert failure.reason == "unreachable"
    assert str(failure) == f"Nothing answers at {base_url}: start the simulator with `campaign simulator`."


def test_a_failed_name_look_up_sent_nothing(keys: Keys) -> None:
    failure = failure_at("https://user:password@no-such-host.invalid", keys)
    assert isinstance(failure, Unsent)
    assert str(failure).startswith("X cannot be reached at https://no-such-host.invalid:")


def test_a_failed_tls_handshake_sent_nothing(little_x: Any, keys: Keys) -> None:
    failure = failure_at(little_x.base_url.replace("http:", "https:"), keys)
    assert isinstance(failure, Unsent)
    assert failure.reason == "unreachable"


def test_a_tls_handshake_without_answer_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        session = Session(f"https://127.0.0.1:{listener.getsockname()[1]}")
        session.timeout = (0.05, 0.05)
        assert isinstance(failure_of(lambda: session.call("GET", "/2/users/me")), Unsent)


def test_a_reset_in_a_tls_handshake_sent_nothing(keys: Keys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            client, _ = listener.accept()
            client.recv(1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()

        threading.Thread(target=reset, daemon=True).start()
        assert isinstance(failure_at(f"https://127.0.0.1:{listener.getsockname()[1]}", keys), Unsent)


def test_a_secure_connection_lost_after_the_request_leaves_it_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with https_server(tmp_path) as server:
        server.does("/2/tweets", lambda client: client.close())
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
        session = Session(f"https://127.0.0.1:{server.port}")
        assert isinstance(failure_of(lambda: session.call("POST", "/2/tweets", json={"text": "Hello"})), Uncertain)
        assert len(server.asked) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_an_unreachable_proxy_sent_nothing(scheme: str, kind: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY"):
        monkeypatch.setenv(name, f"{kind}://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    assert isinstance(failure_at(f"{scheme}://x.invalid", keys), Unsent)


def test_a_proxy_that_refuses_the_tunnel_sent_nothing(monkeypatch: pytest.MonkeyPatch, little_x: Any) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, little_x.base_url)
    monkeypatch.setenv("NO_PROXY", "")
    session = Session("https://x.invalid")
    assert isinstance(failure_of(lambda: session.call("POST", "/2/tweets")), Unsent)


def test_a_plain_call_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch, little_x: Any) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, little_x.base_url)
    monkeypatch.setenv("NO_PROXY", "")
    little_x.answers(b"{}")
    assert Session("http://x.invalid").call("GET", "/2/users/me").body == b"{}"
    assert little_x.requests[0].path == "http://x.invalid/2/users/me"


@pytest.mark.parametrize("is_trusted", [True, False])
def test_only_a_server_with_a_trusted_certificate_is_called(
    is_trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with https_server(tmp_path) as server:
        server.gives("/2/users/me", b"{}")
        if is_trusted:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
        session = Session(f"https://127.0.0.1:{server.port}")
        if is_trusted:
            assert session.call("GET", "/2/users/me").body == b"{}"
        else:
            assert isinstance(failure_of(lambda: session.call("GET", "/2/users/me")), Unsent)
        assert len(server.asked) == is_trusted


def test_a_reset_leaves_it_open(v2: Gateway, little_x: Any) -> None:
    little_x.resets()
    failure = failure_of(v2.me)
    assert isinstance(failure, Uncertain)
    assert failure.reason == "no_answer"
    assert len(little_x.requests) == 1


def test_silence_leaves_it_open(session: Session, little_x: Any) -> None:
    little_x.stays_silent()
    session.timeout = (1, 0.05)
    failure = failure_of(lambda: session.call("POST", "/2/tweets"))
    assert isinstance(failure, Uncertain)
    assert failure.reason == "no_answer"
    assert len(little_x.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}", id="shorter than announced"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", id="chunk missing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", id="not gzip"),
        pytest.param(b'HTTP/1.1 200 OK\r\n\r\n{"data":{"id":"7"', id="no length at all"),
    ],
)
def test_an_answer_cut_off_leaves_it_open(v2: Gateway, little_x: Any, answer: bytes) -> None:
    def cut_off(connection: socket.socket) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)

    little_x.script.append(cut_off)
    failure = failure_of(v2.me)
    assert isinstance(failure, Uncertain)
    assert failure.reason == "bad_answer"


def test_an_answer_that_contradicts_itself_leaves_it_open(session: Session, little_x: Any) -> None:
    little_x.script.append(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
    failure = failure_of(lambda: session.call("POST", "/2/tweets"))
    assert isinstance(failure, Uncertain)
    assert len(little_x.requests) == 1


def test_what_is_no_http_leaves_it_open(v2: Gateway, little_x: Any) -> None:
    little_x.script.append(lambda connection: connection.sendall(b"hello\r\n"))
    assert isinstance(failure_of(v2.me), Uncertain)


@pytest.mark.parametrize("misbehave", ["resets", "refuses"])
def test_no_error_keeps_the_signed_request(v2: Gateway, little_x: Any, misbehave: str) -> None:
    little_x.resets() if misbehave == "resets" else little_x.answers(b"", status=401)
    failure = failure_of(v2.me)
    assert (failure.__cause__, failure.__context__) == (None, None)
    assert "OAuth" not in "".join(traceback.format_exception(failure))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://localhost", True),
        ("http://[::1]:9000", True),
        ("https://api.x.com", False),
        ("", False),
    ],
)
def test_this_machine_is_recognised(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.x.com", True),
        ("http://[::1]:9000/x", True),
        ("api.x.com", False),
        ("https://", False),
        ("https://[", False),
        ("http://127.0.0.1:99999", False),
        ("ftp://api.x.com", False),
    ],
)
def test_an_address_is_recognised(url: str, expected: bool) -> None:
    assert is_address(url) is expected

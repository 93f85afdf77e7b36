"""The pages stay open under half-sent requests, answer probes, and trust only a named proxy for an address."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from campaign.errors import WrongUsage
from campaign.web.app import REQUEST_SECONDS, make_site, trusted_proxies
from deployments.server import free_port
from tests.command import here
from tests.databases import Database, PostgresqlServer, in_use
from tests.web_visits import serving

HALF_SENT = [
    b"",
    b"GET / HTTP/1.1\r\nHost: example.com\r\nX-Slow:",
    b"POST /leave HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\np=",
]


@pytest.fixture
def port(sqlite_database: Database) -> Iterator[int]:
    assert sqlite_database
    port = free_port()
    with serving(make_site(lambda _agreement: None), port):
        yield port


@pytest.mark.timeout(60)
def test_405_half_sent_requests_do_not_close_the_pages_and_end_in_time(port: int) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(405)]
        began = time.monotonic()
        for number, each in enumerate(slow):
            each.sendall(HALF_SENT[number % len(HALF_SENT)])
        for path, status in (("/health", 200), ("/ready", 200), ("/leave", 200), ("/nowhere", 404)):
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5)
            assert answer.status_code == status, path
        for each in slow:
            each.settimeout(max(0.1, REQUEST_SECONDS + 5 - (time.monotonic() - began)))
            with suppress(ConnectionResetError):
                while each.recv(10_000):  # too many forms of one visitor are refused before they are complete
                    pass
        assert REQUEST_SECONDS - 1 < time.monotonic() - began < REQUEST_SECONDS + 5


def test_a_slow_second_request_of_a_connection_has_the_same_time(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as visitor:
        visitor.sendall(b"GET /health HTTP/1.1\r\nHost: example.com\r\n\r\n")
        answer = b""
        while not answer.endswith(b"ok"):
            answer += visitor.recv(10_000)
        visitor.sendall(b"GET /health HTTP/1.1\r\nX-Slow:")
        visitor.settimeout(REQUEST_SECONDS + 5)
        began = time.monotonic()
        with suppress(ConnectionResetError):
            assert visitor.recv(1000) == b""
        assert time.monotonic() - began > REQUEST_SECONDS - 1


def test_pages_whose_database_went_away_are_not_ready(postgresql_server: PostgresqlServer, tmp_path: Path) -> None:
    with ExitStack() as stack:
        port, gone = free_port(), ExitStack()
        stack.enter_context(in_use(gone.enter_context(postgresql_server.new_database()), tmp_path))
        stack.enter_context(serving(make_site(lambda _agreement: None), port))
        assert httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200
        gone.close()
        for path, status in (("/ready", 503), ("/ready", 503), ("/health", 200)):
            assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == status


@pytest.mark.parametrize(
    "addresses", ["*", "127.0.0.1,*", "0.0.0.0/0", "10.0.0.1, ::/0", "proxy", "172.16.0.1/12", ","]
)
def test_to_trust_every_address_or_none_that_exists_is_refused(monkeypatch: pytest.MonkeyPatch, addresses: str) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", addresses)
    with pytest.raises(WrongUsage, match="FORWARDED_ALLOW_IPS"):
        trusted_proxies()


def test_a_proxy_that_is_named_passes_the_address_of_the_visitor_on(
    monkeypatch: pytest.MonkeyPatch, sqlite_database: Database
) -> None:
    assert sqlite_database
    for trusted, is_limited in (("127.0.0.0/8", False), ("10.0.0.1", True)):
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
        port = free_port()
        with serving(make_site(lambda _agreement: None), port), httpx.Client() as proxy:
            answers = {
                proxy.post(f"http://127.0.0.1:{port}/leave", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code
                for n in range(40)
            }
        assert (429 in answers) is is_limited


def test_pages_in_a_new_home_say_what_is_wrong_before_they_begin(tmp_path: Path) -> None:
    settings = {"CAMPAIGN_HOME": str(tmp_path / "home"), "CAMPAIGN_DATABASE_URL": f"sqlite:///{tmp_path / 'mine.db'}"}
    done = here("web", "--port", str(free_port()), FORWARDED_ALLOW_IPS="0.0.0.0/0", **settings)
    assert (done.status, "The pages are at" in done.err) == (2, False)
    assert "FORWARDED_ALLOW_IPS is 0.0.0.0/0" in done.err

"""Short links over HTTP: where they lead, whose click it was, and what if the database is away or the process dies."""

import logging
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from itertools import chain
from pathlib import Path

import pytest
from httpx import Client

from campaign.db import engine as schema
from campaign.deliveries.links import new_token
from models import Click
from tests.databases import Database, unreachable
from tests.short_links import A_YEAR, in_a_process, sent, visited, written, written_soon

SHOP = "https://shop.example.com/sale?a=1&b=ü#top"
IN_X = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Twitter for iPhone/10.9"
)


def soon() -> datetime:
    return datetime.now(UTC) + A_YEAR


def memory_of(pid: int) -> int:
    """Kilobytes that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def location(client: Client, path: str) -> str | None:
    answer = client.get(path)
    assert answer.status_code in {302, 404}
    found: str | None = answer.headers.get("location")
    return found


def test_a_short_link_leads_to_its_address_and_leaves_no_trace_in_between(database: Database) -> None:  # noqa: ARG001
    token = sent(SHOP, soon())
    with visited() as client:
        for _ in range(2):  # the second time from memory
            answer = client.get(f"/r/{token}")
            assert answer.status_code == 302
            assert answer.headers["location"] == "https://shop.example.com/sale?a=1&b=%C3%BC#top"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "set-cookie" not in answer.headers
        assert len(written_soon(2)) == 2
    assert {(one.agent, one.is_robot) for one in written()} == {("Firefox", False)}


def test_a_link_without_scheme_leads_where_x_would_lead(sqlite_database: Database) -> None:  # noqa: ARG001
    token = sent("shop.example.com/x", soon())
    with visited() as client:
        assert location(client, f"/r/{token}") == "http://shop.example.com/x"


@pytest.mark.parametrize("after", ["", ",", "'s", "/", ")…"])
def test_what_was_taken_for_the_end_of_the_link_does_no_harm(sqlite_database: Database, after: str) -> None:  # noqa: ARG001
    token = sent(SHOP, soon())
    with visited() as client:
        assert (location(client, f"/r/{token}{after}") or "").startswith("https://shop.example.com/")


def test_no_person_is_sent_anywhere_but_to_what_was_stored(sqlite_database: Database) -> None:  # noqa: ARG001
    token = sent(SHOP, soon())
    evil = [
        "//evil.com",
        "/https://evil.com",
        "%2F%2Fevil.com",
        "https:evil.com",
        f"{token}x",
        f"x{token}",
        "..%2f..%2fx",
    ]
    evil += [f"@evil.com/{token}", f"\\evil.com\\{token}", "%0d%0aLocation:%20https://evil.com", ""]
    with visited() as client:
        for path in evil:
            assert location(client, f"/r/{path}") is None, path
        for more in ("?url=https://evil.com", "?next=//evil.com", "@evil.com", "//evil.com", "%2f%2fevil.com"):
            found = client.get(f"/r/{token}{more}", headers={"host": "evil.com", "x-forwarded-host": "evil.com"})
            assert found.headers["location"].startswith("https://shop.example.com/sale?"), more
            assert "evil" not in found.headers["location"]


def test_every_unknown_token_gets_the_same_page(database: Database) -> None:  # noqa: ARG001
    old = sent(SHOP, datetime.now(UTC) - timedelta(seconds=1))
    with visited() as client:
        unknown = [client.get(f"/r/{token}") for token in (new_token(), new_token(), old.swapcase(), "short", "é")]
        expired = client.get(f"/r/{old}")
    assert {(one.status_code, one.text) for one in unknown} == {(404, unknown[0].text)}
    assert "leads nowhere" in unknown[0].text
    assert expired.status_code == 410
    assert "has ended" in expired.text
    assert not {"location"} & {*expired.headers, *unknown[0].headers}
    assert written() == []


def test_people_differ_from_robots(sqlite_database: Database) -> None:  # noqa: ARG001
    token = sent(SHOP, soon())
    agents = [IN_X, "Twitterbot/1.0", "", "Mozilla/5.0 " + "x" * 5_000, "\x80\xff" * 400]
    with visited() as client:
        for agent in agents:
            client.get(f"/r/{token}", headers=[(b"user-agent", agent.encode("latin-1"))])
    clicks = [(one.agent, one.is_robot) for one in written()]
    assert clicks == [("Twitter", False), ("Twitterbot", True), ("Other", True), ("Other", False), ("Other", True)]


def test_who_only_looks_at_the_headers_or_fetches_ahead_is_no_person(sqlite_database: Database) -> None:  # noqa: ARG001
    token = sent(SHOP, soon())
    with visited() as client:
        head = client.head(f"/r/{token}")
        client.get(f"/r/{token}", headers={"sec-purpose": "prefetch;prerender"})
        client.get(f"/r/{token}", headers={"x-purpose": "preview"})
    assert (head.status_code, head.content) == (302, b"")
    assert [one.is_robot for one in written()] == [True, True, True]


def test_nothing_is_kept_of_a_click_that_tells_who_it_was(sqlite_database: Database) -> None:  # noqa: ARG001
    assert set(Click.model_fields) == {"id", "link_id", "message_id", "clicked_at", "agent", "is_robot"}


def test_a_locked_database_delays_no_redirect_and_loses_no_click(sqlite_database: Database) -> None:
    token = sent(SHOP, soon())
    with visited() as client:
        client.get(f"/r/{token}")
        written_soon(1)
        lock = sqlite3.connect(sqlite_database.url.removeprefix("sqlite:///"), isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        for _ in range(50):
            assert client.get(f"/r/{token}").status_code == 302
        assert time.monotonic() - began < 5
        assert len(written()) == 1
        lock.execute("ROLLBACK")
        lock.close()
    assert len(written()) == 51


def test_without_the_database_known_links_go_on(new_postgresql: Database, caplog: pytest.LogCaptureFixture) -> None:
    schema.upgrade()
    token, other = sent(SHOP, soon()), sent(SHOP, soon())
    with visited(most_waiting=10) as client, caplog.at_level(logging.WARNING):
        client.get(f"/r/{token}")
        written_soon(1)
        with unreachable(new_postgresql):
            for _ in range(30):
                assert client.get(f"/r/{token}").status_code == 302
            away = client.get(f"/r/{other}")
            time.sleep(0.6)
        assert away.status_code == 503
        assert "Try again in a minute" in away.text
        kept = len(written_soon(11))
    assert 11 <= kept < 31
    (lost,) = [record for record in caplog.records if "are lost" in record.message]
    assert lost.message.startswith(f"{31 - kept} clicks are lost")


def test_a_killed_process_loses_at_most_the_last_second(database: Database) -> None:  # noqa: ARG001
    token = sent(SHOP, soon())
    with in_a_process() as (process, client):
        client.get(f"/r/{token}")
        assert len(written_soon(1)) == 1
        answered = []
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert client.get(f"/r/{token}").status_code == 302
            answered.append(datetime.now(UTC))
            time.sleep(0.02)
        killed_at = datetime.now(UTC)
        process.kill()
        process.wait()
    older = [at for at in answered if at < killed_at - timedelta(seconds=1)]
    assert older
    assert len(written()) >= 1 + len(older)


def test_a_process_that_is_asked_to_end_loses_nothing(sqlite_database: Database) -> None:  # noqa: ARG001
    token = sent(SHOP, soon())
    with in_a_process() as (process, client):
        for _ in range(20):
            client.get(f"/r/{token}")
        process.terminate()
        process.wait(10)
    assert len(written()) == 20


def test_a_flood_of_requests_gets_answers_and_takes_no_memory(sqlite_database: Database) -> None:  # noqa: ARG001
    tokens = [sent(SHOP, soon()) for _ in range(5)]
    with in_a_process() as (process, client):
        _flood(client, tokens, visitors=1)
        before = memory_of(process.pid)
        began = time.monotonic()
        statuses = _flood(client, tokens, visitors=1_000) + _flood(client, tokens, visitors=1)
        seconds = time.monotonic() - began
        assert process.poll() is None
        grown = memory_of(process.pid) - before
    # From one address no more than its share, from many all of them; none is left without an answer.
    assert set(statuses) == {302, 404, 429}
    assert statuses[302] >= 900
    assert grown < 10_000, f"{grown} kB more after {statuses.total() / seconds:.0f} requests a second"


def _flood(client: Client, tokens: list[str], visitors: int) -> Counter[int]:
    """1,500 requests over eight connections, as fast as they are answered, a third of them for tokens that are none."""
    with ThreadPoolExecutor(8) as pool:
        each = pool.map(partial(_hurry, tokens, visitors, client.base_url.port or 0), range(8))
        return Counter(chain.from_iterable(each))


def _hurry(tokens: list[str], visitors: int, port: int, first: int) -> list[int]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    statuses = []
    for number in range(first, 1_500, 8):
        token = new_token() if number % 3 == 0 else tokens[number % len(tokens)]
        visitor = f"10.0.{number % visitors // 250}.{number % visitors % 250 + 1}"
        connection.request("GET", f"/r/{token}", headers={"user-agent": f"{IN_X} {number}", "x-forwarded-for": visitor})
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    return statuses

"""Short links as they were sent, and the pages that answer them, in this process or in one of their own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import httpx
from sqlmodel import col, select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import links
from campaign.statistics.clicks import MOST_WAITING, ClickRecorder
from campaign.web import redirect
from campaign.web.app import make_app
from deployments.server import free_port
from models import Click, Link, Message, ShortLink
from tests.web_visits import FIREFOX, a_client, serving

A_YEAR = timedelta(days=365)
_SERVER = """
import sys, uvicorn
from campaign.web import redirect
from campaign.web.app import make_app
from campaign.statistics.clicks import ClickRecorder
recorder = ClickRecorder()
app = make_app(redirect.routes(recorder), recorder.lifespan)
uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
"""


def sent(url: str, expires_at: datetime, token: str = "") -> str:
    """Write that a message with a link went out; returns the token of its short link."""
    token = token or links.new_token()
    with transaction() as session:
        link = Link(delivery_id=1, number=len(list(session.scalars(select(Link)))) + 1, url=url)
        message = Message(delivery_id=1, service_id=1, visitor_id=1, part=link.number, text="")
        session.add_all([link, message])
        session.flush()
        session.add(ShortLink(token=token, link_id=link.id, message_id=message.id, expires_at=expires_at))
    return token


@contextmanager
def visited(most_waiting: int = MOST_WAITING) -> Iterator[httpx.Client]:
    """A browser that follows no redirect, before the pages in this process; at the end the clicks are written."""
    recorder, port = ClickRecorder(most_waiting), free_port()
    recorder.start()
    try:
        with serving(make_app(redirect.routes(recorder)), port), browser(port) as client:
            yield client
    finally:
        recorder.stop()


def browser(port: int) -> httpx.Client:
    return a_client(base_url=f"http://127.0.0.1:{port}", headers={"user-agent": FIREFOX})


@contextmanager
def in_a_process() -> Iterator[tuple["subprocess.Popen[bytes]", httpx.Client]]:
    """The same in a process of its own, which may be killed."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _SERVER, str(port)])
    try:
        with browser(port) as client:
            _wait(process, client)
            yield process, client
    finally:
        process.kill()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", client: httpx.Client) -> None:
    for _ in range(600):
        assert process.poll() is None
        try:
            client.get("/")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the pages did not come up")


def written() -> list[Click]:
    with read_session() as session:
        return list(session.scalars(select(Click).order_by(col(Click.id))))


def written_soon(count: int, seconds: float = 10) -> list[Click]:
    """The clicks, as soon as there are so many of them."""
    until = time.monotonic() + seconds
    while len(found := written()) < count and time.monotonic() < until:
        time.sleep(0.02)
    return found

"""Following short links at the pages that `campaign web` serves: the median seconds of a redirect."""

import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection

from sqlalchemy import insert
from sqlmodel import Session

from benchmarks.brand import Brand
from campaign.db.engine import transaction
from campaign.deliveries.links import new_token
from campaign.settings import load_settings
from models import Link, ShortLink

#: Fewer than a visitor may follow in a minute.
LINKS = 400
#: The rows that the one asked for is found among.
ALL_LINKS = 100_000
_URL = "https://shop.example.com/sale"


def follow(_: Brand) -> list[float]:
    """Every link once as it is looked up, then once more as it is remembered."""
    from deployments.address import Address
    from deployments.server import free_port
    from deployments.worker import running_web

    with transaction() as session:
        tokens = _write(session)[:: ALL_LINKS // LINKS]
    port = free_port()
    address = Address(os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"])
    with running_web(load_settings(), address, port):
        connection = _connected(port)
        return [statistics.median(_follow(connection, token) for token in tokens) for _ in range(2)]


def _write(session: Session) -> list[str]:
    tokens = [new_token() for _ in range(ALL_LINKS)]
    until = datetime.now(UTC) + timedelta(days=365)
    session.add(Link(id=1, delivery_id=1, number=1, url=_URL))
    session.flush()
    rows = [
        {"token": token, "link_id": 1, "message_id": number, "expires_at": until}
        for number, token in enumerate(tokens, start=1)
    ]
    session.execute(insert(ShortLink), rows)
    return tokens


def _connected(port: int) -> HTTPConnection:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(600):
        try:
            connection.connect()
        except OSError:
            time.sleep(0.05)
        else:
            return connection
    sys.exit("The pages did not come up.")


def _follow(connection: HTTPConnection, token: str) -> float:
    began = time.perf_counter()
    connection.request("GET", f"/r/{token}", headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    answer = connection.getresponse()
    answer.read()
    seconds = time.perf_counter() - began
    if answer.status != 302 or answer.getheader("location") != _URL:  # noqa: PLR2004
        sys.exit(f"A short link was answered with {answer.status}.")
    return seconds

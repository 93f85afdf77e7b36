"""Schedules of faults and crashes against posts, each from a seed, and what must be true at the end."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from sqlmodel import col, select

from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.deliveries import links
from campaign.deliveries import log as messages
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Content, Draft, NamedLink, Part, RenderedPart
from campaign.deliveries.kind import End, Progress
from campaign.deliveries.links import shorten_posts
from campaign.errors import XError
from campaign.posts.publish import PostSender, publish_parts, state_after
from models import Charge, Delivery, DeliveryState, MessageState, Service
from tests import factories
from tests.databases import Database, in_use
from tests.factories import NOW
from tests.virtual_x import Killed, VirtualGateway, VirtualX

#: Far more runs than any schedule has faults.
MOST_RUNS = 200
SETTLE = timedelta(seconds=60)


def run_schedule(seed: int) -> None:
    """Publishes a thread on one account or two through whatever the seed brings; fails with the seed in its message."""
    dice = Random(seed)
    x = VirtualX(seed, trouble=dice.randint(0, 12))
    services, delivery, stamp = _prepare(seed, dice.randint(1, 2), dice.randint(1, 3))
    works = [_work(x, service, delivery, stamp) for service in services]
    for _ in range(MOST_RUNS):
        if _run(x, works):
            break
    _check(seed, x, services, delivery)


def _prepare(seed: int, accounts: int, parts: int) -> tuple[list[Service], Delivery, str]:
    with transaction() as session:
        services = [
            factories.service(
                block_id=f"{seed}-{number}", internal_name=f"a{seed}_{number}"[:15], x_user_id=f"{seed}{number:02}"
            )
            for number in range(accounts)
        ]
        session.add_all(services)
        session.flush()
        draft = Draft(label="x", content=Content(parts=[Part(text=_text(part, seed)) for part in range(1, parts + 1)]))
        delivery = deliveries.create(session, draft, f"post-{seed}", services, None, actor="test", now=NOW)
        delivery.state, delivery.confirmed_at, delivery.started_at = DeliveryState.IN_PROGRESS, NOW, NOW
        rendered = [_rendered(service.id, part, seed) for service in services for part in range(1, parts + 1)]
        messages.plan(session, delivery, rendered)
        shorten_posts(session, delivery, rendered, NOW)
        return services, delivery, deliveries.version_of(session, delivery)


def _text(part: int, seed: int) -> str:
    return f"Part {part} of shop.example.com/{part}" if _has_links(seed) else f"Part {part}"


def _has_links(seed: int) -> bool:
    """Some schedules have links, whose place others have taken in what goes out."""
    return seed % 4 == 0


def _rendered(service_id: int, part: int, seed: int) -> RenderedPart:
    named = (NamedLink(url=f"shop.example.com/{part}"),) if _has_links(seed) else ()
    return RenderedPart(service_id, part, _text(part, seed), links=named)


def _work(x: VirtualX, service: Service, delivery: Delivery, stamp: str) -> PostSender:
    with read_session() as session:
        log = messages.of_account(session, delivery.id, service.id)
    parts = {one.part: _rendered(service.id, one.part, x.seed) for one in log}
    gateway = cast("Any", VirtualGateway(x, service.x_user_id or ""))
    return PostSender(gateway, service, x.clock, SETTLE, delivery.id, parts, stamp)


def _run(x: VirtualX, works: list[PostSender]) -> bool:
    """One run of the flow, as far as it gets; whether nothing is left to do."""
    ends: list[Progress] = []
    try:
        for work in works:
            ends.append(publish_parts(work))  # noqa: PERF401  what ended before a crash counts
    except (Killed, XError):
        x.pass_time()
        return False
    x.pass_time(min((end.until for end in ends if end.until), default=None))
    return all(end.end is End.OUT for end in ends)


def _check(seed: int, x: VirtualX, services: list[Service], delivery: Delivery) -> None:
    """Checks that each part is out once and in order, and that log and ledger are true."""
    story = f"seed {seed}: {', '.join(x.happened)}"
    with read_session() as session:
        log = messages.of_delivery(session, delivery)
        for service in services:
            rows = [one for one in log if one.service_id == service.id]
            truth = [one for one in x.published if one.account == service.x_user_id]
            assert [one.post.text for one in truth] == [row.text for row in rows], story
            assert links.as_written(session, [row.text for row in rows]) == [_text(row.part, seed) for row in rows]
            assert len(links.tokens_of(session, [row.id for row in rows])) == len(rows) * _has_links(seed), story
            assert [one.x_id for one in truth] == [row.x_id for row in rows], story
            assert [one.post.reply_to for one in truth] == [None, *(row.x_id for row in rows[:-1])], story
            price = Decimal("0.200" if _has_links(seed) else "0.015")
            charges = session.exec(select(Charge).where(col(Charge.service_id) == service.id))
            _check_money(charges, price * len(rows), story)
        assert all(row.state is MessageState.SENT for row in log), story
        assert state_after(cast("list[Any]", log), is_expired=False) is DeliveryState.FINISHED, story


def _check_money(charges: Any, cost: Decimal, story: str) -> None:
    posts = [charge for charge in charges if charge.endpoint == "POST /2/tweets"]
    assert sum((charge.amount for charge in posts), Decimal(0)) == cost, story
    assert all(charge.settled for charge in posts), story


@contextmanager
def a_database() -> Iterator[None]:
    """A migrated SQLite file, in memory where the system has such a folder."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        home = Path(folder)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("CAMPAIGN_PUBLIC_URL", "https://s.example.com")
            with in_use(Database("sqlite", f"sqlite:///{home / 'campaign.db'}"), home):
                engine.upgrade()
                yield

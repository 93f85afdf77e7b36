"""How many of the product's own files a job passes, from its draft to its outcome: fewer are easier to follow.

Its steps run in this process against a simulated X, without Prefect; `sys.setprofile` sees which functions run.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from inspect import CO_OPTIMIZED
from multiprocessing import get_context
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import httpx
from sqlmodel import select

import campaign
import models
from benchmarks.brand import Brand
from benchmarks.connecting import connect
from benchmarks.measuring import say
from benchmarks.stage import control, simulator
from benchmarks.table import Line
from campaign.audience.sync import synchronise_all
from campaign.broadcasts.prepare import analyse_delivery as analyse_broadcast
from campaign.broadcasts.send import send_broadcast
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.deliveries.approval import compose
from campaign.deliveries.draft import Broadcast, Content, Draft, Part
from campaign.deliveries.links import new_token
from campaign.kinds import confirm
from campaign.posts.prepare import analyse_delivery as analyse_post
from campaign.posts.publish import publish_delivery
from campaign.services.store import find_service
from campaign.settings import ROOT, Settings, load_settings
from campaign.web.app import make_site
from deployments.processes import make_home
from deployments.server import free_port
from models import Click, DeliveryKind, Link, Message, MessageState, ShortLink, SyncMode

#: The most files of each journey.
MOST = {"message": 50, "post": 35, "follower": 26, "click": 9}
_FOLDERS = ("campaign", "deployments", "flows", "models", "tasks")
_ACTOR, _NAME, _FOLLOWERS = "bench", "journey", 3
_TEXT = "Hello {{ visitor.full_name | default('there') }}, we open today!\n\nReply STOP to stop these messages."
_URL = "https://shop.example.com/sale"


def measure() -> list[Line]:
    """Its lines of the table; the journeys are made in a process of their own."""
    with TemporaryDirectory(prefix="campaign-bench-", ignore_cleanup_errors=True) as home:
        settings = Settings(home=Path(home), x_api_url=f"http://127.0.0.1:{free_port()}")
        make_home(settings)
        with simulator(settings):
            command = [sys.executable, "-m", "benchmarks.journeys", home, settings.x_api_url]
            files = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    lines = [Line(f"files that a {name} passes", len(files[name]), most=MOST[name], unit="files") for name in MOST]
    for name, line in zip(MOST, lines, strict=True):
        if not line.is_met:
            say(f"A {name} passes {', '.join(files[name])}.")
    return lines


def main(home: str, x_api_url: str) -> None:
    """Makes each journey with a new database; prints the files that it passed, as one JSON document."""
    for name in [name for name in os.environ if name.startswith(("CAMPAIGN_", "PREFECT_"))]:
        del os.environ[name]
    os.environ |= {"CAMPAIGN_HOME": home, "CAMPAIGN_X_API_URL": x_api_url}
    # Of a module that is imported under way, functions would run that are no step of the journey.
    for package in (campaign, models):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(("campaign.simulator", "campaign.cli")):
                import_module(module.name)
    journeys: dict[str, Journey] = {
        "follower": _follow,
        "message": _write_message,
        "post": _publish_post,
        "click": _click,
    }
    # Each journey in a process of its own, in which nothing is cached.
    with get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        pool.apply(_connect)
        print(json.dumps({name: pool.apply(_passed, (journey,)) for name, journey in journeys.items()}))


def _connect() -> None:
    load_settings.cache_clear()
    engine.upgrade()
    account = {"username": _NAME, "followers": _FOLLOWERS}
    connect(Brand.of(control(load_settings().x_api_url, "POST", "/accounts", account), _FOLLOWERS))


class Trace:
    """Sees the files of the functions that run in any thread, while it is recording."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self._is_recording = False

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Records in this block."""
        self._is_recording = True
        yield
        self._is_recording = False

    def see(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Takes an event; the body of a module or a class is no function."""
        if self._is_recording and event == "call" and frame.f_code.co_flags & CO_OPTIMIZED:
            self.files.add(frame.f_code.co_filename)


Journey = Callable[[Trace], None]


def _passed(journey: Journey) -> list[str]:
    load_settings.cache_clear()
    load_settings()
    trace = Trace()
    threading.setprofile(trace.see)
    sys.setprofile(trace.see)
    try:
        journey(trace)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    paths = [Path(file).relative_to(ROOT) for file in trace.files if Path(file).is_relative_to(ROOT)]
    # The package itself finds modules, whichever library imports one on the way: that is no step.
    others = (("campaign", "simulator"), ("campaign", "__init__.py"))
    ours = [path for path in paths if path.parts[0] in _FOLDERS and path.parts[:2] not in others]
    return sorted(map(str, ours))


def _follow(trace: Trace) -> None:
    service = find_service(_NAME)
    with trace.recording():
        [report] = synchronise_all([service], SyncMode.FULL, _ACTOR, wait=False)
    _check(report.followers, _FOLLOWERS)


def _write_message(trace: Trace) -> None:
    content = Content(parts=[Part(text=_TEXT)])
    draft = Draft(kind=DeliveryKind.DM, label="Sale", services=[_NAME], content=content, broadcast=Broadcast())
    with trace.recording():
        name = compose(draft, actor=_ACTOR).name
        analyse_broadcast(name, _ACTOR)
        confirm(name, _ACTOR, accept_unconsented=True)
        send_broadcast(name, _ACTOR, wait=False)
    _check(_sent(), _FOLLOWERS)


def _publish_post(trace: Trace) -> None:
    with trace.recording():
        content = Content(parts=[Part(text="We open on Friday")])
        name = compose(Draft(label="Opening", services=[_NAME], content=content), actor=_ACTOR).name
        analyse_post(name, _ACTOR)
        confirm(name, _ACTOR)
        publish_delivery(name, _ACTOR, wait=False)
    _check(_sent(), _FOLLOWERS + 1)


def _sent() -> int:
    with read_session() as session:
        return len(session.exec(select(Message).where(Message.state == MessageState.SENT)).all())


def _click(trace: Trace) -> None:
    with transaction() as session:
        message = session.exec(select(Message)).first()
        link = Link(delivery_id=message.delivery_id if message else 1, number=1, url=_URL)
        session.add(link)
        session.flush()
        token, until = new_token(), datetime.now(UTC) + timedelta(days=365)
        session.add(ShortLink(token=token, link_id=link.id, message_id=message.id if message else 1, expires_at=until))
    asyncio.run(_follow_link(trace, token))


async def _follow_link(trace: Trace, token: str) -> None:
    site = make_site(lambda _agreement: None)
    browser = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
    client = httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://site", headers=browser)
    async with site.router.lifespan_context(site), client:
        with trace.recording():
            answer = await client.get(f"/r/{token}")
            for _ in range(200):
                if _clicks():
                    break
                await asyncio.sleep(0.05)
    _check((answer.headers.get("location"), _clicks()), (_URL, 1))


def _clicks() -> int:
    with read_session() as session:
        return len(session.exec(select(Click)).all())


def _check(found: object, wanted: object) -> None:
    if found != wanted:
        raise RuntimeError(f"A journey ended with {found}, not {wanted}.")


if __name__ == "__main__":
    main(*sys.argv[1:])

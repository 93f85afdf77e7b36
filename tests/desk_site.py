"""The desk at a port of this machine, with people of every role, and their browsers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import httpx
from argon2 import PasswordHasher

from campaign.db.engine import transaction
from campaign.users import store as users
from campaign.web.app import make_app
from campaign.web.desk import site
from campaign.web.desk.runs import NoRuns, Run, Workflow
from deployments.server import free_port
from models import EVERY_SERVICE, Delivery, Role
from tests.browsing import Window
from tests.factories import NOW
from tests.web_visits import FIREFOX, a_client, serving

PASSWORD = "a long password"
_WORKFLOWS = ("account-sync", "contact-acquisition", "dm-broadcast", "engagement-statistics", "post-publication")


@dataclass
class RecordedRuns:
    """Stands in for the Prefect server: notes what the desk starts. tests/flows has a real one."""

    started: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    scheduled: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    schedules: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(_WORKFLOWS, False))
    workers: int = 1
    is_away: bool = False

    def schedule(self, delivery: Delivery) -> datetime | None:
        self._refuse_if_away()
        self.scheduled.append(delivery.name)
        return delivery.contact_date

    def _refuse_if_away(self) -> None:
        if self.is_away:
            NoRuns().start()

    def start(self, workflow: str, name: str, parameters: Mapping[str, Any]) -> str:
        self._refuse_if_away()
        self.started.append((workflow, name, dict(parameters)))
        return f"http://prefect.example/runs/flow-run/{len(self.started)}"

    def cancel(self, run_id: str) -> None:
        self.cancelled.append(run_id)

    def active(self) -> Sequence[Run]:
        return self.runs

    def workflows(self) -> Sequence[Workflow]:
        return [Workflow(name, enabled) for name, enabled in sorted(self.schedules.items())]

    def switch(self, workflow: str, *, enabled: bool) -> None:
        self.schedules[workflow] = enabled

    def workers_online(self) -> int:
        return self.workers


@dataclass
class Desk:
    """The address of the desk, and what it started."""

    url: str
    runs: RecordedRuns

    def browser(self) -> "DeskBrowser":
        return DeskBrowser(self.url)

    def person(self, name: str, roles: Role | Mapping[int, Role]) -> "DeskBrowser":
        """A new person with a role for all services, or roles by service, who is signed in."""
        make_person(name, roles)
        browser = self.browser()
        answer = browser.sign_in(name, PASSWORD)
        assert answer.status_code == 303, answer.text
        return browser


@cache
def _password_hash() -> str:
    return PasswordHasher().hash(PASSWORD)


def make_person(name: str, roles: Role | Mapping[int, Role]) -> None:
    with transaction() as session:
        given = {EVERY_SERVICE: roles} if isinstance(roles, Role) else roles
        if not users.list_users(session):
            first = users.add_user(session, "first", "First Operator", {EVERY_SERVICE: Role.OPERATOR}, NOW)
            first.password_hash = _password_hash()
        user = users.add_user(session, name, name.title(), given, NOW)
        user.password_hash = _password_hash()


@contextmanager
def open_desk() -> Iterator[Desk]:
    """Serve the desk; the database is in use already."""
    port, runs = free_port(), RecordedRuns()
    with serving(make_app(site.routes(), runs=runs), port):
        yield Desk(f"http://127.0.0.1:{port}", runs)


class DeskBrowser:
    """Keeps cookies, sends forms as browsers do, and follows no redirect by itself."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.client = a_client(base_url=url, headers={"user-agent": FIREFOX})

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=headers)

    def send(self, page: httpx.Response, /, *, action: str = "", files: Any = None, **fields: Any) -> httpx.Response:
        """Send the form of a page (the first one, or that with this action) with its hidden fields and these."""
        forms = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page.text, re.DOTALL)
        forms = [one for one in forms if one[0] != "/desk/sign-out"]
        exact = [one for one in forms if one[0] == action]
        where, inside = next(one for one in [*exact, *forms] if action in one[0])
        given = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', inside)) | fields
        return self.post(where, files=files, **given)

    def post(self, path: str, *, files: Any = None, **fields: Any) -> httpx.Response:
        where = {"origin": self._url, "sec-fetch-site": "same-origin"}
        return self.client.post(path, data=fields, files=files, headers=where)

    def sign_in(self, name: str, password: str) -> httpx.Response:
        return self.send(self.get("/desk/sign-in"), name=name, password=password)


def sign_in(window: Window, desk: Desk, name: str, page: str) -> None:
    """Another person sits down at the browser and opens a page."""
    # Nothing of the page before is under way any more, which would bring its cookies back.
    window.open("about:blank")
    window._ask("Network.clearBrowserCookies")
    window.go(f"{desk.url}/desk/sign-in?to={page}")
    window.await_focus("[name=name]")
    window.write(name)
    window.press("Tab")
    window.await_focus("[name=password]")
    window.write(PASSWORD)
    window.press("Enter")
    window.arrive(f"{desk.url}{page}")

"""The real web application at a port of this machine, before a simulated X, and browsers that visit it."""

import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import col, select
from starlette.types import ASGIApp, Receive, Scope, Send

from campaign.db import vault
from campaign.db.engine import read_session, transaction
from campaign.services.fields import SECRETS
from campaign.settings import load_settings
from campaign.simulator.server import running
from campaign.web.app import make_site, web_server
from campaign.x.oauth import Grant
from deployments.server import free_port
from models import Agreement, SecretKind, Service
from tests.factories import NOW
from tests.readings import saved_service
from tests.simulated_x import SimulatedX

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PURPOSE = "To greet you by your name."


def a_client(**more: Any) -> httpx.Client:
    """A client without the machine's certificates, which take longer to read than a page to answer."""
    return httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), timeout=30, **more)


@contextmanager
def serving(app: ASGIApp, port: int) -> Iterator[None]:
    server = web_server(app, "127.0.0.1", port)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class House:
    """A service that asks people, and what came of it."""

    x: SimulatedX
    url: str
    service: Service
    made: dict[str, Any] = field(repr=False)
    announced: list[int] = field(default_factory=list)
    """The agreements for which the workflow was started."""

    def browser(self) -> "Browser":
        return Browser(self)

    def follower(self, **profile: Any) -> str:
        """The username of somebody who can sign in on X."""
        user = self.x.command("GET", "accounts/acme/followers?limit=10")["users"][0]
        if profile:
            self.x.command("PATCH", f"users/{user['id']}", **profile)
        return str(user["username"])

    def agreements(self) -> list[Agreement]:
        with read_session() as session:
            return list(session.exec(select(Agreement).order_by(col(Agreement.id))))

    def signed_in(self) -> list[dict[str, Any]]:
        """Every yes that the simulated X knows of."""
        return list(self.x.command("GET", "sign_ins")["sign_ins"])

    def tokens(self) -> dict[int, Grant]:
        """The tokens in the vault, by agreement."""
        kind = SecretKind.CONTACT_GRANT
        with read_session() as session:
            owners = vault.list_owners(session, kind)
            return {owner: Grant.from_json(vault.read(session, kind, owner) or {}) for owner in owners}

    @contextmanager
    def full_vault(self) -> Iterator[None]:
        """Meanwhile the database takes no token."""
        refusal = "SELECT RAISE(ABORT, 'disk full') WHERE NEW.kind = 'contact_grant'"
        with transaction() as session:
            session.execute(text(f"CREATE TRIGGER refuse BEFORE INSERT ON secret BEGIN {refusal}; END"))
        yield
        with transaction() as session:
            session.execute(text("DROP TRIGGER refuse"))


@dataclass
class Street:
    """A simulated X and a web server, whose application is another one for each test: starting one takes a while."""

    x_url: str
    url: str
    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app
        await self.app(scope, receive, send)


@contextmanager
def open_street() -> Iterator[Street]:
    port = free_port()
    with running() as x_url:
        street = Street(x_url, f"http://127.0.0.1:{port}")
        with serving(street, port):
            yield street


@contextmanager
def open_house(street: Street, *, has_oauth2: bool = True, **fields: Any) -> Iterator[House]:
    """Serve the pages of the service `acme`, whose database is in use already."""
    x_url, url = street.x_url, street.url
    x = SimulatedX(x_url)
    x.command("POST", "reset")
    made = x.command("POST", "accounts", username="acme", name="Acme", callbacks=[f"{url}/join/callback"], followers=3)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CAMPAIGN_X_API_URL", x_url)
        environment.setenv("CAMPAIGN_PUBLIC_URL", url)
        load_settings.cache_clear()
        service = saved_service(**{"join_purpose": PURPOSE, "has_oauth2": has_oauth2} | fields)
        keys = {name: made[name] for name in SECRETS if has_oauth2 or not name.startswith("client_")}
        with transaction() as session:
            vault.save(session, SecretKind.SERVICE_KEYS, service.id, keys, NOW)
        house = House(x, url, service, made)
        street.app = make_site(lambda agreement: house.announced.append(agreement.id))
        yield house
    load_settings.cache_clear()


class Browser:
    """Keeps cookies, sends forms as browsers do, and follows no redirect by itself."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._client = a_client(base_url=house.url, headers={"user-agent": FIREFOX})

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def get(self, address: str, **headers: str) -> httpx.Response:
        return self._client.get(address, headers=headers)

    def head(self, address: str) -> httpx.Response:
        return self._client.head(address)

    def send(self, page: httpx.Response, /, **fields: str) -> httpx.Response:
        """Send the form of a page, with what is filled in."""
        action = re.findall(r'<form method="post" action="([^"]+)"', page.text)[0]
        given = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)) | fields
        where = {"origin": self._house.url, "sec-fetch-site": "same-origin"}
        return self._client.post(action, data=given, headers=where)

    def ask_x(self, invitation: str = "", **ticks: str) -> str:
        """Open the page, tick and go to X; gives the address of X's consent screen."""
        page = self.get(f"/join/acme?i={invitation}" if invitation else "/join/acme")
        assert page.status_code == 200, page.text
        answer = self.send(page, agree="yes", **ticks)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def say_yes(self, consent_screen: str, username: str) -> str:
        """Say yes on X; gives where X sends the browser back to."""
        return self._answer(consent_screen, answer="authorize", username=username)

    def say_no(self, consent_screen: str) -> str:
        return self._answer(consent_screen, answer="cancel")

    def _answer(self, consent_screen: str, **fields: str) -> str:
        # X keeps cookies of its own.
        with a_client() as x:
            answer = x.post(consent_screen, data=fields)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def join(self, username: str, invitation: str = "", **ticks: str) -> httpx.Response:
        """The whole way; gives the page at its end."""
        answer = self.get(self.say_yes(self.ask_x(invitation, **ticks), username))
        return self.get(answer.headers["location"]) if answer.status_code == 303 else answer


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}

"""Signing in at the desk with an OpenID provider."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from campaign.db.engine import transaction
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.web.desk import sign_in
from deployments.server import free_port
from models import EVERY_SERVICE, Role
from tests.databases import Database
from tests.desk_site import Desk, DeskBrowser, open_desk
from tests.factories import NOW
from tests.web_visits import serving

KEY = RSAKey.generate_key(2048, parameters={"kid": "1"})


class Provider:
    """A provider that confirms whatever `claims` say, and checks what PKCE and the client prove."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.claims: dict[str, Any] = {"sub": "u-1", "email": "Ann@example.com", "email_verified": True}
        self.key = self.published = KEY
        self.answer: Any = None
        """What it gives instead of a token."""
        self.exchanged: list[dict[str, str]] = []

    def app(self) -> Starlette:
        async def describe(_request: Request) -> JSONResponse:
            names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            places = {name: f"{self.issuer}/{path}" for name, path in names.items()}
            return JSONResponse({"issuer": self.issuer, **places})

        async def token(request: Request) -> JSONResponse:
            self.exchanged.append({name: str(value) for name, value in (await request.form()).items()})
            if self.answer is not None:
                return JSONResponse(self.answer)
            claims = {"iss": self.issuer, "aud": "desk", "exp": int(time.time()) + 60, **self.claims}
            header = {"alg": "RS256", "kid": self.key.kid}
            signed = jwt.encode(header, claims, self.key)
            return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})

        async def keys(_request: Request) -> JSONResponse:
            return JSONResponse({"keys": [self.published.as_dict(private=False)]})

        routes = [Route("/.well-known/openid-configuration", describe), Route("/keys", keys)]
        return Starlette(routes=[*routes, Route("/token", token, methods=["POST"])])


@pytest.fixture
def provider(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:  # noqa: ARG001
    port = free_port()
    made = Provider(port)
    for name, value in (("ISSUER", made.issuer), ("CLIENT_ID", "desk"), ("CLIENT_SECRET", "a secret of the desk")):
        monkeypatch.setenv(f"CAMPAIGN_OIDC_{name}", value)
    load_settings.cache_clear()
    sign_in._provider.cache_clear()
    with serving(made.app(), port):
        yield made
    load_settings.cache_clear()


@pytest.fixture
def desk(provider: Provider) -> Iterator[Desk]:  # noqa: ARG001
    with open_desk() as opened:
        yield opened


def add_ann() -> None:
    with transaction() as session:
        users.add_user(session, "ann@example.com", "Ann", {EVERY_SERVICE: Role.OPERATOR}, NOW)


def come_back(browser: DeskBrowser, provider: Provider, **changes: str) -> Any:
    """Go to the provider, agree, and come back with what it gives."""
    there = browser.get("/desk/sign-in/oidc?to=/desk/reports").headers["location"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
    assert asked["code_challenge_method"] == "S256"
    provider.claims.setdefault("nonce", asked["nonce"])
    given = {"state": asked["state"], "code": "c"} | changes
    return browser.client.get(urlsplit(asked["redirect_uri"]).path, params=given)


def test_a_person_signs_in_and_is_known_by_the_id_of_the_provider(desk: Desk, provider: Provider) -> None:
    add_ann()
    browser = desk.browser()
    assert "Sign in with your organisation" in browser.get("/desk/sign-in").text
    assert come_back(browser, provider).headers["location"] == "/desk/reports"
    assert browser.get("/desk").status_code == 200
    assert provider.exchanged[0]["code_verifier"]
    # From now on the address may change.
    provider.claims = {"sub": "u-1", "email": "new@example.com", "email_verified": True}
    assert come_back(desk.browser(), provider).status_code == 303


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "other@example.com"},
        {"email_verified": False},
        {"aud": "another client"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"nonce": "another"},
        {"aud": ["another client"]},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 300},
        {"nbf": 4_000_000_000},
    ],
)
def test_whatever_is_not_right_opens_nothing(desk: Desk, provider: Provider, claims: dict[str, Any]) -> None:
    add_ann()
    provider.claims |= claims
    browser = desk.browser()
    assert come_back(browser, provider).status_code == 403
    assert browser.get("/desk").status_code == 303


def test_a_foreign_signature_or_state_opens_nothing(desk: Desk, provider: Provider) -> None:
    add_ann()
    for state in ("another", "é", ""):
        assert come_back(desk.browser(), provider, state=state).status_code == 403
    provider.claims.pop("nonce")
    provider.key = RSAKey.generate_key(2048, parameters={"kid": "1"})
    assert come_back(desk.browser(), provider).status_code == 403


def test_a_provider_may_change_its_key(desk: Desk, provider: Provider) -> None:
    add_ann()
    assert come_back(desk.browser(), provider).status_code == 303
    provider.claims.pop("nonce")
    provider.key = provider.published = RSAKey.generate_key(2048, parameters={"kid": "2"})
    assert come_back(desk.browser(), provider).status_code == 303
    provider.claims.pop("nonce")
    provider.key = KEY  # stolen, and no longer published
    assert come_back(desk.browser(), provider).status_code == 403


@pytest.mark.parametrize(
    "answer", [[], "text", 7, {}, {"access_token": "a"}, {"access_token": "a", "id_token": 7}, {"error": "no"}]
)
def test_an_odd_answer_of_the_provider_opens_nothing(desk: Desk, provider: Provider, answer: Any) -> None:
    add_ann()
    provider.answer = answer
    assert come_back(desk.browser(), provider).status_code == 403


def test_a_removed_person_does_not_come_back_by_the_provider(desk: Desk, provider: Provider) -> None:
    desk.person("boss", Role.OPERATOR)
    add_ann()
    assert come_back(desk.browser(), provider).status_code == 303
    with transaction() as session:
        users.remove_user(session, users.find_user(session, "ann@example.com"), NOW)
    provider.claims.pop("nonce")
    assert come_back(desk.browser(), provider).status_code == 403

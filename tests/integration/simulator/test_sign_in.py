"""X's consent screens and tokens as a browser and an app see them: real forms, real signatures."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import requests
from requests_oauthlib import OAuth1

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import UNAUTHORIZED

CALLBACK = "http://localhost:4280/join/back"
VERIFIER = "v" * 50
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class App:
    """A brand's app, a browser, and a follower who may sign in."""

    def __init__(self, url: str) -> None:
        self.url, self.browser = url, requests.Session()
        self.made = self.control("POST", "accounts", username="acme", name="<Acme>", followers=2, callbacks=[CALLBACK])
        self.ana, self.bo = self.control("GET", "accounts/acme/followers")["users"]
        self.control("PATCH", f"users/{self.ana['id']}", username="ana", confirmed_email="ana@example.com", lang="nl")

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        answer = requests.request(method, f"{self.url}/control/{path}", json=body or None, timeout=9)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def screen(self, **changed: str) -> str:
        """The address of the consent screen of OAuth 2.0; what is changed to nothing is left out."""
        asked = {
            "response_type": "code",
            "client_id": self.made["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "users.read tweet.read",
            "state": "the state",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        } | changed
        return f"{self.url}/i/oauth2/authorize?" + urlencode({name: value for name, value in asked.items() if value})

    def answer(self, screen: str, answer: str = "authorize", username: str = "ana") -> dict[str, str]:
        reply = self.browser.post(screen, data={"answer": answer, "username": username}, allow_redirects=False)
        assert reply.status_code == 302, reply.text
        assert reply.headers["location"].startswith(f"{CALLBACK}?")
        return dict(parse_qsl(reply.headers["location"].partition("?")[2]))

    def exchange(self, code: str, **changed: str) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        } | changed
        client = (self.made["client_id"], self.made["client_secret"])
        return requests.post(f"{self.url}/2/oauth2/token", data=form, auth=client, timeout=9)

    def token(self, **changed: str) -> str:
        return str(self.exchange(self.answer(self.screen(**changed))["code"]).json()["access_token"])

    def get(self, path: str, token: str, **given: str) -> requests.Response:
        names = {name.replace("_fields", ".fields"): value for name, value in given.items()}
        return requests.get(self.url + path, params=names, headers={"Authorization": f"Bearer {token}"}, timeout=9)

    def signed(self, path: str, method: str = "POST", **keys: Any) -> requests.Response:
        signer = OAuth1(self.made["consumer_key"], keys.pop("secret", self.made["consumer_secret"]), **keys)
        return requests.request(method, self.url + path, auth=signer, timeout=9)

    def old_token(self) -> dict[str, str]:
        asked = dict(parse_qsl(self.signed("/oauth/request_token", callback_uri=CALLBACK).text))
        told = self.answer(f"{self.url}/oauth/authorize?oauth_token={asked['oauth_token']}")
        keys = {"resource_owner_key": told["oauth_token"], "resource_owner_secret": asked["oauth_token_secret"]}
        return dict(parse_qsl(self.signed("/oauth/access_token", **keys, verifier=told["oauth_verifier"]).text))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def app(server: str) -> App:
    requests.post(f"{server}/control/reset", timeout=9)
    return App(server)


def test_the_screen_says_who_asks_for_what_and_works_without_scripts(app: App) -> None:
    page = app.browser.get(app.screen(scope="users.read tweet.read users.email"))
    assert page.status_code == 200
    assert "&lt;Acme&gt; wants to access your X account" in page.text
    assert "by @acme" in page.text
    assert len(re.findall("<li>", page.text)) == 3
    assert "Get your email address." in page.text
    assert re.findall(r"<button[^>]*>([^<]*)", page.text) == ["Authorize app", "Cancel"]
    assert "<script" not in page.text
    assert "<Acme>" not in page.text


def test_a_yes_goes_back_with_a_code_and_the_state(app: App) -> None:
    told = app.answer(app.screen())
    assert told.keys() == {"code", "state"}
    assert told["state"] == "the state"
    answer = app.exchange(told["code"]).json()
    token = answer.pop("access_token")
    assert answer == {"token_type": "bearer", "expires_in": 7200, "scope": "users.read tweet.read"}
    assert app.get("/2/users/me", token).json()["data"]["username"] == "ana"


def test_a_no_goes_back_as_one(app: App) -> None:
    assert app.answer(app.screen(), "cancel") == {"error": "access_denied", "state": "the state"}
    assert app.control("GET", "sign_ins") == {"sign_ins": []}


def test_the_last_person_who_signed_in_is_suggested(app: App) -> None:
    assert 'value=""' in app.browser.get(app.screen()).text
    app.answer(app.screen(), username="@ANA")
    assert 'value="ana"' in app.browser.get(app.screen()).text
    assert f'value="{app.bo["username"]}"' in app.browser.get(f"{app.screen()}&as={app.bo['username']}").text


def test_a_person_who_is_not_on_x_is_asked_again(app: App) -> None:
    app.control("PUT", "recipients", state="suspended", users=[app.bo["id"]])
    for name in ("", "<nobody>", app.bo["username"]):
        page = app.browser.post(app.screen(), data={"answer": "authorize", "username": name}, allow_redirects=False)
        assert (page.status_code, 'role="alert"' in page.text, "<nobody>" in page.text) == (200, True, False)
    assert app.control("GET", "sign_ins") == {"sign_ins": []}


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "unknown"},
        {"redirect_uri": "https://evil.example.com/"},
        {"redirect_uri": f"{CALLBACK}/more"},
        {"redirect_uri": ""},
        {"response_type": "token"},
        {"scope": "users.read everything"},
        {"scope": ""},
        {"state": ""},
        {"code_challenge": "short"},
        {"code_challenge_method": "plain"},
    ],
)
def test_a_wrong_question_is_shown_to_no_person(app: App, changed: dict[str, str]) -> None:
    for page in (
        app.browser.get(app.screen(**changed), allow_redirects=False),
        app.browser.post(app.screen(**changed), data={"answer": "authorize", "username": "ana"}, allow_redirects=False),
    ):
        assert (page.status_code, "Something went wrong" in page.text) == (400, True)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"code": "guessed"}, "authorization code was invalid"),
        ({"code_verifier": "w" * 50}, "code verifier did not match"),
        ({"code_verifier": ""}, "code verifier did not match"),
        ({"redirect_uri": "https://evil.example.com/"}, "redirect uri did not match"),
        ({"grant_type": "password"}, "grant_type"),
    ],
)
def test_a_code_is_exchanged_only_as_it_was_asked_for(app: App, changed: dict[str, str], complaint: str) -> None:
    answer = app.exchange(**({"code": app.answer(app.screen())["code"]} | changed))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert complaint in answer.json()["error_description"]


def test_a_code_is_exchanged_once_and_in_time_and_by_its_app(app: App) -> None:
    code = app.answer(app.screen())["code"]
    other = app.control("POST", "accounts", username="other", callbacks=[CALLBACK])
    mine, app.made = app.made, app.made | {name: other[name] for name in ("client_id", "client_secret")}
    assert app.exchange(code).status_code == 400
    app.made = mine
    assert [app.exchange(code).status_code for _ in range(2)] == [200, 400]
    app.control("PUT", "sign_ins", code_seconds=0)
    assert app.exchange(app.answer(app.screen())["code"]).status_code == 400


def test_an_app_that_does_not_know_its_secret_gets_nothing(app: App) -> None:
    code = app.answer(app.screen())["code"]
    app.made["client_secret"] = "guessed"
    answer = app.exchange(code)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized_client")


def test_a_token_is_good_until_it_is_revoked_or_over(app: App) -> None:
    tokens = [app.token() for _ in range(2)]
    client = (app.made["client_id"], app.made["client_secret"])
    for token in (tokens[0], "none of ours"):
        answer = requests.post(f"{app.url}/2/oauth2/revoke", data={"token": token}, auth=client, timeout=9)
        assert answer.json() == {"revoked": True}
    assert app.get("/2/users/me", tokens[0]).json() == UNAUTHORIZED
    assert app.get("/2/users/me", tokens[1]).status_code == 200
    app.control("PUT", "sign_ins", token_seconds=0)
    assert app.get("/2/users/me", app.token()).status_code == 401
    stages = [each["stage"] for each in app.control("GET", "sign_ins")["sign_ins"]]
    assert stages == ["revoked", "alive", "expired"]
    assert app.control("POST", "sign_ins/revoke", user="ana") == {"revoked": 2}
    assert app.get("/2/users/me", tokens[1]).status_code == 401


def test_the_address_is_reported_only_to_whom_it_was_granted(app: App) -> None:
    plain, granted = app.token(), app.token(scope="users.read tweet.read users.email")
    fields = {"user_fields": "confirmed_email"}
    assert "confirmed_email" not in app.get("/2/users/me", plain, **fields).json()["data"]
    assert app.get("/2/users/me", granted, **fields).json()["data"]["confirmed_email"] == "ana@example.com"
    keys = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    own = OAuth1(*(app.made[name] for name in keys))
    app.control("PATCH", f"users/{app.made['user_id']}", confirmed_email="acme@example.com")
    for path in (
        "/2/users/me?user.fields=confirmed_email",
        f"/2/users?ids={app.ana['id']}&user.fields=confirmed_email",
    ):
        assert "example.com" not in requests.get(app.url + path, auth=own, timeout=9).text


def test_a_token_opens_only_what_was_granted(app: App) -> None:
    assert app.get("/2/users/me", app.token(scope="users.read")).status_code == 403
    assert app.get(f"/2/users/{app.made['user_id']}/followers", app.token()).status_code == 403
    assert app.get("/2/users/me", "guessed").json() == UNAUTHORIZED


def test_calls_of_people_are_billed_to_the_app_and_limited_for_each(app: App) -> None:
    app.control("PUT", "limits", limits={"users/me": 1})
    ana = app.token()
    bo = app.exchange(app.answer(app.screen(), username=app.bo["username"])["code"]).json()["access_token"]
    statuses = [app.get("/2/users/me", token).status_code for token in (ana, ana, bo)]
    assert statuses == [200, 429, 200]
    truth = app.control("GET", "accounts/acme")
    assert truth["users_returned"] == {"owned": 0, "not_owned": 2}
    assert (truth["calls"]["oauth2/token"], truth["calls"]["users/me"]) == (2, 3)
    calls = [call["account"] for call in app.control("GET", "calls")["calls"] if call["path"] == "/2/users/me"]
    assert calls == ["ana", "ana", app.bo["username"]]


def test_three_legs_lead_to_a_token(app: App) -> None:
    token = app.old_token()
    assert (token["screen_name"], token["user_id"]) == ("ana", app.ana["id"])
    assert token["oauth_token"].startswith(f"{app.ana['id']}-")
    keys = {"resource_owner_key": token["oauth_token"], "resource_owner_secret": token["oauth_token_secret"]}
    assert app.signed("/2/users/me", "GET", **keys).json()["data"]["username"] == "ana"
    path = "/1.1/account/verify_credentials.json"
    told = app.signed(f"{path}?include_email=true", "GET", **keys).json()
    assert (told["screen_name"], told["email"], told["lang"]) == ("ana", "ana@example.com", "nl")
    assert "email" not in app.signed(path, "GET", **keys).json()
    assert app.signed("/1.1/oauth/invalidate_token", **keys).json() == {"access_token": token["oauth_token"]}
    assert app.signed(path, "GET", **keys).json()["errors"][0]["code"] == 89


def test_a_request_token_is_for_an_address_that_the_app_names_and_signed(app: App) -> None:
    foreign = app.signed("/oauth/request_token", callback_uri="https://evil.example.com/")
    assert (foreign.status_code, foreign.json()["errors"][0]["code"]) == (403, 415)
    forged = app.signed("/oauth/request_token", callback_uri=CALLBACK, secret="guessed")
    assert (forged.status_code, forged.json()["errors"][0]["code"]) == (401, 32)


def test_a_request_token_is_good_for_one_answer(app: App) -> None:
    asked = dict(parse_qsl(app.signed("/oauth/request_token", callback_uri=CALLBACK).text))
    assert asked["oauth_callback_confirmed"] == "true"
    screen = f"{app.url}/oauth/authorize?oauth_token={asked['oauth_token']}"
    assert app.browser.get(screen).status_code == 200
    assert app.answer(screen, "cancel") == {"denied": asked["oauth_token"]}
    assert app.browser.get(screen).status_code == 400
    keys = {"resource_owner_key": asked["oauth_token"], "resource_owner_secret": asked["oauth_token_secret"]}
    assert app.signed("/oauth/access_token", **keys, verifier="guessed").json()["errors"][0]["code"] == 89


def test_what_people_tell_of_themselves_is_shown_as_x_shows_it(app: App) -> None:
    path = f"users/{app.bo['id']}"
    told = app.control(
        "PATCH", path, url="https://example.com/bo", description="<b>&", public_metrics={"like_count": 3}
    )
    (link,) = told["entities"]["url"]["urls"]
    assert (told["url"], link["url"], link["expanded_url"]) == (link["url"], link["url"], "https://example.com/bo")
    assert (told["description"], told["public_metrics"]["like_count"]) == ("<b>&", 3)
    after = app.control("PATCH", path, location="Ghent", url="")
    assert (after["location"], after["description"], "url" in after) == ("Ghent", "<b>&", False)
    for wrong in ({"url": "no address"}, {"created_at": "yesterday"}, {"public_metrics": {"loves": 1}}):
        assert requests.patch(f"{app.url}/control/{path}", json=wrong, timeout=9).status_code == 400

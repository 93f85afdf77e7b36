"""How a sign-in begins, and what comes back that does not belong to it; nothing here calls X."""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from campaign.errors import Refused, WrongUsage
from campaign.x.oauth import AppKeys, Declined, Grant, NotOurs, SignIn, sign_in_of

X, NOWHERE = "https://api.x.com", "http://127.0.0.1:9"
CALLBACK = "https://social.example.com/join/back?x=1"
SECRETS = ["the-consumer-secret", "the-client-secret"]
APP = AppKeys(SecretStr("key"), SecretStr(SECRETS[0]), SecretStr("the client/id"), SecretStr(SECRETS[1]))
OLD_APP = AppKeys(SecretStr("key"), SecretStr(SECRETS[0]))
OLD_KEPT = {"token": "request token", "secret": "its secret"}


def with_oauth2(base_url: str = NOWHERE, *, asks_email: bool = False) -> SignIn:
    return sign_in_of(APP, base_url, asks_email=asks_email)


def asked(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


@pytest.mark.parametrize(
    ("base_url", "screen"),
    [
        (X, "https://x.com/i/oauth2/authorize"),
        ("https://api.twitter.com/", "https://twitter.com/i/oauth2/authorize"),
        ("http://127.0.0.1:8085", "http://127.0.0.1:8085/i/oauth2/authorize"),
        ("https://simulator.example.com/api", "https://simulator.example.com/api/i/oauth2/authorize"),
    ],
)
def test_people_see_the_consent_screen_at_x_itself(base_url: str, screen: str) -> None:
    assert with_oauth2(base_url).begin(CALLBACK).url.partition("?")[0] == screen


def test_x_is_asked_for_a_code_that_only_this_browser_can_use() -> None:
    begun = with_oauth2().begin(CALLBACK)
    state, verifier = begun.kept["state"], begun.kept["code_verifier"]
    assert asked(begun.url) == {
        "response_type": "code",
        "client_id": "the client/id",
        "redirect_uri": CALLBACK,
        "scope": "users.read tweet.read",
        "state": state,
        "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)  # RFC 7636, section 4.1
    assert verifier not in begun.url


def test_the_address_is_asked_for_only_when_it_is_wanted() -> None:
    assert asked(with_oauth2(asks_email=True).begin(CALLBACK).url)["scope"] == "users.read tweet.read users.email"


def test_no_two_sign_ins_share_anything() -> None:
    sign_in = with_oauth2()
    kept = [sign_in.begin(CALLBACK).kept for _ in range(50)]
    assert len({value for each in kept for value in each.values()}) == 100


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"code": "c"},
        {"state": "", "code": "c"},
        {"state": "forged", "code": "c"},
        {"state": "forgéd", "code": "c"},
        {"state": "forged", "error": "access_denied"},
        {"error": "access_denied"},
        {"state": "mine"},
        {"state": "mine", "code": ""},
        {"oauth_token": "mine", "oauth_verifier": "c"},
    ],
)
def test_what_was_not_begun_here_is_not_ours(query: dict[str, str]) -> None:
    with pytest.raises(NotOurs):
        with_oauth2().complete({"state": "mine", "code_verifier": "v"}, query, CALLBACK)


@given(state=st.text(), kept=st.text())
def test_no_other_state_is_ever_taken(state: str, kept: str) -> None:
    if state == kept != "":
        return
    with pytest.raises(NotOurs):
        _SIGN_IN.complete({"state": kept, "code_verifier": "v"}, {"state": state, "code": "c"}, CALLBACK)


_SIGN_IN = with_oauth2()


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"oauth_token": "request token"},
        {"oauth_token": "request token", "oauth_verifier": ""},
        {"oauth_token": "forged", "oauth_verifier": "v"},
        {"oauth_verifier": "v"},
        {"denied": "forged"},
        {"denied": ""},
        {"state": "request token", "code": "c"},
    ],
)
def test_a_request_token_that_was_not_begun_here_is_not_ours(query: dict[str, str]) -> None:
    for kept in (OLD_KEPT, {}):
        with pytest.raises(NotOurs):
            sign_in_of(OLD_APP, NOWHERE, asks_email=False).complete(kept, query, CALLBACK)


def test_a_no_differs_from_a_failure_of_x() -> None:
    kept = {"state": "mine", "code_verifier": "v"}
    with pytest.raises(Declined):
        with_oauth2().complete(kept, {"state": "mine", "error": "access_denied"}, CALLBACK)
    with pytest.raises(Declined):
        sign_in_of(OLD_APP, NOWHERE, asks_email=True).complete(OLD_KEPT, {"denied": "request token"}, CALLBACK)
    with pytest.raises(Refused) as caught:
        with_oauth2().complete(kept, {"state": "mine", "error": "temporarily_unavailable"}, CALLBACK)
    assert caught.value.reason == "sign_in_failed"


def test_a_grant_is_stored_and_read_again() -> None:
    grant = Grant("token", "secret", "users.read tweet.read")
    assert Grant.from_json(grant.as_json()) == grant


def test_nothing_secret_is_shown() -> None:
    begun = with_oauth2().begin(CALLBACK)
    shown = f"{APP!r} {begun!r} {Grant('the-token', 'the-token-secret', 'oauth1')!r}"
    assert "oauth1" in shown
    for secret in (*SECRETS, *begun.kept.values(), "the-token", "the client/id"):
        assert secret not in shown


def test_an_address_that_is_none_is_the_operators_mistake() -> None:
    with pytest.raises(WrongUsage):
        with_oauth2("nonsense")

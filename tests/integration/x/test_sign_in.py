"""People who sign in against the simulator, on both ways: what they granted, what X tells of them, what goes wrong."""

import logging
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from pydantic import SecretStr

from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, XError
from campaign.x.oauth import AppKeys, Begun, Declined, Grant, NotOurs, SignIn, sign_in_of
from campaign.x.types import Person, Profile

CALLBACK = "http://localhost:4280/join/back"
EMAIL = "Ana@Example.com"
PROFILE: dict[str, Any] = {
    "username": "ana",
    "name": "Ana <b>& Bo</b> 🦊",
    "description": 'Bakes bread. <script>alert("1")</script>',
    "location": "Ghent",
    "url": "https://www.example.com/a/very/long/way?to=me",
    "profile_image_url": "https://pbs.twimg.com/profile_images/1/a_normal.jpg",
    "created_at": "2012-03-04T05:06:07Z",
    "confirmed_email": EMAIL,
    "verified": True,
    "lang": "nl",
    "public_metrics": {"followers_count": 3_000_000_000, "tweet_count": 77},
}
OUT_OF_DATE = "X no longer accepts this sign-in"


class Brand:
    """An account with an app on the simulator, and a person who may sign in with it."""

    def __init__(self, base_url: str, *, oauth2: bool) -> None:
        self.base_url, self.oauth2 = base_url, oauth2
        self.made = self.command("POST", "accounts", username="brand", name="Brand", callbacks=[CALLBACK], followers=1)
        (person,) = self.command("GET", "accounts/brand/followers")["users"]
        self.person = self.command("PATCH", f"users/{person['id']}", **PROFILE)

    def command(self, method: str, path: str, /, **body: Any) -> dict[str, Any]:
        reply = requests.request(method, f"{self.base_url}/control/{path}", json=body, timeout=5)
        assert reply.ok, reply.text
        return dict(reply.json() or {})

    def sign_in(self, changed: dict[str, str] | None = None, *, asks_email: bool = False) -> SignIn:
        names = ("consumer_key", "consumer_secret", *(("client_id", "client_secret") if self.oauth2 else ()))
        keys = {name: SecretStr(str({**self.made, **(changed or {})}[name])) for name in names}
        return sign_in_of(AppKeys(**keys), self.base_url, asks_email=asks_email)

    def answer(self, begun: Begun, **form: str) -> dict[str, str]:
        """What X tells the app when somebody answers on the consent screen."""
        reply = requests.post(begun.url, data=form, allow_redirects=False, timeout=5)
        assert reply.status_code == 302, reply.text
        address, _, query = reply.headers["location"].partition("?")
        assert address == CALLBACK
        return dict(parse_qsl(query))

    def agree(self, begun: Begun) -> dict[str, str]:
        return self.answer(begun, answer="authorize", username="ana")

    def granted(self, sign_in: SignIn) -> Grant:
        begun = sign_in.begin(CALLBACK)
        return sign_in.complete(begun.kept, self.agree(begun), CALLBACK)

    def stages(self) -> list[str]:
        return [each["stage"] for each in self.command("GET", "sign_ins")["sign_ins"]]


@pytest.fixture(params=[True, False], ids=["oauth2", "oauth1"])
def brand(base_url: str, request: pytest.FixtureRequest) -> Brand:
    requests.post(f"{base_url}/control/reset", timeout=5)
    return Brand(base_url, oauth2=request.param)


def test_a_yes_lets_the_profile_be_read(brand: Brand) -> None:
    sign_in = brand.sign_in(asks_email=True)
    grant = brand.granted(sign_in)
    assert grant.scopes == ("users.read tweet.read users.email" if brand.oauth2 else "oauth1")
    person, profile = sign_in.who(grant), sign_in.profile(grant)
    assert person.value == Person(brand.person["id"], "ana", PROFILE["name"])
    assert profile.value == Profile(
        external_id=brand.person["id"],
        username="ana",
        full_name=PROFILE["name"],
        description=PROFILE["description"],
        location="Ghent",
        website=PROFILE["url"],
        picture_url=PROFILE["profile_image_url"],
        verified=True,
        followers_count=3_000_000_000,
        posts_count=77,
        joined_x_at=datetime(2012, 3, 4, 5, 6, 7, tzinfo=UTC),
        language=None,
        email=EMAIL if brand.oauth2 else None,
    )
    assert [receipt.usd for receipt in (*person.receipts, *profile.receipts)] == [Decimal("0.010")] * 2
    assert brand.command("GET", "accounts/brand")["users_returned"]["not_owned"] == 2


def test_an_address_that_was_not_asked_for_is_not_reported(brand: Brand) -> None:
    sign_in = brand.sign_in()
    assert sign_in.profile(brand.granted(sign_in)).value.email is None


def test_a_person_without_any_field_is_a_person(brand: Brand) -> None:
    sign_in = brand.sign_in(asks_email=True)
    begun = sign_in.begin(CALLBACK)
    grant = sign_in.complete(begun.kept, brand.answer(begun, answer="authorize", username="@Brand"), CALLBACK)
    brand.command("POST", "spelling", spelling="new")
    told = sign_in.profile(grant).value
    assert (told.username, told.description, told.website, told.email) == ("brand", None, None, None)
    assert told.posts_count is not None


def test_a_no_leaves_nothing_behind(brand: Brand) -> None:
    sign_in = brand.sign_in()
    begun = sign_in.begin(CALLBACK)
    with pytest.raises(Declined):
        sign_in.complete(begun.kept, brand.answer(begun, answer="cancel"), CALLBACK)
    assert brand.stages() == []


def test_an_answer_that_belongs_to_another_browser_is_not_ours(brand: Brand) -> None:
    sign_in = brand.sign_in()
    mine, theirs = sign_in.begin(CALLBACK), sign_in.begin(CALLBACK)
    told = brand.agree(theirs)
    with pytest.raises(NotOurs):
        sign_in.complete(mine.kept, told, CALLBACK)
    assert brand.stages() == ["agreed"]


def test_a_code_is_good_once(brand: Brand) -> None:
    sign_in = brand.sign_in()
    begun = sign_in.begin(CALLBACK)
    told = brand.agree(begun)
    sign_in.complete(begun.kept, told, CALLBACK)
    with pytest.raises(Refused, match=OUT_OF_DATE) as caught:
        sign_in.complete(begun.kept, told, CALLBACK)
    assert caught.value.reason == "sign_in_over"


def test_a_guessed_code_is_good_for_nothing(brand: Brand) -> None:
    sign_in = brand.sign_in()
    begun = sign_in.begin(CALLBACK)
    told = brand.agree(begun) | ({"code": "guessed"} if brand.oauth2 else {"oauth_verifier": "guessed"})
    with pytest.raises(Refused, match=OUT_OF_DATE):
        sign_in.complete(begun.kept, told, CALLBACK)
    assert brand.stages() == ["agreed"]


def test_a_stolen_code_is_worthless_without_the_verifier(base_url: str) -> None:
    requests.post(f"{base_url}/control/reset", timeout=5)
    brand = Brand(base_url, oauth2=True)
    sign_in = brand.sign_in()
    begun = sign_in.begin(CALLBACK)
    told = brand.agree(begun)
    with pytest.raises(Refused, match=OUT_OF_DATE):
        sign_in.complete(begun.kept | {"code_verifier": "v" * 64}, told, CALLBACK)
    with pytest.raises(Refused, match=OUT_OF_DATE):
        sign_in.complete(begun.kept, told, f"{CALLBACK}/elsewhere")


def test_a_code_and_a_token_are_over_in_time(base_url: str) -> None:
    requests.post(f"{base_url}/control/reset", timeout=5)
    brand = Brand(base_url, oauth2=True)
    sign_in = brand.sign_in()
    brand.command("PUT", "sign_ins", code_seconds=0)
    with pytest.raises(Refused, match=OUT_OF_DATE):
        brand.granted(sign_in)
    brand.command("PUT", "sign_ins", token_seconds=0)
    with pytest.raises(Refused, match=OUT_OF_DATE):
        sign_in.who(brand.granted(sign_in))


def test_a_revoked_token_is_good_no_more(brand: Brand) -> None:
    sign_in = brand.sign_in()
    grant = Grant.from_json(brand.granted(sign_in).as_json())
    sign_in.revoke(grant)
    assert brand.stages() == ["revoked"]
    sign_in.revoke(grant)
    for ask in (sign_in.who, sign_in.profile):
        with pytest.raises(Refused) as caught:
            ask(grant)
        assert caught.value.reason == "sign_in_over"
        assert caught.value.__context__ is None


def test_people_take_their_yes_back_at_x(brand: Brand) -> None:
    sign_in = brand.sign_in()
    grant = brand.granted(sign_in)
    assert brand.command("POST", "sign_ins/revoke", user="ana") == {"revoked": 1}
    with pytest.raises(Refused, match=OUT_OF_DATE):
        sign_in.profile(grant)


def test_an_app_with_wrong_keys_or_another_address_waits_for_its_operator(brand: Brand) -> None:
    secret = "client_secret" if brand.oauth2 else "consumer_secret"
    with pytest.raises(ServiceBlocked) as caught:
        brand.granted(brand.sign_in({secret: "another"}))
    assert caught.value.reason == ("client_wrong" if brand.oauth2 else "keys_wrong")
    brand.command("PATCH", "accounts/brand", callbacks=["https://social.example.com/join/back"])
    if brand.oauth2:
        screen = requests.get(brand.sign_in().begin(CALLBACK).url, timeout=5)
        assert (screen.status_code, "does not name this address" in screen.text) == (400, True)
    else:
        with pytest.raises(ServiceBlocked) as caught:
            brand.sign_in().begin(CALLBACK)
        assert caught.value.reason == "callback_unknown"


@pytest.mark.parametrize("kind", ["unavailable_before", "reset_before", "answer_lost", "html", "empty", "broken_json"])
def test_an_outage_differs_from_every_no(brand: Brand, kind: str) -> None:
    sign_in = brand.sign_in()
    begun = sign_in.begin(CALLBACK)
    told = brand.agree(begun)
    brand.command("POST", "faults", path="/*oauth*", method="POST", kind=kind)
    with pytest.raises((Unsent, Uncertain)):
        sign_in.complete(begun.kept, told, CALLBACK)
    brand.command("DELETE", "faults")
    grant = brand.granted(sign_in)
    brand.command("POST", "faults", path="/2/users/me", kind=kind)
    with pytest.raises((Unsent, Uncertain)):
        sign_in.profile(grant)
    assert sign_in.profile(grant).value.username == "ana"


def test_an_app_without_credits_reads_no_person(brand: Brand) -> None:
    sign_in = brand.sign_in()
    grant = brand.granted(sign_in)
    brand.command("PATCH", "accounts/brand", condition="credits_depleted")
    with pytest.raises(ServiceBlocked) as caught:
        sign_in.who(grant)
    assert caught.value.reason == "credits"


def test_nothing_secret_is_in_logs_and_errors(brand: Brand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in = brand.sign_in(asks_email=True)
    begun = sign_in.begin(CALLBACK)
    told = brand.agree(begun)
    grant = sign_in.complete(begun.kept, told, CALLBACK)
    sign_in.profile(grant)
    sign_in.revoke(grant)
    errors = []
    for step in (lambda: sign_in.complete(begun.kept, told, CALLBACK), lambda: sign_in.who(grant)):
        with pytest.raises(XError) as caught:
            step()
        errors += traceback.format_exception(caught.value)
    said = caplog.text + "".join(errors) + repr(grant) + repr(begun)
    kept = [value for name, value in begun.kept.items() if name != "state"]
    codes = [value for name, value in told.items() if name != "state"]
    for secret in (*kept, *codes, *grant.as_json().values(), EMAIL, brand.made["consumer_secret"]):
        assert secret in {"", grant.scopes} or secret not in said


def test_a_callback_with_a_query_keeps_it(base_url: str) -> None:
    requests.post(f"{base_url}/control/reset", timeout=5)
    brand = Brand(base_url, oauth2=True)
    brand.command("PATCH", "accounts/brand", callbacks=[f"{CALLBACK}?for=brand"])
    begun = brand.sign_in().begin(f"{CALLBACK}?for=brand")
    told = brand.agree(begun)
    assert told["for"] == "brand"
    assert brand.sign_in().complete(begun.kept, told, f"{CALLBACK}?for=brand").access_token
    assert urlsplit(begun.url).netloc == urlsplit(base_url).netloc

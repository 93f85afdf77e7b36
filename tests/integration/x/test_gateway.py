"""Both gateways against the simulator: real signatures, real pages, real refusals."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, XError
from campaign.x.gateway import Gateway, connect
from campaign.x.types import Keys, Receipt

VERSIONS = ("2", "1.1")
FOLLOWERS = 2_500


class Brand:
    """An account on the simulator, and the gateway with its keys."""

    def __init__(self, base_url: str, api_version: str) -> None:
        self.base_url, self.api_version = base_url, api_version
        self.made = self.command("POST", "accounts", username="brand", name="Brand 🦊", followers=FOLLOWERS)
        self.keys = {name: value for name, value in self.made.items() if name in Keys.__dataclass_fields__}
        self.gateway = self.connect()

    def command(self, method: str, path: str, /, **body: Any) -> dict[str, Any]:
        reply = requests.request(method, f"{self.base_url}/control/{path}", json=body, timeout=5)
        assert reply.ok, reply.text
        return dict(reply.json() or {})

    def connect(self, **changed: str) -> Gateway:
        keys = Keys(**{name: SecretStr(value) for name, value in {**self.keys, **changed}.items()})
        return connect(keys, api_version=self.api_version, owned=True, base_url=self.base_url)

    def failure(self, gateway: Gateway | None = None) -> XError:
        with pytest.raises(XError) as caught:
            (gateway or self.gateway).followers(self.made["user_id"], None, 100)
        return caught.value


@pytest.fixture(params=VERSIONS)
def brand(base_url: str, request: pytest.FixtureRequest) -> Brand:
    requests.post(f"{base_url}/control/reset", timeout=5)
    return Brand(base_url, request.param)


def test_me_is_the_account_of_the_keys(brand: Brand) -> None:
    account = brand.gateway.me().value
    assert account.user_id == brand.made["user_id"]
    assert (account.username, account.name, account.followers_count) == ("brand", "Brand 🦊", FOLLOWERS)
    assert account.access_level == "read-write-directmessages"


@pytest.mark.parametrize("page_size", [700, None])
def test_every_follower_is_read_once_and_in_order(brand: Brand, page_size: int | None) -> None:
    truth = brand.command("GET", f"accounts/brand/followers?limit={FOLLOWERS}")["users"]
    found, receipts = everybody(brand, page_size or brand.gateway.follower_page_size)
    assert [each[0] for each in found] == [each["id"] for each in truth]
    assert found == [
        (each["id"], each.get("username"), each.get("name"), each.get("public_metrics", {}).get("followers_count"))
        for each in truth
    ]
    assert sum((each.usd for each in receipts), Decimal(0)) == Decimal("2.500")
    assert all(each.windows for each in receipts)


def everybody(brand: Brand, page_size: int) -> tuple[list[tuple[Any, ...]], list[Receipt]]:
    found, receipts, token = [], list[Receipt](), None
    while True:
        answer = brand.gateway.followers(brand.made["user_id"], token, page_size)
        found += [(f.external_id, f.username, f.full_name, f.followers_count) for f in answer.value.followers]
        receipts += answer.receipts
        token = answer.value.next_token
        if token is None:
            return found, receipts


@pytest.mark.parametrize("name", ["consumer_key", "consumer_secret", "access_token", "access_token_secret"])
def test_a_wrong_key_blocks_the_service(brand: Brand, name: str) -> None:
    failure = brand.failure(brand.connect(**{name: "wrong"}))
    assert isinstance(failure, ServiceBlocked)
    assert failure.reason == "keys_wrong"


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("revoked", "keys_wrong"),
        ("suspended", "account_suspended"),
        ("locked", "account_locked"),
        ("credits_depleted", "credits"),
    ],
)
def test_a_blocked_account_says_why(brand: Brand, condition: str, reason: str) -> None:
    brand.command("PATCH", "accounts/brand", condition=condition)
    failure = brand.failure()
    assert isinstance(failure, ServiceBlocked)
    assert failure.reason == reason
    brand.command("PATCH", "accounts/brand", condition="ok")
    assert brand.gateway.me().value.username == "brand"


def test_an_app_without_access_says_which(brand: Brand) -> None:
    brand.command("PATCH", "accounts/brand", condition="not_enrolled")
    assert brand.failure().reason == ("not_enrolled" if brand.api_version == "2" else "legacy_access")


def test_a_limit_says_when_it_opens(brand: Brand) -> None:
    brand.command("PUT", "limits", limits={"followers": 1, "followers/ids": 1}, window_seconds=600)
    brand.gateway.followers(brand.made["user_id"], None, 100)
    failure = brand.failure()
    assert isinstance(failure, Unsent)
    assert failure.retry_at is not None
    assert timedelta(seconds=590) < failure.retry_at - datetime.now(UTC) < timedelta(seconds=610)
    assert failure.receipts[0].windows[0].remaining == 0


def test_a_limit_without_headers_is_waited_for_all_the_same(brand: Brand) -> None:
    brand.command("PUT", "limits", limits={"followers": 0, "followers/ids": 0}, headers=False)
    failure = brand.failure()
    assert isinstance(failure, Unsent)
    assert failure.retry_at is not None
    assert failure.receipts[0].windows == ()


def test_an_expired_place_can_be_recognised(brand: Brand) -> None:
    token = brand.gateway.followers(brand.made["user_id"], None, 100).value.next_token
    brand.command("POST", "tokens/expire")
    with pytest.raises(Refused) as caught:
        brand.gateway.followers(brand.made["user_id"], token, 100)
    assert caught.value.reason == "page_token"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("unavailable_before", "unavailable"),
        ("unavailable_after", "unavailable"),
        ("reset_before", "no_answer"),
        ("answer_lost", "no_answer"),
        ("truncated", "bad_answer"),
        ("html", "unavailable"),
        ("empty", "bad_answer"),
        ("broken_json", "bad_answer"),
    ],
)
def test_a_failing_x_leaves_it_open_and_works_again(brand: Brand, kind: str, reason: str) -> None:
    brand.command("POST", "faults", path="*/followers*", kind=kind)
    failure = brand.failure()
    assert isinstance(failure, Uncertain)
    assert failure.reason == reason
    assert len(brand.gateway.followers(brand.made["user_id"], None, 100).value.followers) == 100

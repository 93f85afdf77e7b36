"""The figures of posts through both gateways against the simulator, which is asked for the truth."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from campaign.errors import Uncertain, Unsent
from campaign.x.gateway import Gateway, connect
from campaign.x.types import Keys, PostCounts

ALL = {"reposts": 1, "likes": 2, "replies": 3, "quotes": 4, "bookmarks": 5, "impressions": 600, "link_visits": 7}
DAY = 86_400
SINCE = datetime.now(UTC) - timedelta(days=60)


class Brand:
    """An account on the simulator, and the gateway with its keys."""

    def __init__(self, base_url: str, api_version: str, *, owned: bool = True) -> None:
        self.base_url, self.is_v2 = base_url, api_version == "2"
        self.made = self.command("POST", "accounts", username="brand")
        keys = Keys(**{name: SecretStr(self.made[name]) for name in Keys.__dataclass_fields__})
        self.gateway: Gateway = connect(keys, api_version=api_version, owned=owned, base_url=base_url)

    def command(self, method: str, path: str, /, **body: Any) -> dict[str, Any]:
        reply = requests.request(method, f"{self.base_url}/control/{path}", json=body, timeout=5)
        assert reply.ok, reply.text
        return dict(reply.json() or {})

    def post(self, text: str, days_ago: float = 0, **counts: int) -> str:
        x_id = str(self.command("POST", "accounts/brand/posts", text=text, ago_seconds=days_ago * DAY)["id"])
        self.command("PUT", f"posts/{x_id}/counts", **counts)
        return x_id

    def told(self, x_id: str, **counts: int) -> PostCounts:
        """What this version of the API tells of these figures."""
        known = counts if self.is_v2 else {name: counts[name] for name in ("reposts", "likes")}
        return PostCounts(x_id, **known)

    def timeline(self, at_most: int = 200) -> list[PostCounts]:
        return self.gateway.timeline_counts(self.made["user_id"], SINCE, at_most).value


@pytest.fixture(params=["2", "1.1"])
def brand(base_url: str, request: pytest.FixtureRequest) -> Brand:
    requests.post(f"{base_url}/control/reset", timeout=5)
    return Brand(base_url, request.param)


@pytest.fixture
def new_brand(base_url: str) -> Brand:
    requests.post(f"{base_url}/control/reset", timeout=5)
    return Brand(base_url, "2")


def test_figures_are_reported_in_the_order_asked_for(brand: Brand) -> None:
    first, second = brand.post("One https://example.com/", **ALL), brand.post("Two", **ALL | {"likes": 8})
    counted = brand.gateway.post_counts([second, first])
    assert counted.value == [brand.told(second, **ALL | {"likes": 8}), brand.told(first, **ALL)]
    (receipt,) = counted.receipts
    assert (receipt.endpoint, receipt.resources) == (brand.gateway.lookup_endpoint, 2)
    assert receipt.usd == Decimal("0.010") == 2 * brand.gateway.post_read_price.usd


def test_posts_that_are_gone_are_left_out(brand: Brand) -> None:
    kept, deleted = brand.post("Kept", **ALL), brand.post("Deleted", **ALL)
    assert brand.gateway.delete_post(deleted).value
    counted = brand.gateway.post_counts([deleted, "1", kept])
    assert [counts.x_id for counts in counted.value] == [kept]
    assert sum(receipt.resources for receipt in counted.receipts) == 1
    assert brand.gateway.post_counts([deleted]).value == []


def test_a_hundred_posts_are_one_call(brand: Brand) -> None:
    posts = [brand.post(f"Post {number}", **ALL) for number in range(3)]
    missing = [str(number) for number in range(1, 98)]
    assert [counts.x_id for counts in brand.gateway.post_counts([*posts, *missing]).value] == posts
    for count in (0, 101):
        with pytest.raises(ValueError, match="1 to 100"):
            brand.gateway.post_counts([str(number) for number in range(1, count + 1)])


def test_a_timeline_tells_the_same(brand: Brand) -> None:
    posts = [brand.post(f"Post {number}", **ALL | {"likes": number}) for number in range(7)]
    brand.gateway.delete_post(posts[3])
    newest_first = [brand.told(posts[number], **ALL | {"likes": number}) for number in (6, 5, 4, 2, 1, 0)]
    assert brand.timeline() == newest_first
    assert brand.timeline(5) == newest_first[:5]
    receipts = brand.gateway.timeline_counts(brand.made["user_id"], SINCE, 100).receipts
    assert sum(receipt.usd for receipt in receipts) == Decimal("0.006")


def test_a_timeline_that_is_not_owned_is_as_dear_as_a_look_up(base_url: str) -> None:
    requests.post(f"{base_url}/control/reset", timeout=5)
    gateway = Brand(base_url, "2", owned=False).gateway
    assert gateway.own_post_price == gateway.post_read_price


def test_an_old_post_is_reported_without_what_its_author_alone_may_know(new_brand: Brand) -> None:
    old, new = new_brand.post("Old", days_ago=31, **ALL), new_brand.post("New", days_ago=29, **ALL)
    counted = new_brand.gateway.post_counts([old, new])
    public = {name: count for name, count in ALL.items() if name != "link_visits"}
    assert counted.value == [PostCounts(old, **public), PostCounts(new, **ALL)]
    assert [receipt.resources for receipt in counted.receipts] == [1, 1]
    assert new_brand.timeline() == [PostCounts(new, **ALL)]


def test_the_other_spelling_is_asked_for_and_understood(new_brand: Brand) -> None:
    post = new_brand.post("One", **ALL)
    new_brand.command("POST", "spelling", spelling="new", only=True, expansions_as_fields=False)
    assert new_brand.gateway.post_counts([post]).value == [PostCounts(post, **ALL)] == new_brand.timeline()


def test_a_post_that_x_says_nothing_of_is_not_taken_for_gone(brand: Brand) -> None:
    post, other = brand.post("One", **ALL), brand.post("Two", **ALL)
    shown = {"id": post, "id_str": post, "public_metrics": {"like_count": 2}, "favorite_count": 2}
    body = {"data": [shown]} if brand.is_v2 else {"id": {post: shown}}
    brand.command("POST", "faults", path="*", kind="literal", status=200, body=body)
    assert brand.gateway.post_counts([post, other]).value == [PostCounts(post, likes=2), PostCounts(other)]


@pytest.mark.parametrize(("kind", "error"), [("unavailable_before", Uncertain), ("empty", Uncertain)])
def test_in_an_outage_nothing_is_reported(brand: Brand, kind: str, error: type[Exception]) -> None:
    post = brand.post("One", **ALL)
    brand.command("POST", "faults", path="*", kind=kind)
    with pytest.raises(error):
        brand.gateway.post_counts([post])
    brand.command("PUT", "limits", limits={"posts/lookup": 0, "statuses/lookup": 0})
    with pytest.raises(Unsent):
        brand.gateway.post_counts([post])

from decimal import Decimal

import pytest

from campaign.x import types
from campaign.x.gateway import connect
from campaign.x.types import Keys, Price


def test_prices_are_those_of_the_page() -> None:
    assert {name: str(price.usd) for name, price in vars(types).items() if isinstance(price, Price)} == {
        "USER_READ": "0.010",
        "OWNED_USER_READ": "0.001",
        "POST_READ": "0.005",
        "OWNED_POST_READ": "0.001",
        "POST_CREATE": "0.015",
        "POST_WITH_LINK_CREATE": "0.200",
        "POST_DELETE": "0.005",
        "MEDIA_FINALIZE": "0.010",
        "MEDIA_METADATA": "0.005",
        "DIRECT_MESSAGE_CREATE": "0.015",
        "DIRECT_MESSAGE_EVENT_READ": "0.010",
        "NOT_CHARGED": "0",
    }


@pytest.mark.parametrize("api_version", ["2", "1.1"])
def test_followers_and_posts_of_the_owner_of_the_app_are_cheaper(keys: Keys, api_version: str) -> None:
    own, other = (
        connect(keys, api_version=api_version, owned=owned, base_url="http://127.0.0.1:9") for owned in (True, False)
    )
    assert (own.follower_price.usd, other.follower_price.usd) == (Decimal("0.001"), Decimal("0.010"))
    assert (own.own_post_price.usd, other.own_post_price.usd) == (Decimal("0.001"), Decimal("0.005"))
    assert own.post_price(has_link=True).usd == Decimal("0.200")
    assert own.post_price(has_link=False).usd == Decimal("0.015")


def test_a_price_says_where_it_is_from() -> None:
    assert types.USER_READ.source == "docs.x.com/x-api/getting-started/pricing"
    assert types.as_on_legacy(types.USER_READ).source.endswith("(v2's price: v1.1 has no rows)")

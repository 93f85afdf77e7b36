from decimal import Decimal

from campaign.x import prices
from campaign.x.types import Price


def test_prices_are_those_of_the_page() -> None:
    assert {name: str(price.usd) for name, price in vars(prices).items() if isinstance(price, Price)} == {
        "USER_READ": "0.010",
        "OWNED_USER_READ": "0.001",
        "POST_READ": "0.005",
        "OWNED_POST_READ": "0.001",
        "POST_CREATE": "0.015",
        "POST_WITH_LINK_CREATE": "0.200",
        "POST_DELETE": "0.010",
        "MEDIA_METADATA": "0.005",
        "DIRECT_MESSAGE_CREATE": "0.015",
        "DIRECT_MESSAGE_EVENT_READ": "0.010",
        "NOT_CHARGED": "0",
    }


def test_followers_of_the_owner_of_the_app_are_cheaper() -> None:
    assert prices.follower_price(owned=True).usd == Decimal("0.001")
    assert prices.follower_price(owned=False).usd == Decimal("0.010")


def test_a_price_says_where_it_is_from() -> None:
    assert prices.USER_READ.source == "docs.x.com/x-api/getting-started/pricing"
    assert prices.as_on_legacy(prices.USER_READ).source.endswith("(v2's price: v1.1 has no rows)")


def test_posts_with_links_and_other_peoples_posts_are_dearer() -> None:
    assert prices.post_price(has_link=True).usd == Decimal("0.200")
    assert prices.post_price(has_link=False).usd == Decimal("0.015")
    assert prices.own_post_price(owned=True).usd == Decimal("0.001")
    assert prices.own_post_price(owned=False).usd == Decimal("0.005")

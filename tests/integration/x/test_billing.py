"""The balance and the live prices through the product, against the simulator."""

from decimal import Decimal
from pathlib import Path

import pendulum
import pytest
import requests
from pydantic import SecretStr

from campaign.errors import ServiceBlocked, Unsent, XError
from campaign.settings import Settings
from campaign.x.gateway import Balance, price_list, price_warning, read_balance, read_prices

NOW = pendulum.datetime(2026, 11, 30, 12)


@pytest.fixture(autouse=True)
def app(base_url: str) -> dict[str, str]:
    requests.post(f"{base_url}/control/reset", timeout=5)
    return dict(requests.post(f"{base_url}/control/accounts", json={"username": "brand"}, timeout=5).json())


def control(base_url: str, path: str, **body: object) -> None:
    assert requests.put(f"{base_url}/control/{path}", json=body, timeout=5).ok


def balance(app: dict[str, str], base_url: str, secret: str | None = None) -> Balance | None:
    return read_balance(SecretStr(app["consumer_key"]), SecretStr(secret or app["consumer_secret"]), base_url)


def settings(base_url: str, home: Path) -> Settings:
    return Settings(home=home, x_api_url=base_url)


def test_the_credits_of_an_app_are_read_with_its_own_keys(app: dict[str, str], base_url: str) -> None:
    control(base_url, "accounts/brand/credits", free=0.5, prepaid=12.25)
    assert balance(app, base_url) == Balance(Decimal("0.5"), Decimal("12.25"), Decimal("12.75"))


def test_x_shows_the_credits_to_some_apps_only(app: dict[str, str], base_url: str) -> None:
    control(base_url, "prices", serves_credits=False)
    assert balance(app, base_url) is None


def test_wrong_keys_of_an_app_are_named(app: dict[str, str], base_url: str) -> None:
    with pytest.raises(ServiceBlocked) as caught:
        balance(app, base_url, "wrong" * 10)
    assert caught.value.reason == "keys_wrong"


def test_the_built_in_prices_are_those_of_the_live_list(base_url: str, tmp_path: Path) -> None:
    listed = price_list(settings(base_url, tmp_path), NOW)
    assert price_warning(listed) == ""
    assert {one.price.item for one in listed if one.live is not None} >= {"Post: Create", "DM: Create", "User: Read"}


def test_a_price_that_differs_is_named_a_day_later_at_the_latest(base_url: str, tmp_path: Path) -> None:
    known = settings(base_url, tmp_path)
    price_list(known, NOW)
    control(base_url, "prices", requestTypePricing={"ContentCreate": 0.02}, eventTypePricing={"Post": 0.005})
    assert price_warning(price_list(known, NOW.add(hours=23))) == ""
    assert "Post: Create costs $0.02 instead of $0.015" in price_warning(price_list(known, NOW.add(hours=25)))
    assert "Post: Create costs $0.02" in price_warning(price_list(known, NOW, fresh=True))


def test_without_a_live_list_the_built_in_prices_stay(base_url: str, tmp_path: Path) -> None:
    known = settings(base_url, tmp_path)
    fault = {"path": "/api/credits/pricing", "kind": "html", "status": 403}
    requests.post(f"{base_url}/control/faults", json=fault, timeout=5)
    assert not any(one.live for one in price_list(known, NOW))
    assert not any(one.live for one in price_list(known, NOW.add(minutes=59)))
    assert any(one.live for one in price_list(known, NOW.add(minutes=61)))
    requests.post(f"{base_url}/control/faults", json=fault, timeout=5)
    with pytest.raises(Unsent):
        price_list(known, NOW, fresh=True)


@pytest.mark.parametrize("saved", ["", "[]", '{"until": "soon", "prices": {}}', '{"prices": 7}'])
def test_a_broken_file_of_prices_is_written_again(base_url: str, tmp_path: Path, saved: str) -> None:
    (tmp_path / "prices.json").write_text(saved)
    assert any(one.live for one in price_list(settings(base_url, tmp_path), NOW))


@pytest.mark.parametrize("body", [[], {}, {"eventTypePricing": {"Post": "cheap"}}, {"eventTypePricing": []}])
def test_a_list_without_prices_is_no_list(base_url: str, body: object) -> None:
    fault = {"path": "/api/credits/pricing", "kind": "literal", "status": 200, "body": body}
    requests.post(f"{base_url}/control/faults", json=fault, timeout=5)
    with pytest.raises(XError):
        read_prices(f"{base_url}/api/credits/pricing")


def test_an_odd_price_spoils_no_other(base_url: str) -> None:
    body = {"requestTypePricing": {"ContentCreate": None}, "eventTypePricing": {"Post": 0.005, "User": "free"}}
    fault = {"path": "/api/credits/pricing", "kind": "literal", "status": 200, "body": body}
    requests.post(f"{base_url}/control/faults", json=fault, timeout=5)
    live = read_prices(f"{base_url}/api/credits/pricing")
    assert live == {"Post: Read": Decimal("0.005")}


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"free_balance": 1, "prepaid_balance": 2.5}, Balance(Decimal(1), Decimal("2.5"), Decimal("3.5"))),
        ({"free_balance": None, "total_balance": -0.5}, Balance(Decimal(0), Decimal("-0.5"), Decimal("-0.5"))),
        ({"free_balance": 0, "prepaid_balance": 0, "total_balance": 0}, Balance(Decimal(0), Decimal(0), Decimal(0))),
    ],
)
def test_a_balance_that_is_left_out_is_calculated(
    app: dict[str, str], base_url: str, data: object, shown: Balance
) -> None:
    fault = {"path": "/2/usage/credits", "kind": "literal", "status": 200, "body": {"data": data}}
    requests.post(f"{base_url}/control/faults", json=fault, timeout=5)
    assert balance(app, base_url) == shown

"""What calls cost, what is left of an app's credits, and the token with which an app asks."""

from base64 import b64encode
from collections.abc import Iterator

import pytest
import requests

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import X
from tests.integration.simulator.test_media import upload
from tests.integration.simulator.test_posts import post

CREDITS = "/2/usage/credits"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana", followers=5)


def ask_for_token(x: X, secret: str | None = None, **form: str) -> requests.Response:
    named = f"{x.keys['client_key']}:{secret or x.keys['client_secret']}".encode()
    headers = {"authorization": f"Basic {b64encode(named).decode()}"}
    return requests.post(f"{x.url}/oauth2/token", data=form, headers=headers, timeout=9)


def ask(x: X, token: str, path: str = CREDITS) -> requests.Response:
    return requests.get(f"{x.url}{path}", headers={"authorization": f"Bearer {token}"}, timeout=9)


def token_of(x: X) -> str:
    answer = ask_for_token(x, grant_type="client_credentials")
    assert answer.json()["token_type"] == "bearer"
    return str(answer.json()["access_token"])


def test_the_list_of_prices_needs_no_keys_and_changes(x: X) -> None:
    prices = requests.get(f"{x.url}/api/credits/pricing", timeout=9).json()
    assert prices["eventTypePricing"]["Post"] == 0.005
    assert prices["requestTypePricing"]["DmInteractionCreate"] == 0.015
    assert prices["defaultCost"] == 0
    x.control("PUT", "/prices", requestTypePricing={"ContentCreate": 0.02})
    changed = requests.get(f"{x.url}/api/credits/pricing", timeout=9).json()
    assert changed["requestTypePricing"] == prices["requestTypePricing"] | {"ContentCreate": 0.02}


def test_a_token_of_the_app_reads_the_balance_only(x: X) -> None:
    token = token_of(x)
    assert token == token_of(x)
    grants = [{"amount": 20.0, "expires_at": "2099-01-01T00:00:00.000Z"}]
    data = {"free_balance": 20.0, "free_grants": grants, "prepaid_balance": 0.0, "total_balance": 20.0}
    assert ask(x, token).json() == {"data": data}
    refused = ask(x, token, "/2/users/me")
    assert (refused.status_code, refused.json()["title"]) == (403, "Unsupported Authentication")
    assert ask(x, "wrong").status_code == 401
    assert x.get(CREDITS).json()["title"] == "Unsupported Authentication"


def test_x_serves_the_balance_for_some_only(x: X) -> None:
    x.control("PUT", "/prices", serves_credits=False)
    answer = ask(x, token_of(x))
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_token_needs_the_right_keys(x: X) -> None:
    assert ask_for_token(x, "wrong", grant_type="client_credentials").status_code == 403
    assert ask_for_token(x).json()["errors"][0]["code"] == 170


def test_credits_are_used_up(x: X) -> None:
    token = token_of(x)
    x.control("PUT", "/accounts/ana/credits", free=0.01, prepaid=0.03)
    assert post(x, "One").status_code == 201
    balance = ask(x, token).json()["data"]
    assert (balance["free_balance"], balance["prepaid_balance"], balance["total_balance"]) == (0.0, 0.025, 0.025)
    assert [post(x, text).status_code for text in ("Two", "Three", "Four")] == [201, 201, 402]
    assert ask(x, token).json()["data"]["total_balance"] == -0.005


def test_files_and_deletions_are_billed(x: X) -> None:
    media_id = upload(x)
    x.post(f"/2/media/upload/{media_id}/finalize")
    x.post("/2/media/metadata", json={"id": media_id, "metadata": {"alt_text": {"text": "A door"}}})
    made = post(x, "Open").json()["data"]["id"]
    x.delete(f"/2/tweets/{made}")
    truth = x.control("GET", "/accounts/ana")
    assert (truth["media_made"], truth["metadata_made"], truth["posts_deleted"]) == (1, 1, 1)
    assert truth["billed_usd"] == "0.035"

"""What a client of X sees: real requests, really signed, over a real connection."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests_oauthlib import OAuth1

from campaign.simulator.server import running

UNAUTHORIZED = {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}

PARAMETERS = {
    "client_key": "consumer_key",
    "client_secret": "consumer_secret",
    "resource_owner_key": "access_token",
    "resource_owner_secret": "access_token_secret",
}
"""How the signing library calls X's four keys."""


class X(requests.Session):
    """A client with the keys of an account; paths instead of URLs."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.trust_env = False
        self.url = url
        self.user_id = ""
        self.keys: dict[str, Any] = {}

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **more: Any) -> requests.Response:
        return super().request(method, f"{self.url}{url!s}", *args, **more)

    def create(self, username: str, **wanted: Any) -> "X":
        """A client for a new account."""
        keys = requests.post(f"{self.url}/control/accounts", json={"username": username, **wanted}, timeout=9).json()
        client = X(self.url)
        client.user_id = keys["user_id"]
        client.keys = {parameter: keys[name] for parameter, name in PARAMETERS.items()}
        client.auth = OAuth1(**client.keys)
        return client

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        """An answer of the control API."""
        answer = requests.request(method, f"{self.url}/control{path}", json=body or None, timeout=9)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def page(self, token: str | None = None, size: int = 1000, fields: str = "") -> dict[str, Any]:
        """A page of followers."""
        given = {"max_results": str(size), "user.fields": fields, "pagination_token": token}
        answer: dict[str, Any] = self.get(f"/2/users/{self.user_id}/followers", params=given).json()
        return answer

    def true_ids(self, username: str, limit: int = 10_000) -> list[str]:
        users = self.control("GET", f"/accounts/{username}/followers?limit={limit}")["users"]
        return [user["id"] for user in users]


def ids(page: dict[str, Any]) -> list[str]:
    return [user["id"] for user in page.get("data", [])]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server)


def test_the_right_keys_are_let_in_and_get_their_permission(x: X) -> None:
    answer = x.create("ana", access_level="read").get("/2/users/me")
    assert answer.json()["data"]["username"] == "ana"
    assert answer.headers["x-access-level"] == "read"


def test_keys_look_like_those_of_x(x: X) -> None:
    keys = x.control("POST", "/accounts", username="ana")
    assert [len(keys[f"consumer_{part}"]) for part in ("key", "secret")] == [25, 50]
    assert keys["access_token"].startswith(f"{keys['user_id']}-")
    assert [len(keys["access_token"].split("-")[1]), len(keys["access_token_secret"])] == [40, 45]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"client_secret": "x"}, 32),
        ({"resource_owner_secret": "x"}, 32),
        ({"client_key": "nobody"}, 32),
        ({"resource_owner_key": "1-x"}, 89),
        ({"timestamp": str(int(time.time()) - 301)}, 135),
    ],
)
def test_a_wrong_signature_is_refused(x: X, wrong: dict[str, Any], code: int) -> None:
    brand = x.create("ana")
    auth = OAuth1(**(brand.keys | wrong))
    v2, v1 = (brand.get(path, auth=auth) for path in ("/2/users/me", "/1.1/account/verify_credentials.json"))
    assert (v2.status_code, v2.json()) == (401, UNAUTHORIZED)
    assert (v1.status_code, v1.json()["errors"][0]["code"]) == (401, code)
    assert "x-access-level" not in v2.headers


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer x"}, {"Authorization": "OAuth nonsense"}])
def test_without_a_signature_no_person_is_let_in(x: X, header: dict[str, str]) -> None:
    assert x.get("/2/users/me", headers=header).json() == UNAUTHORIZED


def test_the_signature_covers_the_query_and_the_form(x: X) -> None:
    brand = x.create("ana", followers=2)
    assert brand.get("/2/users/me", params={"user.fields": "protected,verified"}).status_code == 200
    form = {"user_id": ",".join(brand.true_ids("ana"))}
    assert len(brand.post("/1.1/users/lookup.json", data=form).json()) == 2


def test_followers_are_read_newest_first_and_all_of_them(x: X) -> None:
    brand = x.create("ana", followers=25)
    first = brand.page(size=10)
    second = brand.page(first["meta"]["next_token"], size=10)
    third = brand.page(second["meta"]["next_token"], size=10)
    assert ids(first) + ids(second) + ids(third) == brand.true_ids("ana")
    assert [page["meta"]["result_count"] for page in (first, second, third)] == [10, 10, 5]
    assert "previous_token" not in first["meta"]
    assert "next_token" not in third["meta"]
    assert ids(brand.page(third["meta"]["previous_token"], size=10)) == ids(second)


def test_a_page_holds_a_hundred_unless_asked_otherwise(x: X) -> None:
    brand = x.create("ana", followers=101)
    assert brand.get(f"/2/users/{brand.user_id}/followers").json()["meta"]["result_count"] == 100


def test_an_empty_list_has_no_data(x: X) -> None:
    assert x.create("ana").page() == {"meta": {"result_count": 0}}


def test_a_changing_list_skips_and_doubles_no_person_on_it(x: X) -> None:
    brand = x.create("ana", followers=200)
    before, seen, token = brand.true_ids("ana"), [], None
    for _ in range(100):
        page = brand.page(token, size=7)
        seen += ids(page)
        x.control("POST", "/accounts/ana/followers", count=3)
        x.control("DELETE", "/accounts/ana/followers", count=5)
        token = page["meta"].get("next_token")
        if token is None:
            break
    throughout = set(before) & set(brand.true_ids("ana"))
    assert len(seen) == len(set(seen))
    assert throughout <= set(seen) <= set(before)


def test_who_follows_again_comes_on_top(x: X) -> None:
    brand = x.create("ana", followers=5)
    oldest = brand.true_ids("ana")[-1]
    x.control("DELETE", "/accounts/ana/followers", user_ids=[oldest])
    assert oldest not in ids(brand.page())
    x.control("POST", "/accounts/ana/followers", user_ids=[oldest])
    assert ids(brand.page())[0] == oldest
    assert len(ids(brand.page())) == 5


def test_a_token_is_opaque_and_bound_to_its_account(x: X) -> None:
    ana, bo = x.create("ana", followers=5), x.create("bo", followers=5)
    token = ana.page(size=2)["meta"]["next_token"]
    assert len(token) >= 16
    assert token.isalnum()
    for unknown in ("nonsense", "0" * 40):
        assert "pagination_token" in ana.page(unknown)["errors"][0]["parameters"]
    assert bo.page(token)["title"] == "Invalid Request"
    x.control("POST", "/tokens/expire")
    answer = ana.get(f"/2/users/{ana.user_id}/followers", params={"pagination_token": token})
    assert (answer.status_code, answer.json()["type"].rsplit("/")[-1]) == (400, "invalid-request")


def test_only_the_fields_asked_for_are_returned(x: X) -> None:
    brand = x.create("ana")
    x.control("POST", "/accounts/ana/followers", users=[{"id": "12", "username": "Bo", "name": "Bo 🌻"}])
    assert brand.page()["data"] == [{"id": "12", "name": "Bo 🌻", "username": "Bo"}]
    (user,) = brand.page(fields="protected,public_metrics,connection_status")["data"]
    assert user["protected"] is False
    assert user["public_metrics"]["tweet_count"] >= 0
    assert user["connection_status"] == ["followed_by"]
    assert brand.page(fields="shoe_size")["data"] == [{"id": "12", "name": "Bo 🌻", "username": "Bo"}]


def test_x_spells_posts_in_two_ways(x: X) -> None:
    brand = x.create("ana", followers=1)
    x.control("POST", "/spelling", spelling="new")
    metrics = brand.get("/2/users/me", params={"user.fields": "public_metrics"}).json()["data"]["public_metrics"]
    assert "post_count" in metrics
    assert "tweet_count" not in metrics
    assert metrics["followers_count"] == 1


def test_imagined_users_are_as_odd_as_real_ones(x: X) -> None:
    brand = x.create("ana", followers=20_000)
    users = brand.control("GET", "/accounts/ana/followers?limit=20000")["users"]
    names = [user.get("name", "") for user in users]
    assert len({user["id"] for user in users}) == 20_000
    assert len({user.get("username", user["id"]) for user in users}) == 20_000
    assert [user["id"] for user in users] != sorted((user["id"] for user in users), key=int)
    assert all(0 < int(user["id"]) < 1 << 63 and len(user.get("username", "")) <= 15 for user in users)
    assert max(map(len, names)) == 50
    assert any("🌻" in name for name in names)
    assert any("ليلى" in name for name in names)
    assert max(user.get("public_metrics", {"followers_count": 0})["followers_count"] for user in users) > 1 << 31
    for odd in ("public_metrics", "name", "username"):
        assert any(odd not in user for user in users), odd
    assert any("withheld" in user for user in users)
    assert {user["protected"] for user in users} == {True, False}


def test_users_are_looked_up_and_the_missing_are_named_beside_them(x: X) -> None:
    brand = x.create("ana")
    x.control(
        "POST", "/accounts/ana/followers", users=[{"id": "12", "username": "bo"}, {"id": "13", "suspended": True}]
    )
    answer = brand.get("/2/users", params={"ids": "12,13,14"})
    assert answer.status_code == 200
    assert ids(answer.json()) == ["12"]
    details = [error["detail"] for error in answer.json()["errors"]]
    assert details == ["User has been suspended: [13].", "Could not find user with ids: [14]."]
    assert ids(brand.get("/2/users/by", params={"usernames": "BO,nobody"}).json()) == ["12"]
    assert "data" not in brand.get("/2/users", params={"ids": "14"}).json()
    assert brand.get("/2/users", params={"ids": "x"}).status_code == 400
    assert brand.page()["meta"]["result_count"] == 1  # a suspended follower is missing from a page


def test_followers_of_others_are_not_owned_or_shown_if_protected(x: X) -> None:
    ana, bo = x.create("ana"), x.create("bo", followers=3)
    path = f"/2/users/{bo.user_id}/followers"
    assert len(ids(ana.get(path).json())) == 3
    assert x.control("GET", "/accounts/ana")["users_returned"] == {"owned": 0, "not_owned": 3}
    x.control("PATCH", "/accounts/bo", protected=True)
    (error,) = ana.get(path).json()["errors"]
    assert error["title"] == "Authorization Error"
    assert len(ids(bo.page())) == 3


def test_limits_are_reported_and_kept_and_end(x: X) -> None:
    brand = x.create("ana")
    x.control("PUT", "/limits", window_seconds=1, limits={"users/me": 2})
    answers = [brand.get("/2/users/me") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-rate-limit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].json() == {
        "title": "Too Many Requests",
        "type": "about:blank",
        "status": 429,
        "detail": "Too Many Requests",
    }
    time.sleep(max(0, int(answers[2].headers["x-rate-limit-reset"]) - time.time()))
    assert brand.get("/2/users/me").status_code == 200


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/2/users/me", "75"),
        ("/2/users/{}/followers", "300"),
        ("/2/users?ids=1", "900"),
        ("/2/users/by?usernames=a", "900"),
        ("/1.1/account/verify_credentials.json", "75"),
        ("/1.1/followers/ids.json", "15"),
        ("/1.1/users/lookup.json?user_id=1", "900"),
    ],
)
def test_the_limits_are_those_x_documents(x: X, path: str, limit: str) -> None:
    brand = x.create("ana")
    headers = brand.get(path.format(brand.user_id)).headers
    assert headers["x-rate-limit-limit"] == limit
    assert 890 < int(headers["x-rate-limit-reset"]) - time.time() <= 901


def test_days_have_limits_of_their_own_and_headers_may_be_missing(x: X) -> None:
    brand = x.create("ana")
    x.control("PUT", "/limits", day_limits={"users/me": {"user": 1, "app": 9}}, headers=False)
    first, second = brand.get("/2/users/me"), brand.get("/2/users/me")
    assert first.headers["x-user-limit-24hour-remaining"] == "0"
    assert first.headers["x-app-limit-24hour-remaining"] == "8"
    assert second.status_code == 429
    assert not [name for name in second.headers if "limit" in name]


@pytest.mark.parametrize(
    ("condition", "v2", "v1"),
    [
        ("revoked", (401, "Unauthorized"), (401, 89)),
        ("suspended", (403, "Forbidden"), (403, 64)),
        ("locked", (403, 326), (403, 326)),
        ("not_enrolled", (403, "Client Forbidden"), (403, 453)),
        ("credits_depleted", (402, "CreditsDepleted"), (402, "CreditsDepleted")),
        ("legacy_refused", (200, None), (403, 453)),
    ],
)
def test_each_condition_of_an_account_has_xs_answer(x: X, condition: str, v2: object, v1: object) -> None:
    brand = x.create("ana")
    x.control("PATCH", "/accounts/ana", condition=condition)

    def told(path: str) -> tuple[int, object]:
        answer = brand.get(path)
        body = answer.json()
        return answer.status_code, body["errors"][0]["code"] if "errors" in body else body.get("title")

    assert told("/2/users/me") == v2
    assert told("/1.1/account/verify_credentials.json") == v1


def test_version_1_pages_ids_with_numbers(x: X) -> None:
    brand = x.create("ana", followers=12)
    seen: list[str] = []
    cursor = -1
    while cursor != 0:
        page = brand.get(f"/1.1/followers/ids.json?count=5&stringify_ids=true&cursor={cursor}").json()
        seen += page["ids"]
        cursor = page["next_cursor"]
        assert page["next_cursor_str"] == str(cursor)
    assert seen == brand.true_ids("ana")
    assert ids_before(brand, page["previous_cursor"]) == [int(user_id) for user_id in seen[5:10]]
    assert brand.get("/1.1/followers/ids.json", params={"cursor": 7}).status_code == 400


def ids_before(brand: X, cursor: int) -> list[int]:
    answer = brand.get(f"/1.1/followers/ids.json?count=5&screen_name=ana&cursor={cursor}")
    numbers: list[int] = answer.json()["ids"]
    return numbers


def test_version_1_looks_users_up_and_leaves_out_the_missing(x: X) -> None:
    brand = x.create("ana")
    x.control("POST", "/accounts/ana/followers", users=[{"id": "12", "username": "bo", "name": "Bo", "verified": True}])
    (user,) = brand.get("/1.1/users/lookup.json", params={"user_id": "12,13"}).json()
    assert (user["id"], user["id_str"], user["screen_name"], user["verified"]) == (12, "12", "bo", True)
    nobody = brand.get("/1.1/users/lookup.json", params={"user_id": "13"})
    assert (nobody.status_code, nobody.json()["errors"][0]["code"]) == (404, 17)
    assert brand.get("/1.1/account/verify_credentials.json").json()["followers_count"] == 1
    status = brand.get("/1.1/application/rate_limit_status.json").json()
    assert status["resources"]["users"]["/users/lookup"]["remaining"] == 898


def test_unknown_paths_are_answered_in_the_words_of_their_version(x: X) -> None:
    assert x.get("/2/shoes").json()["title"] == "Not Found"
    assert x.get("/1.1/shoes.json").json()["errors"][0]["code"] == 34


def test_a_million_followers_are_made_at_once_and_paged(x: X) -> None:
    started = time.monotonic()
    brand = x.create("ana", followers=1_000_000)
    assert time.monotonic() - started < 10
    first = brand.page()
    second = brand.page(first["meta"]["next_token"])
    assert len({*ids(first), *ids(second)}) == 2_000
    assert ids(first) == brand.true_ids("ana", limit=1_000)
    assert x.control("GET", "/accounts/ana")["followers_count"] == 1_000_000

"""Answers that X gets wrong: walls, pages that do not end, records that lack something, and money that X blocks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import X, ids
from tests.integration.simulator.test_messages import events, send
from tests.integration.simulator.test_posts import post, post_id, truth
from tests.integration.simulator.test_timeline import by_hand, timeline

TODAY = datetime.now(UTC).date()
PROBLEMS = [
    *("field-unauthorized", "field-hydration-failure", "internal-error", "disallowed-resource"),
    "resource-unavailable",
]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana", followers=5)


def fault(x: X, kind: str, path: str = "*", **more: Any) -> None:
    x.control("POST", "/faults", path=path, kind=kind, **more)


def calls_of(x: X) -> list[tuple[str, requests.Response]]:
    """A call of each kind of endpoint."""
    bo = x.true_ids("ana")[0]
    return [
        ("me", x.get("/2/users/me")),
        ("followers", x.get(f"/2/users/{x.user_id}/followers")),
        ("post", post(x, "Wall")),
        ("message", send(x, bo, "Wall")),
        ("events", x.get("/2/dm_events")),
        ("media", x.post("/2/media/upload", files={"media": b"GIF89a"})),
        ("v1.1", x.get("/1.1/account/verify_credentials.json")),
    ]


@pytest.mark.parametrize("status", [200, 403, 404, 502])
def test_a_wall_of_html_stands_before_every_endpoint(x: X, status: int) -> None:
    fault(x, "html", status=status, times=None)
    for name, answer in calls_of(x):
        assert (answer.status_code, answer.text[:9]) == (status, "<!DOCTYPE"), name
    assert truth(x) == []


def test_a_path_may_be_answered_as_if_it_were_not_routed(x: X) -> None:
    fault(x, "not_routed", times=None)
    for name, answer in calls_of(x):
        assert (answer.status_code, answer.content) == (404, b""), name
    assert truth(x) == []


def test_right_keys_may_be_refused_for_a_while(x: X) -> None:
    fault(x, "unauthorized", times=None)
    assert x.get("/2/users/me").json() == {
        "title": "Unauthorized",
        "type": "about:blank",
        "status": 401,
        "detail": "Unauthorized",
    }
    assert x.get("/1.1/account/verify_credentials.json").json()["errors"][0]["code"] == 32
    x.control("DELETE", "/faults")
    fault(x, "unauthorized", times=None, for_seconds=0.0)
    assert x.get("/2/users/me").status_code == 200


def test_an_answer_may_begin_with_a_byte_order_mark(x: X) -> None:
    fault(x, "byte_order_mark")
    answer = post(x, "Marked")
    assert (answer.status_code, answer.content[:4]) == (201, b"\xef\xbb\xbf{")
    assert [each["text"] for each in truth(x)] == ["Marked"]


def test_a_retry_may_be_asked_for_in_seconds_or_at_a_date(x: X) -> None:
    fault(x, "retry_later", status=429, seconds=120)
    fault(x, "retry_later", seconds=120, as_date=True, times=2)
    first, second = x.get("/2/users/me"), x.get("/2/users/me")
    assert (first.status_code, first.headers["retry-after"]) == (429, "120")
    assert "x-rate-limit-reset" not in first.headers
    until = parsedate_to_datetime(second.headers["retry-after"])
    assert second.status_code == 503
    assert timedelta(seconds=100) < until - datetime.now(UTC) <= timedelta(seconds=121)


def test_a_page_may_name_itself_as_the_next_one_for_ever(x: X) -> None:
    fault(x, "same_page", times=None)
    pages = [x.page(size=2)]
    for _ in range(3):
        pages.append(x.page(pages[-1]["meta"]["next_token"], size=2))
    assert len({page["meta"]["next_token"] for page in pages}) == 1
    assert {tuple(ids(page)) for page in pages} == {tuple(x.true_ids("ana")[:2])}


@pytest.mark.parametrize(("kind", "tokens"), [("same_empty_page", 1), ("empty_page", 4)])
def test_pages_without_rows_may_have_a_next_token_for_ever(x: X, kind: str, tokens: int) -> None:
    by_hand(x, "One")
    fault(x, kind, times=None)
    for read in (x.page, lambda token=None: timeline(x, pagination_token=token)):
        pages: list[dict[str, Any]] = [read()]
        for _ in range(3):
            pages.append(read(pages[-1]["meta"]["next_token"]))
        assert len({page["meta"].pop("next_token") for page in pages}) == tokens
        assert all(page == {"meta": {"result_count": 0}} for page in pages)
    assert x.control("GET", "/accounts/ana")["users_returned"]["owned"] == 0


def test_after_an_empty_page_the_rows_may_go_on(x: X) -> None:
    fault(x, "empty_page", after=1)
    first = x.page(size=3)
    empty = x.page(first["meta"]["next_token"], size=3)
    last = x.page(empty["meta"]["next_token"], size=3)
    assert ids(empty) == []
    assert ids(first) + ids(last) == x.true_ids("ana")
    assert "next_token" not in last["meta"]


def test_pages_of_v1_may_have_no_end_either(x: X) -> None:
    fault(x, "same_empty_page", "/1.1/*", times=None)
    cursor = -1
    for _ in range(3):
        page = x.get(f"/1.1/followers/ids.json?cursor={cursor}").json()
        assert page["ids"] == []
        assert page["next_cursor_str"] == str(page["next_cursor"])
        assert cursor in (-1, page["next_cursor"])
        cursor = page["next_cursor"]


def test_one_record_of_a_page_may_be_odd(x: X) -> None:
    fault(x, "odd_record", "*/followers", index=1, omit=["id"], put={"name": "A\0b", "location": "x" * 5_000})
    first, odd, *_ = x.page()["data"]
    assert "id" in first
    assert (odd.keys() & {"id"}, odd["name"], len(odd["location"])) == (set(), "A\0b", 5_000)
    send(x, x.true_ids("ana")[0])
    fault(x, "odd_record", "/1.1/*", omit=["message_create.sender_id"])
    (event,) = x.get("/1.1/direct_messages/events/list.json").json()["events"]
    assert event["message_create"].keys() == {"target", "message_data"}


def test_a_look_up_may_lack_what_was_asked_for(x: X) -> None:
    root = post_id(x, "One")
    post_id(x, "Two", reply={"in_reply_to_tweet_id": root})
    fault(x, "lacking", "*/tweets", omit=["referenced_tweets", "created_at"])
    asked: dict[str, Any] = {"tweet_fields": "referenced_tweets,created_at,entities"}
    assert all(shown.keys() == {"id", "text", "edit_history_tweet_ids"} for shown in timeline(x, **asked)["data"])
    assert "created_at" in timeline(x, **asked)["data"][0]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_may_stand_in_the_place_of_an_answer(x: X, problem: str) -> None:
    fault(x, "problem", problem=problem, status=403)
    answer = post(x, "Hello")
    assert (answer.status_code, answer.json()["type"]) == (403, f"https://api.twitter.com/2/problems/{problem}")
    assert truth(x) == []


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_may_stand_in_the_place_of_a_record(x: X, problem: str) -> None:
    one, two = by_hand(x, "One", "Two")
    fault(x, "record_problem", "/2/tweets", problem=problem, times=2)
    for path in (f"/2/tweets?ids={one},{two}", f"/2/tweets?ids={one}"):
        answer = x.get(path).json()
        assert ids(answer) == [two] * ("," in path)
        (entry,) = answer["errors"]
        assert (entry["resource_id"], entry["type"].rpartition("/")[2]) == (one, problem)


def test_a_record_may_lack_a_field_that_x_could_not_read(x: X) -> None:
    one = by_hand(x, "One")[0]
    fault(x, "record_problem", problem="field-hydration-failure", omit=["public_metrics"])
    answer = x.get(f"/2/tweets?ids={one}&tweet.fields=public_metrics,created_at").json()
    assert answer["data"][0].keys() == {"id", "text", "edit_history_tweet_ids", "created_at"}
    assert answer["errors"][0]["field"] == "public_metrics"


def test_a_refusal_of_the_same_text_may_follow_a_lost_answer(x: X) -> None:
    fault(x, "unavailable_after", "/2/tweets")
    assert post(x, "Once").status_code == 503
    again = post(x, "Once")
    assert (again.status_code, again.json()["detail"][-18:]) == (403, "duplicate content.")
    assert len(truth(x)) == 1


def test_an_encrypted_conversation_goes_quiet_both_ways(x: X) -> None:
    bo, cy = x.true_ids("ana")[:2]
    send(x, bo, "Before")
    assert x.control("PUT", "/conversations", users=[bo]) == {"user_ids": [bo]}
    assert send(x, bo, "Not seen").status_code == 201
    x.control("POST", "/accounts/ana/messages", **{"from": bo, "text": "Stop"})
    send(x, cy, "Seen")
    assert [each["text"] for each in events(x)["data"]] == ["Seen", "Before"]
    assert x.control("GET", "/accounts/ana/messages/counts")["sent"] == {bo: 2, cy: 1}
    x.control("PUT", "/conversations", users=[bo], ago_seconds=3_600)
    assert events(x, f"/2/dm_conversations/with/{bo}/dm_events") == {"meta": {"result_count": 0}}
    x.control("PUT", "/conversations", followers_of="ana", encrypted=False)
    assert len(events(x)["data"]) == 4


def test_the_spending_limit_of_the_console_blocks_until_its_date(x: X) -> None:
    reset_date = str(TODAY + timedelta(days=14))
    cap = x.control("PUT", "/accounts/ana/spend_cap", usd=0.03, reset_date=reset_date)["spend_cap"]
    assert cap == {"usd": "0.03", "spent": "0", "reset_date": reset_date}
    assert [post(x, f"{number}").status_code for number in range(3)] == [201, 201, 403]
    assert x.get("/2/users/me").json() == {
        "title": "SpendCapReached",
        "detail": f"Your enrolled account [{x.user_id}] has reached its billing cycle spend cap. API requests will be "
        f"blocked until the next cycle begins on {reset_date}.",
        "reset_date": reset_date,
        "type": "https://api.twitter.com/2/problems/credits",
    }
    x.control("PUT", "/accounts/ana/spend_cap", usd=0, reset_date=str(TODAY))
    assert post(x, "The next cycle").status_code == 201
    x.control("PUT", "/accounts/ana/spend_cap", usd=0)
    assert post(x, "This cycle").status_code == 403
    assert x.control("DELETE", "/accounts/ana/spend_cap")["spend_cap"] is None
    assert post(x, "Without a limit").status_code == 201


def test_the_spending_limit_is_that_of_the_app(x: X) -> None:
    bo = x.create("bo", app_of="ana")
    x.control("PUT", "/accounts/ana/spend_cap", usd=0.01)
    assert post(x, "Dear enough").status_code == 201
    assert f"[{x.user_id}]" in bo.get("/2/users/me").json()["detail"]


def test_the_spending_limit_is_a_fault_too(x: X) -> None:
    fault(x, "spend_cap_reached", reset_date="2026-12-14")
    answer = x.get("/2/users/me")
    assert (answer.status_code, answer.json()["reset_date"]) == (403, "2026-12-14")
    assert x.get("/2/users/me").status_code == 200


@pytest.mark.parametrize(
    ("condition", "reason"), [("credits_blocked", "credits-blocked"), ("user_not_enrolled", "user-not-enrolled")]
)
def test_a_client_is_forbidden_for_a_reason(x: X, condition: str, reason: str) -> None:
    x.control("PATCH", "/accounts/ana", condition=condition)
    answer = x.get("/2/users/me")
    assert (answer.status_code, answer.json()["title"], answer.json()["reason"]) == (403, "Client Forbidden", reason)


@pytest.mark.parametrize(
    "body", [{}, {"usd": "1"}, {"usd": 1, "reset_date": "soon"}, {"usd": 1, "reset_date": "2026-13-01"}]
)
def test_a_wrong_spending_limit_is_refused(x: X, body: dict[str, Any]) -> None:
    answer = requests.put(f"{x.url}/control/accounts/ana/spend_cap", json=body, timeout=9)
    assert (answer.status_code, answer.json().keys()) == (400, {"error"})

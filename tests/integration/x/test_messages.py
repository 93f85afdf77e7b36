"""Direct messages through both gateways against the simulator, which is asked for the truth."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image
from pydantic import SecretStr

from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, XError
from campaign.x.error_table import RECIPIENT_REASONS
from campaign.x.gateway import Gateway, connect
from campaign.x.text import is_same_text
from campaign.x.types import Keys, MediaFile, MediaKind, MessageEvents, NewMessage, Receipt, first_id_at
from models import WindowName

VERSIONS = ("2", "1.1")
TEXT = "Grüße 🦊 & <mehr>: Example.com/a?b=1&c=2\n見て https://example.org/"


class Brand:
    """An account on the simulator with a few followers, and the gateway with its keys."""

    def __init__(self, base_url: str, api_version: str) -> None:
        self.base_url, self.api_version = base_url, api_version
        self.made = self.command("POST", "accounts", username="brand", name="Brand 🦊", followers=20)
        keys = Keys(**{name: SecretStr(self.made[name]) for name in Keys.__dataclass_fields__})
        self.gateway: Gateway = connect(keys, api_version=api_version, owned=True, base_url=base_url)
        self.people = [each["id"] for each in self.command("GET", "accounts/brand/followers?limit=20")["users"]]
        self.before = first_id_at(datetime.now(UTC) - timedelta(minutes=5))

    def command(self, method: str, path: str, /, **body: Any) -> dict[str, Any]:
        reply = requests.request(method, f"{self.base_url}/control/{path}", json=body, timeout=5)
        assert reply.ok, reply.text
        return dict(reply.json() or {})

    def send(self, recipient: str, text: str, media_id: str | None = None) -> str:
        return self.gateway.send_message(NewMessage(recipient, text, media_id)).value

    def failure(self, message: NewMessage) -> XError:
        with pytest.raises(XError) as caught:
            self.gateway.send_message(message)
        return caught.value

    def goes_wrong(self, kind: str) -> None:
        """The next message does."""
        last = self.gateway.message_endpoint.rpartition("/")[2]
        self.command("POST", "faults", path=f"*/{last}*", method="POST", kind=kind)

    def seen(self, at_most: int = 100) -> MessageEvents:
        return self.gateway.message_events(self.made["user_id"], self.before, at_most).value

    def truth(self) -> list[dict[str, Any]]:
        """Every message that was sent, the oldest first."""
        messages = self.command("GET", "accounts/brand/messages")["messages"]
        return [each for each in messages if each["sender"] == self.made["user_id"]]


@pytest.fixture(params=VERSIONS)
def brand(base_url: str, request: pytest.FixtureRequest) -> Brand:
    requests.post(f"{base_url}/control/reset", timeout=5)
    return Brand(base_url, request.param)


@pytest.fixture
def picture(tmp_path: Path) -> MediaFile:
    path = tmp_path / "picture.png"
    Image.new("RGB", (40, 30), "red").save(path)
    return MediaFile(str(path), "image/png", MediaKind.IMAGE, "A red field 🟥", for_messages=True)


def test_a_message_is_seen_as_it_was_written(brand: Brand) -> None:
    x_id = brand.send(brand.people[0], TEXT)
    brand.command("POST", "accounts/brand/messages", **{"from": brand.people[0], "text": "STOP & out <now>"})
    (sent,) = brand.truth()
    assert (sent["id"], sent["recipient"], sent["text"]) == (x_id, brand.people[0], TEXT)
    seen = brand.seen()
    assert seen.is_complete
    answer, message = seen.events
    assert (message.x_id, message.sender, message.recipient) == (x_id, brand.made["user_id"], brand.people[0])
    assert is_same_text(TEXT, message.text)
    assert (answer.text, answer.sender, answer.recipient) == ("STOP & out <now>", message.recipient, message.sender)
    assert abs(message.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_one_upload_serves_many_messages(brand: Brand, picture: MediaFile) -> None:
    media_id = brand.gateway.upload(picture, lambda *_: None).value.media_id
    for person in brand.people[:3]:
        brand.send(person, "Look", media_id)
    digest = sha256(Path(picture.path).read_bytes()).hexdigest()
    assert [[file["sha256"] for file in each["media"]] for each in brand.truth()] == [[digest]] * 3
    assert [each.text for each in brand.seen().events] == ["Look"] * 3


def test_a_message_costs_its_price_and_returns_its_limits(brand: Brand) -> None:
    (receipt,) = brand.gateway.send_message(NewMessage(brand.people[0], "Hello")).receipts
    assert (receipt.endpoint, receipt.usd) == (brand.gateway.message_endpoint, Decimal("0.015"))
    told = {each.name: each.limit for each in receipt.windows}
    documented = dict(brand.gateway.message_limits)
    assert {name: told[name] for name in documented} == documented
    assert WindowName.QUARTER_HOUR in told


@pytest.mark.parametrize(
    ("state", "reasons"),
    [
        ("closed", ("dm_closed", "dm_closed")),
        ("blocked", ("dm_closed", "dm_closed")),
        ("suspended", ("dm_closed", "recipient_not_found")),
        ("gone", ("recipient_not_found", "recipient_not_found")),
    ],
)
def test_a_person_who_gets_no_messages_stops_no_person_else(brand: Brand, state: str, reasons: Sequence[str]) -> None:
    brand.command("PUT", "recipients", state=state, users=brand.people[:1])
    failure = brand.failure(NewMessage(brand.people[0], "Hello"))
    assert isinstance(failure, Refused)
    assert failure.reason == reasons[VERSIONS.index(brand.api_version)]
    assert failure.reason in RECIPIENT_REASONS
    brand.send(brand.people[1], "Hello")
    assert [each["recipient"] for each in brand.truth()] == [brand.people[1]]


def test_who_never_was_is_not_found(brand: Brand) -> None:
    assert brand.failure(NewMessage("999999999999999", "Hello")).reason == "recipient_not_found"


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("looks_automated", "automation_suspected"),
        ("sender_restricted", "sender_restricted"),
        ("suspended", "account_suspended"),
        ("locked", "account_locked"),
        ("credits_depleted", "credits"),
        ("revoked", "keys_wrong"),
    ],
)
def test_an_account_that_may_not_send_says_why(brand: Brand, condition: str, reason: str) -> None:
    brand.command("PATCH", "accounts/brand", condition=condition)
    failure = brand.failure(NewMessage(brand.people[0], "Hello"))
    assert (type(failure), failure.reason) == (ServiceBlocked, reason)
    assert brand.truth() == []


def test_an_app_that_may_not_see_messages_says_so(brand: Brand) -> None:
    brand.command("PATCH", "accounts/brand", access_level="read-write")
    assert brand.failure(NewMessage(brand.people[0], "Hello")).reason == "permission_missing"


def test_a_wrong_message_blames_no_recipient(brand: Brand) -> None:
    assert brand.failure(NewMessage(brand.people[0], "a" * 10_001)).reason == "too_long"
    assert brand.failure(NewMessage(brand.people[0], "Hello", "1880028106020515840")).reason == "media_unknown"
    assert brand.truth() == []


def test_a_limit_says_when_it_opens(brand: Brand) -> None:
    limits = {"messages": 1, "direct_messages/events/new": 1}
    brand.command("PUT", "limits", limits=limits, window_seconds=600)
    brand.send(brand.people[0], "Hello")
    failure = brand.failure(NewMessage(brand.people[1], "Hello"))
    assert isinstance(failure, Unsent)
    assert failure.retry_at is not None
    assert timedelta(seconds=590) < failure.retry_at - datetime.now(UTC) < timedelta(seconds=610)


@pytest.mark.parametrize("kind", ["answer_lost", "unavailable_after", "empty", "broken_json", "truncated"])
def test_a_message_whose_answer_is_lost_is_there_all_the_same(brand: Brand, kind: str) -> None:
    brand.goes_wrong(kind)
    assert isinstance(brand.failure(NewMessage(brand.people[0], TEXT)), Uncertain)
    (found,) = brand.seen().events
    assert (found.recipient, is_same_text(TEXT, found.text)) == (brand.people[0], True)
    assert len(brand.truth()) == 1


@pytest.mark.parametrize("kind", ["unavailable_before", "reset_before"])
def test_a_message_that_never_arrived_is_not_there(brand: Brand, kind: str) -> None:
    brand.goes_wrong(kind)
    assert isinstance(brand.failure(NewMessage(brand.people[0], "Hello")), Uncertain)
    assert brand.seen() == MessageEvents([], is_complete=True)
    assert brand.truth() == []


def test_events_are_read_page_after_page_until_what_is_known(brand: Brand) -> None:
    for number in range(120):
        brand.command(
            "POST",
            "accounts/brand/messages",
            **{"from": brand.people[0], "text": f"n{number}", "ago_seconds": 250 - number},
        )
    answer = brand.gateway.message_events(brand.made["user_id"], brand.before, 1_000)
    assert [each.text for each in answer.value.events] == [f"n{number}" for number in range(119, -1, -1)]
    assert answer.value.is_complete
    # With v2 the sender is shown beside them, and paid once.
    assert spent(answer.receipts) == (Decimal("1.21") if brand.api_version == "2" else Decimal("1.20"))
    known = answer.value.events[9].x_id
    newer = brand.gateway.message_events(brand.made["user_id"], known, 1_000).value
    assert ([each.text for each in newer.events], newer.is_complete) == ([f"n{n}" for n in range(119, 110, -1)], True)
    few = brand.gateway.message_events(brand.made["user_id"], brand.before, 70)
    assert (len(few.value.events), few.value.is_complete, spent(few.receipts)) == (70, False, Decimal("0.70"))


def spent(receipts: Sequence[Receipt]) -> Decimal:
    return sum((each.usd for each in receipts), Decimal(0))


def test_several_threads_send_at_once(brand: Brand) -> None:
    brand.command("PUT", "limits", limits={"messages": 1_000})
    with ThreadPoolExecutor(6) as threads:
        ids = list(threads.map(lambda n: brand.send(brand.people[n % 20], f"n{n}"), range(120)))
    truth = {each["id"]: (each["recipient"], each["text"]) for each in brand.truth()}
    assert truth == {x_id: (brand.people[n % 20], f"n{n}") for n, x_id in enumerate(ids)}


def test_followers_say_where_they_are_and_whether_they_take_messages(brand: Brand) -> None:
    brand.command("PUT", "recipients", state="closed", users=brand.people[:1])
    followers = brand.gateway.followers(brand.made["user_id"], None, 100).value.followers
    takes = [each.receives_messages for each in followers]
    assert takes == ([False] + [True] * 19 if brand.api_version == "2" else [None] * 20)

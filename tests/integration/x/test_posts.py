"""Posts and files through both gateways against the simulator, which is asked for the truth."""

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
from campaign.x.gateway import Gateway, connect
from campaign.x.text import is_same_text
from campaign.x.types import Keys, MediaFile, MediaKind, NewPost, OwnPost, Poll, ReplySettings, UploadedMedia

VERSIONS = ("2", "1.1")
TEXT = "Grüße 🦊 & <mehr>: Example.com/a?b=1&c=2\n見て https://example.org/"


class Brand:
    """An account on the simulator, and the gateway with its keys."""

    def __init__(self, base_url: str, api_version: str) -> None:
        self.base_url, self.api_version = base_url, api_version
        self.made = self.command("POST", "accounts", username="brand", name="Brand 🦊")
        keys = Keys(**{name: SecretStr(self.made[name]) for name in Keys.__dataclass_fields__})
        self.gateway: Gateway = connect(keys, api_version=api_version, owned=True, base_url=base_url)
        self.since = datetime.now(UTC) - timedelta(minutes=5)

    def command(self, method: str, path: str, /, **body: Any) -> dict[str, Any]:
        reply = requests.request(method, f"{self.base_url}/control/{path}", json=body, timeout=5)
        assert reply.ok, reply.text
        return dict(reply.json() or {})

    def publish(self, text: str, **more: Any) -> str:
        return self.gateway.publish(NewPost(text, **more)).value

    def failure(self, post: NewPost) -> XError:
        with pytest.raises(XError) as caught:
            self.gateway.publish(post)
        return caught.value

    def own_posts(self, at_most: int = 100) -> list[OwnPost]:
        return self.gateway.own_posts(self.made["user_id"], self.since, at_most).value

    def truth(self) -> list[dict[str, Any]]:
        """Every post there ever was, the oldest first."""
        return list(self.command("GET", "accounts/brand/posts")["posts"])

    def upload(self, file: MediaFile) -> UploadedMedia:
        return self.gateway.upload(file, lambda *_: None).value


@pytest.fixture(params=VERSIONS)
def brand(base_url: str, request: pytest.FixtureRequest) -> Brand:
    requests.post(f"{base_url}/control/reset", timeout=5)
    return Brand(base_url, request.param)


@pytest.fixture
def v2_brand(base_url: str) -> Brand:
    requests.post(f"{base_url}/control/reset", timeout=5)
    return Brand(base_url, "2")


@pytest.fixture
def picture(tmp_path: Path) -> MediaFile:
    path = tmp_path / "picture.png"
    Image.new("RGB", (40, 30), "red").save(path)
    return MediaFile(str(path), "image/png", MediaKind.IMAGE, "A red field 🟥")


def test_a_thread_with_a_picture_is_found_as_it_was_written(brand: Brand, picture: MediaFile) -> None:
    uploaded = brand.upload(picture)
    first = brand.publish(TEXT, media_ids=(uploaded.media_id,))
    second = brand.publish("And more", reply_to=first)
    truth = brand.truth()
    assert [each["id"] for each in truth] == [first, second]
    digest = sha256(Path(picture.path).read_bytes()).hexdigest()
    assert truth[0]["media"] == [{"sha256": digest, "media_type": "image/png", "alt_text": "A red field 🟥"}]
    answer, opening = brand.own_posts()
    assert (opening.x_id, opening.reply_to, opening.media) == (first, None, 1)
    assert is_same_text(TEXT, opening.text)
    assert (answer.x_id, answer.text, answer.reply_to, answer.media) == (second, "And more", first, 0)
    assert abs(answer.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_post_costs_its_price(brand: Brand) -> None:
    price = brand.gateway.post_price(has_link=False)
    receipts = brand.gateway.publish(NewPost("Hello"), price).receipts
    assert [(each.endpoint, each.usd) for each in receipts] == [(brand.gateway.post_endpoint, Decimal("0.015"))]
    assert all(each.windows for each in receipts)


def test_the_same_text_is_refused(brand: Brand) -> None:
    brand.publish("Hello")
    failure = brand.failure(NewPost("Hello"))
    assert isinstance(failure, Refused)
    assert failure.reason == "duplicate"
    assert len(brand.truth()) == 1


@pytest.mark.parametrize("kind", ["answer_lost", "unavailable_after", "empty", "broken_json", "truncated"])
def test_a_post_whose_answer_is_lost_is_there_all_the_same(brand: Brand, kind: str) -> None:
    brand.command("POST", "faults", path=f"*/{brand.gateway.post_endpoint.rpartition('/')[2]}*", kind=kind)
    assert isinstance(brand.failure(NewPost(TEXT)), Uncertain)
    (found,) = brand.own_posts()
    assert is_same_text(TEXT, found.text)
    assert len(brand.truth()) == 1


@pytest.mark.parametrize("kind", ["unavailable_before", "reset_before", "html"])
def test_a_post_that_never_arrived_is_not_there(brand: Brand, kind: str) -> None:
    brand.command("POST", "faults", path=f"*/{brand.gateway.post_endpoint.rpartition('/')[2]}*", kind=kind)
    assert isinstance(brand.failure(NewPost("Hello")), Uncertain)
    assert brand.own_posts() == []
    assert brand.truth() == []


@pytest.mark.parametrize(
    ("condition", "error", "reason"),
    [
        ("over_daily_limit", Unsent, "daily_limit"),
        ("looks_automated", ServiceBlocked, "automation_suspected"),
        ("suspended", ServiceBlocked, "account_suspended"),
        ("locked", ServiceBlocked, "account_locked"),
        ("credits_depleted", ServiceBlocked, "credits"),
        ("revoked", ServiceBlocked, "keys_wrong"),
    ],
)
def test_an_account_that_may_not_post_says_why(brand: Brand, condition: str, error: type[XError], reason: str) -> None:
    brand.command("PATCH", "accounts/brand", condition=condition)
    failure = brand.failure(NewPost("Hello"))
    assert (type(failure), failure.reason) == (error, reason)
    assert brand.truth() == []


def test_an_app_that_may_only_read_says_so(brand: Brand) -> None:
    brand.command("PATCH", "accounts/brand", access_level="read")
    assert brand.failure(NewPost("Hello")).reason == "permission_missing"


def test_a_limit_says_when_it_opens(brand: Brand) -> None:
    brand.command("PUT", "limits", limits={"posts": 1, "statuses/update": 1}, window_seconds=600)
    brand.publish("One")
    failure = brand.failure(NewPost("Two"))
    assert isinstance(failure, Unsent)
    assert failure.retry_at is not None
    assert timedelta(seconds=590) < failure.retry_at - datetime.now(UTC) < timedelta(seconds=610)


def test_a_text_that_is_too_long_is_refused(brand: Brand) -> None:
    failure = brand.failure(NewPost("a" * 281))
    assert isinstance(failure, Refused)
    assert failure.reason == ("not_permitted" if brand.api_version == "2" else "too_long")


def test_a_file_that_x_does_not_know_is_refused(brand: Brand) -> None:
    failure = brand.failure(NewPost("Hello", media_ids=("1880028106020515840",)))
    assert isinstance(failure, Refused)
    assert failure.reason == "media_unknown"


def test_a_post_is_deleted(brand: Brand) -> None:
    x_id = brand.publish("Hello")
    assert brand.gateway.delete_post(x_id).value is True
    assert brand.own_posts() == []
    # v2 of the simulator calls a post deleted that is not there any more.
    assert brand.gateway.delete_post(x_id).value is (brand.api_version == "2")


def test_a_long_timeline_is_read_page_after_page(brand: Brand) -> None:
    for number in range(230):
        brand.command("POST", "accounts/brand/posts", text=f"Number {number}", ago_seconds=230 - number)
    answer = brand.gateway.own_posts(brand.made["user_id"], brand.since, 1000)
    assert [each.text for each in answer.value] == [f"Number {number}" for number in range(229, -1, -1)]
    assert sum(each.usd for each in answer.receipts) == Decimal("0.230")
    assert [each.text for each in brand.own_posts(7)] == [f"Number {number}" for number in range(229, 222, -1)]


def test_what_is_older_is_left_out(brand: Brand) -> None:
    brand.command("POST", "accounts/brand/posts", text="Old", ago_seconds=3600)
    brand.command("POST", "accounts/brand/posts", text="New", ago_seconds=60)
    assert [each.text for each in brand.own_posts()] == ["New"]


@pytest.mark.parametrize("spelling", ["old", "new"])
def test_either_spelling_of_x_is_understood(v2_brand: Brand, spelling: str) -> None:
    v2_brand.command("PATCH", "accounts/brand", subscription_type="Premium")
    account = v2_brand.gateway.me().value
    assert (account.subscription, account.longest_post) == ("Premium", 25_000)
    first = v2_brand.publish("Long " * 400 + "https://example.org/end")
    v2_brand.publish("And more", reply_to=first)
    v2_brand.command("POST", "spelling", spelling=spelling, only=True, expansions_as_fields=False)
    answer, opening = v2_brand.own_posts()
    assert is_same_text("Long " * 400 + "https://example.org/end", opening.text)
    assert answer.reply_to == first


def test_everything_about_a_post_arrives(v2_brand: Brand) -> None:
    poll = Poll(("yes", "no"), 60)
    v2_brand.publish("Yes?", poll=poll, reply_settings=ReplySettings.MENTIONED, paid_partnership=True)
    (truth,) = v2_brand.truth()
    assert truth["poll"] == {"options": ["yes", "no"], "duration_minutes": 60}
    assert (truth["reply_settings"], truth["paid_partnership"]) == ("mentionedUsers", True)


def test_a_film_goes_in_pieces_and_is_waited_for(brand: Brand, tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "film.mp4").write_bytes(content)
    film = MediaFile(str(tmp_path / "film.mp4"), "video/mp4", MediaKind.VIDEO)
    brand.publish("Look", media_ids=(brand.upload(film).media_id,))
    assert brand.truth()[0]["media"][0]["sha256"] == sha256(content).hexdigest()
    assert brand.own_posts()[0].text == "Look"


def test_a_film_that_x_cannot_use_is_refused(brand: Brand, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film")
    brand.command("PUT", "posts", processing_fails=True)
    with pytest.raises(Refused) as caught:
        brand.upload(MediaFile(str(tmp_path / "film.mp4"), "video/mp4", MediaKind.VIDEO))
    assert caught.value.reason == "media"

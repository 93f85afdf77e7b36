"""The worst day of a thread: lost answers, kill -9 in the middle of a call, 503s, 429s; each part is out once."""

import json
import time
from pathlib import Path
from typing import Any

from sqlmodel import select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import compose, recompose, stop
from campaign.deliveries.draft import Content, Draft, MediaItem, Part
from campaign.kinds import confirm
from campaign.posts.prepare import analyse_delivery
from models import Charge, DeliveryState, Message, MessageState
from tests.command import here
from tests.forking import Started, fork
from tests.pictures import picture
from tests.simulated_x import Brand, Connect, SimulatedX
from tests.steps.running import both_databases

TEXTS = ["One of four", "Two of four", "Three of four", "Four of four"]
POSTS = "/2/tweets"
#: X shows a post late, but by then.
SETTLE = {"CAMPAIGN_SETTLE_SECONDS": "2"}


def confirmed(*brands: Brand, texts: list[str] = TEXTS) -> str:
    """A thread that a person said yes to."""
    content = Content(parts=[Part(text=text) for text in texts])
    name = compose(Draft(label="Launch", services=[brand.name for brand in brands], content=content), actor="ana").name
    analyse_delivery(name, "ana")
    confirm(name, "ana")
    return name


def posts_of(brand: Brand) -> list[dict[str, Any]]:
    return list(brand.x.command("GET", f"accounts/{brand.name}/posts")["posts"])


def log_of(name: str) -> list[Message]:
    with read_session() as session:
        return log.of_delivery(session, deliveries.named(session, name))


def state_of(name: str) -> DeliveryState:
    with read_session() as session:
        return deliveries.named(session, name).state


def wait_for_call(x: SimulatedX, calls: int) -> None:
    """Until X was asked so often to publish something."""
    deadline = time.monotonic() + 100
    while len([call for call in x.calls() if (call["method"], call["path"]) == ("POST", POSTS)]) < calls:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def send(name: str) -> Started:
    return fork("delivery", "send", name, "--json", environment=SETTLE)


@both_databases
def test_after_lost_answers_kills_and_errors_each_part_is_out_once(x: SimulatedX, connect: Connect) -> None:
    brands = [connect("acme"), connect("bolt")]
    name = confirmed(*brands)
    # The answer to the second part is lost; the third call hangs until its process is killed.
    x.fault(POSTS, "answer_lost", method="POST", after=2, times=2)
    x.fault(POSTS, "slow", method="POST", after=4, times=2, seconds=30)
    killed = send(name)
    wait_for_call(x, 6)
    killed.kill()
    killed.end()
    assert MessageState.SENDING in {message.state for message in log_of(name)}

    x.be_well()
    x.fault(POSTS, "unavailable_after", method="POST", times=1)
    x.fault(POSTS, "unavailable_before", method="POST", times=2)
    x.limit(3, posts=2)
    done = here("delivery", "send", name, "--json", **SETTLE)

    assert done.status == 0, done.err
    assert state_of(name) is DeliveryState.FINISHED
    for brand in brands:
        truth = posts_of(brand)
        assert [post["text"] for post in truth] == TEXTS
        assert [post["reply_to"] for post in truth] == [None, *(post["id"] for post in truth[:-1])]
        rows = [line for line in json.loads(done.out) if line["service"] == brand.name]
        assert [line["x_id"] for line in rows] == [post["id"] for post in truth]
    with read_session() as session:
        charges = list(session.exec(select(Charge)))
    assert all(charge.settled for charge in charges)
    assert sum(charge.resources for charge in charges if charge.endpoint == "POST /2/tweets") == 2 * len(TEXTS)


def test_after_a_refusal_a_correction_goes_on_without_repeating_what_is_out(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme")
    name = confirmed(acme)
    refusal = {"title": "Forbidden", "detail": "You are not permitted to perform this action.", "status": 403}
    x.fault(POSTS, "literal", method="POST", after=1, status=403, body=refusal | {"type": "about:blank"})

    failed = here("delivery", "send", name, "--json", **SETTLE)

    assert failed.status == 1
    assert "Part 2 on acme was refused" in failed.sentence
    assert state_of(name) is DeliveryState.FAILED
    assert [message.state for message in log_of(name)] == [
        MessageState.SENT,
        MessageState.REFUSED,
        MessageState.PENDING,
        MessageState.PENDING,
    ]

    corrected = [TEXTS[0], "Two, said better", *TEXTS[2:]]
    content = Content(parts=[Part(text=text) for text in corrected])
    recompose(name, Draft(label="Launch", services=["acme"], content=content), actor="ana")
    analyse_delivery(name, "ana")
    confirm(name, "ana")
    done = here("delivery", "send", name, "--json", **SETTLE)

    assert done.status == 0, done.err
    assert [post["text"] for post in posts_of(acme)] == corrected


def test_what_was_changed_behind_the_back_after_the_yes_does_not_go_out(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme")
    name = confirmed(acme, texts=["As agreed"])
    with transaction() as session:
        delivery = deliveries.named(session, name)
        delivery.content = delivery.content.replace("As agreed", "Something else")

    refused = here("delivery", "send", name, "--json", **SETTLE)

    assert refused.status == 1
    assert "changed after its confirmation" in refused.sentence
    assert posts_of(acme) == []
    assert state_of(name) is DeliveryState.BEING_EDITED
    assert "POST" not in {call["method"] for call in x.calls()}


def test_the_old_api_publishes_a_thread_with_a_picture_too(x: SimulatedX, connect: Connect, tmp_path: Path) -> None:
    acme = connect("acme", api_version="1.1")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "shop.png").write_bytes(picture("PNG"))
    parts = [Part(text="One", media=[MediaItem(source="shop.png", alt_text="A shop")]), Part(text="Two")]
    name = compose(Draft(label="Old", services=["acme"], content=Content(parts=parts)), actor="ana").name
    analyse_delivery(name, "ana")
    confirm(name, "ana")
    x.fault("/1.1/statuses/update.json", "answer_lost", after=1)

    done = here("delivery", "send", name, "--json", **SETTLE)

    assert done.status == 0, done.err
    first, second = posts_of(acme)
    assert (first["text"], second["text"], second["reply_to"]) == ("One", "Two", first["id"])
    assert [media["alt_text"] for media in first["media"]] == ["A shop"]


def test_what_may_be_out_of_a_stopped_delivery_is_looked_up_by_the_next_run(x: SimulatedX, connect: Connect) -> None:
    acme, bolt = connect("acme"), connect("bolt")
    name, other = confirmed(acme), confirmed(bolt, texts=["Another one"])
    x.fault(POSTS, "slow", method="POST", after=1, seconds=30)
    killed = send(name)
    wait_for_call(x, 2)
    killed.kill()
    killed.end()
    x.be_well()
    stop(name, "ana")

    assert here("delivery", "send", other, "--json", **SETTLE).status == 0

    assert [message.state for message in log_of(name)] == [
        MessageState.SENT,
        MessageState.SENT,
        MessageState.CANCELLED,
        MessageState.CANCELLED,
    ]
    assert [message.x_id for message in log_of(name)[:2]] == [post["id"] for post in posts_of(acme)]

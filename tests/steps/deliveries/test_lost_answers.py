"""What went out though its answer was lost is found by its text, or its outcome stays unknown for a person."""

import json
from typing import Any

import pytest

from campaign.deliveries.approval import compose
from campaign.deliveries.draft import Content, Draft, Part
from campaign.kinds import confirm, kind_of
from models import DeliveryKind, MessageState
from tests.command import Done, here
from tests.simulated_x import Brand, Connect, SimulatedX
from tests.steps.posts.test_worst_day import log_of, posts_of
from tests.steps.running import sync

POSTS, TIMELINE = "/2/tweets", "/2/users/*/tweets"
SETTLE = {"CAMPAIGN_SETTLE_SECONDS": "1"}
EMPTY_TIMELINE = {"meta": {"result_count": 0}}


def confirmed(brand: Brand, *texts: str) -> str:
    content = Content(parts=[Part(text=text) for text in texts])
    draft = Draft(label="Found", services=[brand.name], content=content, tracking=False)
    return agreed(draft)


def agreed(draft: Draft) -> str:
    name = compose(draft, actor="ana").name
    kind_of(name).analyse(name, "ana")
    confirm(name, "ana", accept_unconsented=True)
    return name


def send(name: str) -> Done:
    return here("delivery", "send", name, "--json", **SETTLE)


def states(name: str) -> list[MessageState]:
    return [message.state for message in log_of(name)]


def texts_of(brand: Brand) -> list[str]:
    return [post["text"] for post in posts_of(brand)]


with_links = pytest.mark.parametrize(
    "text",
    [
        "Neu: https://münchen.de/angebot",
        "Neu: https://MÜNCHEN.de/angebot?a=1&b=<2>.",
        "Straße https://faß.de und пример.рф/путь",
        "वेब https://उदाहरण.भारत/ और 例え.jp",
        "See https://bu\u0308cher.example/u\u0308ber & more \u0065\u0301",
    ],
)


@pytest.mark.parametrize("version", ["2", "1.1"])
@with_links
def test_a_post_whose_link_x_respells_is_found_and_goes_out_once(
    x: SimulatedX, connect: Connect, text: str, version: str
) -> None:
    acme = connect("acme", api_version=version)
    name = confirmed(acme, text)
    path = POSTS if version == "2" else "/1.1/statuses/update.json"
    x.fault(path, "unavailable_after", method="POST", times=1)

    done = send(name)

    assert done.status == 0, done.err
    assert len(posts_of(acme)) == 1
    assert states(name) == [MessageState.SENT]


@with_links
def test_a_message_whose_link_x_respells_is_found_and_goes_out_once(x: SimulatedX, connect: Connect, text: str) -> None:
    connect("acme", 1)
    assert sync("acme").is_completed
    draft = Draft(
        kind=DeliveryKind.DM, label="Found", services=["acme"], content=Content(parts=[Part(text=text)]), tracking=False
    )
    name = agreed(draft)
    x.fault("/2/dm_conversations/*", "unavailable_after", method="POST", times=1)

    done = here("delivery", "send", name, "--json", **SETTLE, CAMPAIGN_INBOX_SECONDS="1")

    assert done.status == 0, done.err
    assert len(x.command("GET", "accounts/acme/messages")["messages"]) == 1
    assert states(name) == [MessageState.SENT]


def hide_timeline(x: SimulatedX, times: int | None) -> None:
    x.fault(TIMELINE, "literal", method="GET", status=200, body=EMPTY_TIMELINE, times=times)


def test_a_duplicate_after_a_lost_answer_is_looked_up_again_and_found(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme")
    name = confirmed(acme, "We open on Friday", "And on Saturday")
    x.fault(POSTS, "unavailable_after", method="POST", after=1, times=1)
    # X does not show the post within the settling delay: it is published again, and refused as a duplicate.
    hide_timeline(x, 2)

    done = send(name)

    assert done.status == 0, done.err
    truth = posts_of(acme)
    assert [post["text"] for post in truth] == ["We open on Friday", "And on Saturday"]
    assert [line["x_id"] for line in json.loads(done.out)] == [post["id"] for post in truth]


def test_a_duplicate_is_found_even_if_x_leaves_out_what_it_answers(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme")
    name = confirmed(acme, "We open on Friday", "And on Saturday")
    x.fault(POSTS, "unavailable_after", method="POST", after=1, times=1)
    hide_timeline(x, 2)
    x.fault(TIMELINE, "lacking", method="GET", times=None, omit=["referenced_tweets", "referenced_posts"])

    done = send(name)

    assert done.status == 0, done.err
    assert len(posts_of(acme)) == 2
    assert states(name) == [MessageState.SENT, MessageState.SENT]


def test_a_duplicate_that_x_never_shows_stays_unknown_for_a_person(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme")
    name = confirmed(acme, "We open on Friday")
    x.fault(POSTS, "unavailable_after", method="POST", times=1)
    hide_timeline(x, None)

    done = send(name)

    assert done.status == 1
    assert "Whether part 1 is out is unknown: X refuses its text as a duplicate" in done.err
    assert "campaign delivery settle" in done.err
    assert states(name) == [MessageState.UNCERTAIN]
    assert len(posts_of(acme)) == 1
    # Once X shows it, the next run finds it.
    x.be_well()
    assert send(name).status == 0
    assert states(name) == [MessageState.SENT]


def test_an_answer_without_its_reply_chain_is_no_proof_of_absence(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme")
    name = confirmed(acme, "We open on Friday", "And on Saturday")
    x.fault(POSTS, "unavailable_after", method="POST", after=1, times=1)
    x.fault(TIMELINE, "lacking", method="GET", times=None, omit=["referenced_tweets", "referenced_posts"])

    done = send(name)

    assert done.status == 1
    assert "X shows a post that may be it, but not where its links lead or what it answers" in done.err
    assert texts_of(acme) == ["We open on Friday", "And on Saturday"]
    assert states(name) == [MessageState.SENT, MessageState.UNCERTAIN]
    x.be_well()
    assert send(name).status == 0
    assert states(name) == [MessageState.SENT, MessageState.SENT]


@pytest.mark.parametrize("missing", ["created_at", "text", "id", "entities"])
def test_an_answer_without_what_was_asked_for_is_no_proof_of_absence(
    x: SimulatedX, connect: Connect, missing: str
) -> None:
    acme = connect("acme")
    name = confirmed(acme, "We open on Friday: https://example.com/opening")
    x.fault(POSTS, "unavailable_after", method="POST", times=1)
    x.fault(TIMELINE, "lacking", method="GET", times=None, omit=[missing])

    done = send(name)

    assert done.status == 1
    assert len(posts_of(acme)) == 1
    assert states(name) == [MessageState.UNCERTAIN]


def test_an_odd_post_that_is_known_to_be_ours_leaves_nothing_unknown(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme")
    name = confirmed(acme, "We open on Friday", "And on Saturday")
    x.fault(POSTS, "unavailable_before", method="POST", after=1, times=1)
    x.command("POST", f"accounts/{acme.name}/posts", text="By hand")
    # The newest post is the first part.
    x.fault(TIMELINE, "odd_record", method="GET", times=None, omit=["created_at"])

    done = send(name)

    assert done.status == 0, done.err
    assert texts_of(acme) == ["By hand", "We open on Friday", "And on Saturday"]


def test_a_text_that_the_account_posted_by_hand_is_refused_at_once(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme")
    name = confirmed(acme, "We open on Friday")
    body: dict[str, Any] = {"text": "We open on Friday", "ago_seconds": 3600}
    x.command("POST", f"accounts/{acme.name}/posts", **body)

    done = send(name)

    assert done.status == 1
    assert states(name) == [MessageState.REFUSED]
    assert len(posts_of(acme)) == 1

"""Answers of X that were seen in the field, through whole commands: no end of pages, walls, records without an id."""

import json
from pathlib import Path

import pytest

from campaign.deliveries.draft import Content, Draft, Part
from models import DeliveryKind, MessageState
from tests.command import here
from tests.simulated_x import Connect, SimulatedX
from tests.steps.deliveries.test_lost_answers import POSTS, SETTLE, TIMELINE, agreed, confirmed, send, states, texts_of
from tests.steps.running import both_databases, sync


@pytest.mark.parametrize("kind", ["same_empty_page", "empty_page"])
def test_a_timeline_without_end_leaves_the_outcome_unknown(x: SimulatedX, connect: Connect, kind: str) -> None:
    acme = connect("acme")
    name = confirmed(acme, "We open on Friday")
    x.fault(POSTS, "unavailable_after", method="POST")
    x.fault(TIMELINE, kind, times=None)

    done = send(name)

    assert done.status == 1
    assert len([call for call in x.calls() if call["path"].endswith("/tweets") and call["method"] == "GET"]) <= 12
    assert states(name) == [MessageState.UNCERTAIN]
    x.be_well()
    assert send(name).status == 0
    assert states(name) == [MessageState.SENT]
    assert texts_of(acme) == ["We open on Friday"]


@pytest.mark.parametrize(("kind", "status"), [("html", 403), ("html", 404), ("not_routed", 404), ("unauthorized", 401)])
def test_a_wall_before_x_leaves_a_post_to_be_published_later(
    x: SimulatedX, connect: Connect, kind: str, status: int
) -> None:
    acme = connect("acme")
    name = confirmed(acme, "We open on Friday")
    x.fault(POSTS, kind, method="POST", status=status)

    done = here("delivery", "send", name, "--no-wait", "--json", **SETTLE)

    assert json.loads(done.out)[0]["state"] == "pending"
    assert texts_of(acme) == []


@pytest.mark.parametrize(("kind", "status"), [("html", 403), ("html", 200), ("not_routed", 404)])
def test_a_wall_before_x_ends_no_following(x: SimulatedX, connect: Connect, kind: str, status: int) -> None:
    acme = connect("acme", 30)
    assert sync("acme").is_completed
    before = acme.table()
    x.fault(acme.pages_path, kind, status=status, times=None)

    sync("acme", wait=False)

    assert acme.table() == before
    x.be_well()
    acme.gain(count=1)
    assert sync("acme").is_completed
    assert acme.table() == acme.truth()


def test_an_event_without_a_sender_is_left_out_and_the_broadcast_goes_out(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", 3)
    assert sync("acme").is_completed
    first, second, third = (user["id"] for user in acme.users())
    for sender, text in ((first, "Hello"), (second, "STOP"), (third, "When do you open?")):
        x.command("POST", "accounts/acme/messages", **{"from": sender, "text": text})
    x.fault("/2/dm_events", "odd_record", index=0, omit=["sender_id"], times=None)
    content = Content(parts=[Part(text="We open on Friday")])
    name = agreed(Draft(kind=DeliveryKind.DM, label="Found", services=["acme"], content=content, tracking=False))

    done = here("delivery", "send", name, "--json", **SETTLE, CAMPAIGN_INBOX_SECONDS="1")

    assert done.status == 0, done.err
    assert x.command("GET", "accounts/acme/messages/counts")["sent"] == {first: 1, third: 1}


@both_databases
def test_a_handle_on_the_denylist_is_respected_when_its_person_writes(
    x: SimulatedX, connect: Connect, tmp_path: Path
) -> None:
    """The person follows nothing of ours, so that no sync ever brings the handle; a list names the person by id."""
    acme = connect("acme", 1)
    assert sync("acme").is_completed
    (person,) = x.make("stranger", 1).users()
    assert here("denylist", "add", f"@{person['username'].upper()}", "--note", "asked by letter").status == 0
    file = tmp_path / "people.csv"
    file.write_text(f"external_id\n{person['id']}\n{acme.users()[0]['id']}\n")
    made = ("create", "--kind", "dm", "--service", "acme", "--text", "Hello", "--list", str(file))
    name = here("delivery", *made, "--json").document["name"]
    assert here("delivery", "analyse", name, "--json", **SETTLE).document["excluded"] == {"unknown": 1}
    x.command("POST", "accounts/acme/messages", **{"from": person["id"], "text": "Are you open today?"})

    again = here("delivery", "analyse", name, "--json", **SETTLE, CAMPAIGN_INBOX_SECONDS="0").document

    assert (again["messages"], again["excluded"]) == (1, {"suppressed": 1})
    (suppressed,) = here("denylist", "list", "--json").document
    assert (suppressed["external_id"], suppressed["proof"]) == (person["id"], "asked by letter")

"""A broadcast by the command, from its draft to the log, against the simulated X."""

import csv
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from campaign.db.engine import transaction
from models import MAIN, Message, MessageState, Visitor
from tests.command import Done, here
from tests.simulated_x import Brand, Connect
from tests.steps.running import both_databases, sync

NO_DAY_LIMITS = {"messages": {"user": None, "app": None}}
TEXT = "Hello {{ visitor.full_name | default('there') }}"
STOP = "Reply STOP to stop these messages."


def delivery(*words: str) -> Done:
    return here("delivery", *words)


def document(*words: str) -> Any:
    done = delivery(*words, "--json")
    assert done.status == 0, done.err
    return done.document


def make(*words: str) -> str:
    return str(document("create", "--kind", "dm", "--service", "acme", "--text", TEXT, *words)["name"])


def analysed(*words: str) -> str:
    name = make(*words)
    assert document("analyse", name)["state"] == "analysed"
    return name


def confirmed(*words: str) -> str:
    name = analysed(*words)
    assert document("confirm", name, "--accept-unconsented")["state"] == "confirmed"
    return name


@pytest.fixture
def acme(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Brand:
    """An account whose followers are known, on an X that takes 1,000 messages in a minute."""
    monkeypatch.setenv("CAMPAIGN_SETTLE_SECONDS", "1")
    monkeypatch.setenv("CAMPAIGN_INBOX_SECONDS", "0")
    brand = connect("acme", 30, spend_cap=1_000)
    assert sync("acme").is_completed
    brand.x.command("PUT", "limits", window_seconds=60, limits={"messages": 1_000}, day_limits=NO_DAY_LIMITS)
    return brand


def people_of(brand: Brand) -> list[dict[str, Any]]:
    """Followers with a handle and a name, the newest first."""
    truth = brand.truth()
    return [user for user in brand.users() if user["id"] in truth and user.get("username") and user.get("name")]


def received(brand: Brand) -> dict[str, str]:
    """The texts that X took from the account, by recipient."""
    taken = brand.x.command("GET", f"accounts/{brand.name}/messages")["messages"]
    return {one["recipient"]: one["text"] for one in taken if one["sender"] == brand.made["user_id"]}


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_writing_first_counts_if_the_service_says_so_and_stop_excludes(acme: Brand) -> None:
    first, leaving, *_ = people_of(acme)
    acme.x.command("POST", "accounts/acme/messages", **{"from": first["id"], "text": "Are you open today?"})
    acme.x.command("POST", "accounts/acme/messages", **{"from": leaving["id"], "text": "Stop"})
    acme.connect(spend_cap=1_000, message_policy="consented_only", wrote_first_counts=True)

    name = make()
    found = document("analyse", name)

    assert found["messages"] == 1
    assert found["excluded"] == {"opted_out": 1, "no_consent": len(acme.truth()) - 2}
    assert here("service", "edit", "acme", "--no-wrote-first-counts").status == 0
    assert delivery("analyse", name, "--json").document["excluded"] == {
        "opted_out": 1,
        "no_consent": len(acme.truth()) - 1,
    }


def test_a_broadcast_from_its_draft_to_its_recipients_without_opt_outs(acme: Brand) -> None:
    leaving, closed, tester, denied, *_ = people = people_of(acme)
    acme.x.command("PUT", "recipients", state="closed", users=[closed["id"]])
    assert here("denylist", "add", denied["id"], "--note", "Asked by letter").status == 0

    name = make("--label", "Autumn", "--proof", tester["username"])
    assert name == f"dm-{datetime.now(UTC):%Y-%m-%d}-autumn"
    found = document("analyse", name)
    expected = {"state": "analysed", "messages": len(acme.truth()) - 1, "excluded": {"suppressed": 1}, "errors": []}
    assert expected.items() <= found.items()
    assert (found["targeted"], found["unconsented"]) == (len(acme.truth()), len(acme.truth()) - 1)
    assert {one["why"] for one in found["samples"]} == {"shortest", "longest", "random"}
    assert [wave["recipients"] for wave in found["waves"]] == [found["messages"]]
    shown = delivery("analyse", name).out
    assert "are never to be written to" in shown
    assert "no_proof_sent" in shown

    assert document("proof", name, "--as", leaving["username"])["state"] == "out"
    assert received(acme) == {tester["id"]: f"Hello {leaving['name']}\n\n{STOP}"}
    refused = delivery("confirm", name)
    assert (refused.status, refused.out) == (1, "")
    assert "accept exactly that (--accept-unconsented)" in refused.sentence
    assert document("confirm", name, "--accept-unconsented", "--as", "Ana")["confirmed_by"] == "Ana"
    acme.x.command("POST", "accounts/acme/messages", **{"from": leaving["id"], "text": "STOP"})
    log = document("send", name)

    states = {line["external_id"]: line["state"] for line in log}
    others = {user: "sent" for user in acme.truth() if user != denied["id"]}
    assert states == others | {leaving["id"]: "cancelled", closed["id"]: "refused"}
    assert {(line["service"], line["part"], line["wave"]) for line in log} == {("acme", 1, 1)}
    assert log == document("log", name)
    assert len(document("log", name, "--proofs")) == len(log) + 1
    assert set(received(acme)) == {user for user, state in states.items() if state == "sent"}
    assert received(acme)[people[5]["id"]] == f"Hello {people[5]['name']}\n\n{STOP}"

    failed = rows_of(delivery("log", name, "--failed", "--csv").out)
    assert {row["External ID"].removeprefix("'"): row["State"] for row in failed} == {
        leaving["id"]: "cancelled",
        closed["id"]: "refused",
        denied["id"]: "excluded",
    }
    assert all(row["Reason"].endswith(".") for row in failed)
    assert len(document("log", name, "--failed")) == 3
    whole = document("show", name)
    assert (whole["kind"], whole["state"], whole["proofs"], len(whole["log"])) == ("dm", "finished", 1, len(log) + 1)
    assert whole["report"]["messages"]["sent"] == len(log) - 2
    assert "The person is on the denylist." not in delivery("show", name).out
    assert "dm" in delivery("list").out
    again = delivery("send", name)
    assert (again.status, again.sentence) == (1, f"{name} is finished; only a confirmed delivery can be sent.")


def test_it_is_seen_as_one_person_gets_it(acme: Brand, tmp_path: Path) -> None:
    ann, bob, *_ = people_of(acme)
    name = make("--except-where", f"username = '{bob['username']}'")
    assert "first run: campaign delivery analyse" in delivery("preview", name).sentence
    assert document("analyse", name)["state"] == "analysed"

    page = tmp_path / "page.html"
    assert delivery("preview", name, "--html", str(page)).status == 0
    assert STOP in page.read_text()
    assert "people get it." in delivery("preview", name).out
    seen = document("preview", name, "--as", f"@{ann['username']}")
    assert [one["text"] for one in seen["messages"]] == [f"Hello {ann['name']}\n\n{STOP}"]
    assert seen["excluded"] is None
    assert ann["name"].split()[0] in delivery("preview", name, "--as", ann["id"]).out
    assert "There is no visitor 'nobody_at_all'" in delivery("preview", name, "--as", "nobody_at_all").sentence

    left_out = document("preview", name, "--as", bob["id"])
    assert left_out["excluded"] == "The person meets the condition that excludes people."

    with transaction() as session:
        session.exec(select(Visitor).where(Visitor.external_id == ann["id"])).one().full_name = None
    document("edit", name, "--text", "Hello {{ visitor.full_name }}", "--except-where", "")
    refused = delivery("preview", name, "--as", ann["id"])
    assert (refused.status, refused.out) == (1, "")
    assert f"The text cannot be personalised for @{ann['username']}: visitor.full_name is not known" in refused.sentence
    assert document("analyse", name)["excluded"]["field_missing"] > 0
    assert received(acme) == {}


@both_databases
def test_a_list_a_limit_and_waves(acme: Brand, tmp_path: Path) -> None:
    people, file = people_of(acme), tmp_path / "people.csv"
    lines = [people[0]["id"], f"@{people[1]['username']} # a friend", people[2]["username"].upper(), "nobody_known"]
    file.write_text("\n".join(["# the best", "", *(f"{line},x" for line in lines), lines[0]]))

    name = make("--list", str(file), "--limit-to", "2", "--wave", "0h:50%", "--wave", "1d:50%", "--priority", "high")
    found = document("analyse", name)

    assert (found["messages"], found["excluded"]) == (2, {"limit": 1, "duplicate": 1, "unknown": 1})
    assert [wave["recipients"] for wave in found["waves"]] == [1, 1]
    missed = document("log", name, "--failed")
    assert {(line["state"], line["reason"].split()[-1]) for line in missed} == {
        ("excluded", "person."),
        ("excluded", "visitor."),
    }
    before = document("show", name)
    assert (before["priority"], len(before["broadcast"]["audience"]["people"])) == ("high", 5)
    edited = ("--list", "", "--limit-to", "", "--wave-size", "25%", "--wave-every", "6h", "--priority", "low")
    assert document("edit", name, *edited) == {"name": name, "state": "being_edited"}
    after = document("show", name)["broadcast"]
    assert (after["audience"]["people"], after["audience"]["limit"], after["waves"]["calendar"]) == ([], None, [])
    assert after["waves"]["same"] == {"amount": 25, "is_percentage": True, "period_seconds": 21_600}
    document("edit", name, "--wave-every", "30m")
    assert document("show", name)["broadcast"]["waves"]["same"]["period_seconds"] == 1_800
    assert "25 % every 30 minutes" in delivery("show", name).out
    document("edit", name, "--wave-size", "")
    assert document("show", name)["broadcast"]["waves"] == {"same": None, "calendar": []}


@pytest.mark.usefixtures("acme")
def test_one_broadcast_follows_another() -> None:
    first = confirmed("--label", "First", "--limit-to", "3")
    document("send", first, "--no-wait")
    again = make("--label", "Again", "--recipients-of", first)
    assert document("analyse", again)["messages"] == 3
    others = make("--label", "Others", "--not-if-received", first)
    assert document("analyse", others)["excluded"] == {"not_if_received": 3}
    circle = delivery("edit", again, "--recipients-of", again)
    assert (circle.status, "cannot go to its own recipients" in circle.sentence) == (2, True)
    document("edit", others, "--not-if-received", "")
    assert document("analyse", others)["excluded"] == {}


def test_it_is_paused_resumed_and_stopped(acme: Brand) -> None:
    acme.x.command("PUT", "limits", window_seconds=3_600, limits={"messages": 5}, day_limits=NO_DAY_LIMITS)
    name = confirmed("--wave-size", "4", "--wave-every", "1d", "--validity", "30")
    done = delivery("send", name, "--no-wait")
    assert (done.status, done.out.count("in progress")) == (0, 1)
    assert "Continues at" in done.err

    states = [document(step, name)["state"] for step in ("pause", "resume", "pause")]
    assert delivery("send", name, "--no-wait").status == 0  # a run by name resumes it
    states += [document(step, name)["state"] for step in ("show", "stop")]

    assert states == ["paused", "in_progress", "paused", "in_progress", "stopped"]
    assert len(received(acme)) == 4
    log = document("log", name)
    assert {line["state"] for line in log[4:]} == {"cancelled"}
    assert {line["state"] for line in log[:4]} == {"sent"}
    withdrawn = [delivery("withdraw", name, "--yes"), delivery("proof", name, "--withdraw")]
    assert {(one.status, one.sentence) for one in withdrawn} == {
        (1, f"{name} is a broadcast; X cannot delete a direct message that was sent.")
    }


@both_databases
@pytest.mark.usefixtures("acme")
def test_an_unknown_outcome_is_settled_by_hand_for_the_named_person() -> None:
    name = confirmed("--limit-to", "2")
    sent = document("send", name)
    with transaction() as session:
        for message in session.exec(select(Message).where(col(Message.proof_number) == MAIN)):
            message.state, message.x_id = MessageState.UNCERTAIN, None
    second = sent[1]["external_id"]
    assert delivery("settle", name, "--not-sent", "--to", "nobody_at_all").status == 2
    assert "Invalid id 'x'" in delivery("settle", name, "--sent", "x").sentence

    settled = document("settle", name, "--sent", sent[1]["x_id"], "--to", second)
    assert (settled["state"], settled["external_id"]) == ("sent", second)
    assert (
        delivery("settle", name, "--not-sent", "--to", second).sentence
        == f"No outcome of {name} to {second} is unknown."
    )
    assert document("settle", name, "--not-sent")["external_id"] == sent[0]["external_id"]


@pytest.mark.usefixtures("acme")
def test_a_name_that_is_a_formula_stays_a_name() -> None:
    name = analysed("--limit-to", "1")
    with transaction() as session:
        for visitor in session.exec(select(Visitor)):
            visitor.full_name = "=1+1"
    assert {row["Full name"] for row in rows_of(delivery("log", name, "--csv").out)} == {"'=1+1"}


def test_a_template_has_target_and_times(acme: Brand) -> None:
    name = make("--where", "verified", "--wave-size", "5", "--wave-every", "1d", "--priority", "high", "--proof", "ana")
    assert document("show", name)["template"] == "twitterDM"

    saved = here("template", "save", name, "--as", "weekly", "--json").document["settings"]
    made = document("show", make("--template", "weekly"))

    assert saved["kind"] == "dm"
    assert (made["broadcast"], made["priority"], made["template"]) == (saved["broadcast"], "high", "weekly")
    assert made["broadcast"]["audience"]["where"] == "verified"
    assert made["broadcast"]["proof_recipients"] == ["ana"]
    shown = here("template", "show", "weekly").out
    assert "5 every 1 day" in shown
    assert acme.name in shown

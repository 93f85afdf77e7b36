"""`campaign delivery` and `campaign template` against the simulated X."""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from campaign.cli.delivery_options import revised
from campaign.cli.main import main
from campaign.db.engine import transaction
from campaign.deliveries import log
from campaign.deliveries.draft import Content, Draft, MediaItem, Part, PollContent
from campaign.settings import load_settings
from models import Message, MessageState
from tests.command import Done, here
from tests.pictures import picture
from tests.simulated_x import Brand, Connect

ZONE = {"CAMPAIGN_TIMEZONE": "Europe/Brussels"}


def delivery(*words: str, **environment: str) -> Done:
    return here("delivery", *words, **environment)


def document(*words: str) -> Any:
    done = delivery(*words, "--json")
    assert done.status == 0, done.err
    return done.document


def make(*words: str) -> str:
    return str(document("create", "--kind", "post", *words)["name"])


def confirmed(*words: str) -> str:
    name = make(*words)
    document("analyse", name)
    assert document("confirm", name)["state"] == "confirmed"
    return name


def posts_of(brand: Brand) -> list[dict[str, Any]]:
    return [post for post in brand.x.command("GET", f"accounts/{brand.name}/posts")["posts"] if not post["deleted"]]


def test_a_thread_from_its_draft_to_x_and_off_it_again(connect: Connect, tmp_path: Path) -> None:
    acme, beta, secret = connect("acme"), connect("beta"), connect("secret", proof=True)
    file, page = tmp_path / "a.png", tmp_path / "page.html"
    file.write_bytes(picture("PNG"))

    name = make(
        *("--service", "acme", "--service", "beta", "--proof", "secret", "--label", "Launch"),
        *("--text", "Hello from {{ service.label }}", "--part", "More <b>tomorrow</b>"),
        *("--media", f"2:{os.path.relpath(file)}", "--alt", "A red field"),
    )
    assert name == f"post-{datetime.now(UTC):%Y-%m-%d}-launch"
    found = document("analyse", name)
    assert {"state": "analysed", "messages": 4, "excluded": {}, "errors": []}.items() <= found.items()
    assert set(found) == {
        *("state", "messages", "excluded", "errors", "warnings", "info", "cost_usd", "calls", "ends_at")
    }
    written = delivery("preview", name, "--html", str(page))
    assert (written.status, written.out) == (0, "")
    assert "Hello from beta" in page.read_text()
    assert "<b>tomorrow" not in page.read_text()
    shown = delivery("preview", name)
    assert "Hello from acme" in shown.out
    assert "A red field" in shown.out
    [first, *_] = document("preview", name)["posts"]
    assert (first["service"], first["part"], first["parts"], first["limit"]) == ("acme", 1, 2, 280)
    assert [posts_of(brand) for brand in (acme, beta, secret)] == [[], [], []]

    proof = delivery("proof", name, "--json")
    assert (proof.document, proof.err) == ({"proof": 1, "state": "out", "reason": None}, "")
    assert [post["text"] for post in posts_of(secret)] == ["Hello from acme", "More <b>tomorrow</b>"]
    assert document("proof", name, "--withdraw") == {"withdrawn": 2}
    assert posts_of(secret) == []

    early = delivery("send", name, "--json")
    assert (early.status, early.sentence) == (1, f"{name} is analysed; only a confirmed delivery can be sent.")
    assert document("confirm", name, "--as", "Ana", "--comment", "Fine")["confirmed_by"] == "Ana"
    sent = document("send", name, "--no-wait")
    assert sent == document("log", name)
    assert len(document("log", name, "--proofs")) == 6
    assert [(line["service"], line["part"], line["state"]) for line in sent] == [
        *(("acme", 1, "sent"), ("acme", 2, "sent"), ("beta", 1, "sent"), ("beta", 2, "sent"))
    ]
    truth = posts_of(beta)
    assert [post["id"] for post in truth] == [line["x_id"] for line in sent[2:]]
    assert truth[1]["reply_to"] == truth[0]["id"]
    assert [medium["sha256"] for medium in truth[1]["media"]] == [hashlib.sha256(file.read_bytes()).hexdigest()]
    assert truth[1]["media"][0]["alt_text"] == "A red field"
    assert sent[2]["link"] == f"https://x.com/beta/status/{sent[2]['x_id']}"

    again = delivery("send", name, "--json")
    assert (again.status, again.sentence) == (1, f"{name} is finished; only a confirmed delivery can be sent.")
    whole = document("show", name)
    assert (whole["state"], whole["confirmed_by"], whole["proofs"]) == ("finished", "Ana", 1)
    assert "comment" in [entry["action"] for entry in whole["audit"]]
    assert delivery("show", name).status == 0

    unasked = delivery("withdraw", name)
    assert (unasked.status, unasked.out.strip()) == (1, "")
    assert "Delete 4 posts" in unasked.err
    assert len(posts_of(acme)) == 2
    assert document("withdraw", name, "--yes") == {"withdrawn": 4}
    assert posts_of(acme) + posts_of(beta) == []
    assert {line["state"] for line in document("log", name)} == {"withdrawn"}


def test_a_change_after_the_confirmation_does_not_go_out(connect: Connect) -> None:
    acme, _ = connect("acme"), connect("beta")
    name = confirmed("--service", "acme", "--text", "One", "--part", "Two", "--part", "Three", "--label", "Old")

    edited = delivery("edit", name, "--part", "Zwei", "--at", "2100-01-01T09:00", "--json", **ZONE)

    assert edited.document == {"name": name, "state": "being_edited"}
    assert delivery("send", name).sentence == f"{name} is being edited; only a confirmed delivery can be sent."
    after = document("show", name)
    assert [part["text"] for part in after["content"]["parts"]] == ["One", "Zwei"]
    assert (after["label"], after["services"]) == ("Old", ["acme"])
    assert after["contact_date"] == "2100-01-01T08:00:00+00:00"
    document("edit", name, "--at", "", "--service", "beta", "--part", "", "--reply-settings", "following")
    after = document("show", name)
    assert (after["contact_date"], after["services"], len(after["content"]["parts"])) == (None, ["beta"], 1)
    assert after["content"]["reply_settings"] == "following"
    document("edit", name, "--reply-settings", "everybody")
    assert document("show", name)["content"]["reply_settings"] is None
    assert document("analyse", name)["state"] == "analysed"
    assert document("reject", name, "--comment", "Not yet")["state"] == "being_edited"
    assert "Not yet" in document("show", name)["reason"]
    assert posts_of(acme) == []


def test_an_analysis_with_errors_says_them_and_exits_with_1(connect: Connect) -> None:
    connect("acme")
    name = make("--service", "acme", "--text", "x" * 281, "--media", str(load_settings().media_folder / "nowhere.png"))

    done = delivery("analyse", name, "--json")

    assert (done.status, done.document["state"]) == (1, "being_edited")
    assert {"too_long", "file_missing"} <= {finding["code"] for finding in done.document["errors"]}
    assert done.err.strip() == f"{name} has errors; correct them, then analyse it again."
    assert delivery("confirm", name).status == 1
    assert "too_long" in delivery("analyse", name).out


def test_a_delivery_is_paused_resumed_and_stopped_without_a_server(connect: Connect) -> None:
    acme = connect("acme")
    name = confirmed("--service", "acme", "--text", "Hello")
    nowhere = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}

    steps = [delivery(step, name, "--json", **nowhere) for step in ("pause", "send", "resume", "stop", "resume")]

    assert [step.status for step in steps] == [0, 2, 0, 0, 1]
    assert [steps[index].document["state"] for index in (0, 2, 3)] == ["paused", "confirmed", "stopped"]
    assert steps[-1].sentence == f"{name} is stopped; only a paused delivery can be resumed."
    assert [one["name"] for one in delivery("list", "--state", "stopped", "--json", **nowhere).document] == [name]
    assert posts_of(acme) == []


def test_an_unknown_outcome_is_settled_by_hand(connect: Connect) -> None:
    acme, _ = connect("acme"), connect("beta")
    name = confirmed("--service", "acme", "--service", "beta", "--text", "Hello")
    document("send", name)
    x_id = posts_of(acme)[0]["id"]
    assert delivery("settle", name, "--not-sent").sentence == f"No outcome of {name} is unknown."
    with transaction() as session:
        for message in session.exec(select(Message)):
            message.state = MessageState.SENDING
            log.record_outcome(session, message, MessageState.UNCERTAIN, message.settled_at or datetime.now(UTC))

    assert delivery("settle", name, "--sent", "elsewhere").status == 2
    settled = [document("settle", name, *words.split()) for words in (f"--sent {x_id}", "--not-sent")]

    assert [(one["service"], one["state"], one["x_id"]) for one in settled] == [
        ("acme", "sent", x_id),
        ("beta", "pending", None),
    ]


def test_templates_start_deliveries_and_the_built_in_ones_stay(connect: Connect) -> None:
    connect("acme")
    connect("secret", proof=True)
    name = make("--service", "acme", "--proof", "secret", "--text", "Hello", "--validity", "2", "--label", "Weekly")

    def template(*words: str) -> Done:
        return here("template", *words, "--json")

    assert [one["name"] for one in template("list").document] == ["twitter", "twitterDM"]
    assert template("save", name, "--as", "weekly").document["settings"]["content"]["parts"] == []
    assert template("save", name, "--as", "whole", "--with-content").status == 0
    assert template("duplicate", "twitter", "mine", "--label", "Mine").document["label"] == "Mine"
    assert [template("duplicate", "twitter", "mine").status, template("delete", "mine").status] == [1, 0]
    built_in = template("save", name, "--as", "twitter"), template("delete", "twitter")
    assert {(one.status, one.sentence) for one in built_in} == {
        (1, "The template twitter is built in; duplicate it instead: campaign template duplicate twitter")
    }
    made = document("show", make("--template", "weekly", "--text", "Again", "--validity", "9"))
    expected = {"services": ["acme"], "proof_service": "secret", "validity_days": 9, "template": "weekly"}
    assert (expected | {"label": "Weekly"}).items() <= made.items()
    assert document("show", make("--template", "whole"))["content"]["parts"][0]["text"] == "Hello"
    assert document("show", name)["template"] == "twitter"
    assert template("show", "weekly").document["settings"]["validity_days"] == 2
    assert here("template", "show", "whole").status == 0


FILES = [MediaItem(source="/a.png", alt_text="A"), MediaItem(source="/b.png", alt_text="B")]
THREAD = Draft(
    content=Content(
        parts=[
            Part(text="One", poll=PollContent(options=["Yes", "No"], minutes=60)),
            Part(text="Two", media=FILES[:1]),
            Part(text="Three", media=FILES[1:]),
        ]
    )
)
#: What is given, and the texts and the files of each part afterwards.
CHANGES: list[tuple[dict[str, Any], list[tuple[str, list[tuple[str, str]]]]]] = [
    ({"text": "Eins"}, [("Eins", []), ("Two", [("/a.png", "A")]), ("Three", [("/b.png", "B")])]),
    ({"part": ["Zwei"]}, [("One", []), ("Zwei", [("/a.png", "A")])]),
    ({"part": [""]}, [("One", [])]),
    ({"part": [""], "media": ["2:/c.png"]}, [("One", []), ("", [("/c.png", "")])]),
    (
        {"part": ["Zwei", "Drei", "Vier"]},
        [("One", []), ("Zwei", [("/a.png", "A")]), ("Drei", [("/b.png", "B")]), ("Vier", [])],
    ),
    ({"alt": ["Eine", ""]}, [("One", []), ("Two", [("/a.png", "Eine")]), ("Three", [("/b.png", "")])]),
    ({"media": [""]}, [("One", []), ("Two", []), ("Three", [])]),
    (
        {"media": ["3:/x.png", "/y.png", "3:https://x.test/z.png"], "alt": ["X", "Y", "Z"]},
        [("One", [("/y.png", "Y")]), ("Two", []), ("Three", [("/x.png", "X"), ("https://x.test/z.png", "Z")])],
    ),
]


@pytest.mark.parametrize(("given", "expected"), CHANGES)
def test_an_edit_changes_what_is_given_and_keeps_the_rest(
    given: dict[str, Any], expected: list[tuple[str, list[tuple[str, str]]]]
) -> None:
    parts = revised(THREAD, given).content.parts
    assert [(part.text, [(file.source, file.alt_text) for file in part.media]) for part in parts] == expected
    assert parts[0].poll == THREAD.content.parts[0].poll


@pytest.mark.parametrize(
    ("given", "poll"),
    [
        ({"poll": ["A", "B", "C"]}, PollContent(options=["A", "B", "C"], minutes=60)),
        ({"poll_minutes": 5}, PollContent(options=["Yes", "No"], minutes=5)),
        ({"poll": [""]}, None),
    ],
)
def test_a_poll_is_changed_or_taken_away(given: dict[str, Any], poll: PollContent | None) -> None:
    assert revised(THREAD, given).content.parts[0].poll == poll


POST = ["create", "--service", "acme", "--text", "Hello"]
BAD: list[tuple[list[str], int, str]] = [
    ([*POST, "--template", "twitterDM", "--poll", "Yes"], 2, "A direct message has no poll"),
    ([*POST, "--kind", "post", "--template", "twitterDM"], 2, "The template twitterDM is for deliveries of the kind"),
    ([*POST, "--template", "none"], 2, "There is no template 'none'; `campaign template list` shows them."),
    ([*POST, "--kind", "letter"], 2, "'--kind'"),
    ([*POST, "--at", "tomorrow"], 2, "'tomorrow' is not a time; write it like 2026-12-24T09:00"),
    ([*POST, "--at", "9999-12-31T23:00"], 2, "'9999-12-31T23:00' is not a time"),
    ([*POST, "--at", "2027-03-28T02:30"], 2, "does not exist in Europe/Brussels"),
    ([*POST, "--service", "@acme"], 2, "Write the handle without the @: acme."),
    ([*POST, "--proof", "a b"], 2, "'a b' is not a handle on X"),
    ([*POST, "--label", "\udcff"], 2, "'\\udcff' is not written in UTF-8"),
    ([*POST, "--validity", "0"], 2, "'--validity'"),
    ([*POST, "--poll", "Yes"], 2, "A poll has two to four answers, not 1"),
    ([*POST, "--poll-minutes", "60"], 2, "--poll-minutes needs a poll"),
    ([*POST, "--alt", "A dog"], 2, "There are 0 files and 1 alternative texts"),
    ([*POST, "--media", "a.png", "--alt", "x" * 1_001], 2, "--alt cannot be used"),
    ([*POST, "--media", "3:a.png"], 2, "--media names part 3, and there are 1"),
    ([*POST, *(word for _ in range(25) for word in ("--part", "More"))], 2, "--part cannot be used"),
    (["create", "--service", "acme"], 2, "The text is missing; write it with --text."),
    (["create", "--text", "Hello"], 2, "The account is missing; name it with --service."),
    (["edit", "none", "--text", "Hello"], 2, "There is no delivery 'none'; `campaign delivery list` shows them."),
    (["edit", "none"], 2, "No change was given"),
    *(
        ([*words.split()], 2, "There is no delivery 'none'")
        for words in (
            *("analyse none", "preview none", "proof none", "confirm none", "reject none", "send none", "pause none"),
            *("resume none", "stop none", "withdraw none", "settle none --not-sent", "show none", "log none"),
        )
    ),
    (["settle", "none"], 2, "Give either --sent"),
    (["settle", "none", "--sent", "1", "--not-sent"], 2, "Give either --sent"),
    (["list", "--service", "nobody"], 2, "There is no service nobody."),
    (["list", "--since", "lately"], 2, "'lately' is not a time"),
    (["list", "--state", "lost"], 2, "'--state'"),
]


@pytest.mark.parametrize(("words", "status", "sentence"), BAD, ids=lambda value: str(value)[:60])
@pytest.mark.usefixtures("sqlite_database")
def test_an_error_is_one_sentence(
    words: list[str], status: int, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Refused before anything is started: a process of its own would only be slower.
    monkeypatch.setenv("CAMPAIGN_TIMEZONE", ZONE["CAMPAIGN_TIMEZONE"])
    monkeypatch.setattr("sys.argv", ["campaign", "delivery", *words])
    load_settings.cache_clear()

    with pytest.raises(SystemExit) as ended:
        main()

    shown = capsys.readouterr()
    assert (ended.value.code, shown.out) == (status, "")
    [line] = shown.err.strip().splitlines()
    assert sentence in line
    assert "Hello" not in line


def test_a_delivery_to_an_unknown_service_is_not_made(connect: Connect) -> None:
    connect("acme")
    done = delivery(*POST, "--service", "nobody")
    assert (done.status, done.out) == (2, "")
    assert done.sentence == "There is no service nobody; there are: acme."
    assert document("list") == []

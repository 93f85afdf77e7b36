"""The command: services, a sync, and the list of visitors."""

import csv
import io
import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from campaign.cli.service import ServiceRow
from models import SyncState
from tests import factories
from tests.command import COMMAND, here
from tests.simulated_x import KEYS, Brand, Connect, SimulatedX
from tests.steps.running import sync


def in_environment(keys: Mapping[str, str]) -> dict[str, str]:
    return {f"CAMPAIGN_{name.upper()}": value for name, value in keys.items()}


def assert_no_key_in(text: str, brand: Brand) -> None:
    for name, key in brand.keys.items():
        assert key not in text, name


def test_a_service_from_its_creation_to_its_removal(x: SimulatedX) -> None:
    brand = x.make("acme", 1_234)
    done = [
        here(
            *("service", "create", "acme", "--label", "Acme!", "--visitor-folder", "Fans", "--spend-cap", "12.5"),
            *("--no-synchronize", "--json"),
            **in_environment(brand.keys),
        )
    ]
    assert done[0].status == 0, done[0].err
    expected = {"service": "acme", "label": "Acme!", "visitor_folder": "Fans", "synchronize": False, "proof": False}
    expected |= {"api_version": "2", "owned": True, "spend_cap_usd": "12.50", "state": "unchecked"}
    assert expected.items() <= done[0].document.items()
    assert x.calls() == []

    done.append(here("service", "create", "ACME", **in_environment(brand.keys)))
    assert (done[-1].status, done[-1].out) == (2, "")
    assert done[-1].sentence == "The service acme exists; change it with: campaign service edit acme"

    done.append(here("service", "edit", "acme", "--label", "Acme", "--synchronize", "--json"))
    assert done[-1].document["label"] == "Acme"
    assert done[-1].document["visitor_folder"] == "Fans"
    assert done[-1].document["synchronize"] is True

    done.append(here("service", "check", "acme", "--json"))
    assert done[-1].status == 0, done[-1].err
    assert done[-1].document == {
        "state": "ok",
        "handle": "acme",
        "x_user_id": brand.made["user_id"],
        "access_level": "read-write-directmessages",
        "problems": [],
    }

    done.append(here("service", "list", "--json"))
    [listed] = done[-1].document
    assert (listed["service"], listed["state"], listed["followers"]) == ("acme", "ok", 1_234)
    assert (listed["spent_usd"], listed["spend_cap_usd"]) == ("0.01", "12.50")

    brand.become(condition="revoked")
    done.append(here("service", "check", "acme", "--json"))
    assert (done[-1].status, done[-1].document["state"]) == (1, "needs_attention")
    assert "new keys" in done[-1].document["problems"][0]
    assert done[-1].sentence == "acme needs attention."

    done.append(here("service", "remove", "acme", "--yes", "--json"))
    assert done[-1].document["state"] == "removed"
    assert sync("acme").message == "There is no service acme; there are: none yet."
    for each in done:
        assert_no_key_in(each.out + each.err, brand)


def test_keys_are_asked_for_hidden(x: SimulatedX) -> None:
    brand = x.make("acme", 10)

    status, shown = on_a_terminal(["service", "create", "acme"], [brand.keys[name] for name in KEYS])

    assert status == 0, shown
    for name in KEYS:
        assert f"{name.replace('_', ' ').capitalize()}:" in shown
    assert_no_key_in(shown, brand)
    assert sync("acme").of("acme").state is SyncState.FINISHED


def on_a_terminal(arguments: list[str], answers: list[str]) -> tuple[int, str]:
    """Run a command on a pseudo-terminal and answer its questions; everything that it shows is returned."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, deadline, waiting = "", time.monotonic() + 60, list(answers)
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.2)[0]:
                continue
            try:
                part = os.read(ours, 4096).decode(errors="replace")
            except OSError:  # how Linux says that the other side is closed
                break
            if not part:
                break
            shown += part
            if waiting and part.rstrip().endswith(":"):
                time.sleep(0.1)
                os.write(ours, f"{waiting.pop(0)}\n".encode())
        return process.wait(10), shown
    finally:
        process.kill()
        os.close(ours)


UNUSABLE_KEYS: list[tuple[dict[str, str], str]] = [
    ({"consumer_key": " "}, "The consumer key is empty: copy it from the developer console."),
    ({"access_token_secret": "two words"}, "The access token secret contains a space or a line break"),
    (
        {"consumer_key": f"42-{'t' * 40}", "access_token": "k" * 25},
        "The consumer key looks like an access token (digits, a hyphen, letters): the two are swapped.",
    ),
]


def test_keys_that_cannot_work_are_refused(x: SimulatedX) -> None:
    brand = x.make("acme", 10)

    for changes, sentence in UNUSABLE_KEYS:
        done = here("service", "create", "acme", **in_environment(brand.keys | changes))
        assert (done.status, done.out) == (2, "")
        assert done.sentence.startswith(sentence)
        assert_no_key_in(done.err, brand)
    assert x.calls() == []


def test_a_sync_prints_one_document_and_says_what_failed(x: SimulatedX, connect: Connect) -> None:
    missing, nothing = here("sync", "acme", "--json"), here("sync")
    assert (missing.status, missing.out) == (2, "")
    assert missing.sentence == "There is no service acme; there are: none yet."
    assert nothing.sentence.startswith("There is no service yet; create one with `campaign service create")
    brand, poor = connect("acme", 2_345), connect("poor", 500, spend_cap=0.1)

    done = here("sync", "--json")

    assert done.status == 1
    lines = {line["service"]: line for line in done.document}
    fixed = {"state": "finished", "followers": 2_345, "new": 2_345, "changed": 0, "ended": 0, "pages": 3}
    assert (fixed | {"cost_usd": "2.345"}).items() <= lines["acme"].items()
    assert (lines["poor"]["state"], lines["poor"]["cost_usd"]) == ("refused", "0.00")
    assert done.err.strip().startswith("poor: Reading 500 followers costs about $0.50")
    assert len(done.err.strip().splitlines()) == 1
    assert brand.table() == brand.truth()
    assert poor.pages_asked() == []
    x.limit(900, followers=0)
    waiting = here("sync", "acme", "--no-wait", "--mode", "incremental", "--json")
    assert (waiting.status, waiting.document[0]["state"]) == (0, "waiting")
    assert waiting.document[0]["goes_on_at"] is not None


LISTINGS = [
    "",
    "--json",
    "--service ACME --json",
    "--ended --json",
    "--limit 2 --json",
    "--new-since 2100-01-01 --json",
    "--new-since 2020-01-01 --service acme_two --json",
    "--service acme --csv",
]


def test_visitors_are_listed_by_what_was_asked_for(connect: Connect) -> None:
    one, two = connect("acme", 120), connect("acme_two", 30)
    sync()
    gone = one.lose(count=7)
    one.gain(users=[{"username": "formula", "name": '=1+1, "quoted"\n@you'}, {"username": "sun", "name": "🌻 ليلى"}])
    sync("acme")

    listed = {words: here("visitors", *words.split()) for words in LISTINGS}
    assert {words: done.status for words, done in listed.items()} == dict.fromkeys(LISTINGS, 0)

    def people(words: str) -> list[dict[str, Any]]:
        return list(listed[words].document)

    everybody = people("--json")
    assert len(everybody) == 115 + 30
    assert set(everybody[0]) == {
        *("service", "origin", "external_id", "username", "full_name", "followers_count", "verified", "folder"),
        *("began_at", "ended_at"),
    }
    profile = ("username", "full_name", "followers_count", "verified")
    of_one = {row["external_id"]: tuple(row[name] for name in profile) for row in people("--service ACME --json")}
    assert of_one == one.truth()
    assert {row["external_id"] for row in people("--ended --json")} == set(gone)
    assert {row["username"] for row in people("--limit 2 --json")} == {"sun", "formula"}
    assert people("--new-since 2100-01-01 --json") == []
    assert len(people("--new-since 2020-01-01 --service acme_two --json")) == 30
    rows = list(csv.DictReader(io.StringIO(listed["--service acme --csv"].out, newline="")))
    assert len(rows) == 115
    assert list(rows[0]) == [
        *("Service", "Origin", "External ID", "Username", "Full name", "Number of friends", "Checked", "Folder"),
        *("Follows since", "No longer since"),
    ]
    assert {row["Full name"] for row in rows} >= {"🌻 ليلى", """'=1+1, "quoted"\n'@you"""}
    assert two.table() == two.truth()
    assert "Number of friends" in listed[""].out
    assert listed[""].sentence == "145 visitors, the first 50 shown."


def test_the_balance_of_each_app_is_shown_or_why_not(connect: Connect) -> None:
    acme, _ = connect("acme", 1), connect("beta", 1)
    acme.x.command("PUT", "accounts/acme/credits", free=0.5, prepaid=12.25)
    shown = here("balance", "acme", "--json").document
    amounts = {"free_usd": "0.5", "prepaid_usd": "12.25", "total_usd": "12.75"}
    assert shown == [{"service": "acme", **amounts, "reason": None}]
    assert "$12.75" in here("balance").out
    acme.x.command("PUT", "prices", serves_credits=False)
    [first, second] = here("balance", "--json").document
    assert (first["total_usd"], second["total_usd"]) == (None, None)
    assert first["reason"].startswith("X does not show the balance to this app")


def test_a_balance_is_refused_in_one_sentence(connect: Connect) -> None:
    nothing = here("balance", "--json")
    assert (nothing.status, nothing.document) == (0, [])
    assert nothing.sentence == "There is no service yet; create one: campaign service create HANDLE"
    connect("acme", 1)
    assert here("balance", "@acme").sentence == "Write the handle without the @: acme."
    assert (here("balance", "other").status, here("balance", "other").out) == (2, "")


def test_the_prices_are_compared_with_the_list_of_x(connect: Connect) -> None:
    x = connect("acme", 1).x
    same = here("prices", "--json")
    assert (same.status, same.err) == (0, "")
    assert not any(row["differs"] for row in same.document)
    x.command("PUT", "prices", requestTypePricing={"ContentCreate": 0.02})
    changed = here("prices", "--json")
    assert changed.status == 1
    assert "Post: Create costs $0.02 instead of $0.015" in changed.sentence
    assert [row["live_usd"] for row in changed.document if row["differs"]] == ["0.02"]


def test_amounts_for_scripts_are_exact() -> None:
    shown = ServiceRow(factories.service(), Decimal("0.0015")).describe()
    assert (shown["spent_usd"], shown["spend_cap_usd"]) == ("0.0015", "50.00")

"""Fields, remarks, invisible characters and disclosures, from the draft to what X shows."""

from typing import Any

from tests.command import here
from tests.simulated_x import Brand, Connect, SimulatedX
from tests.steps.running import both_databases, sync

FAST = {"CAMPAIGN_SETTLE_SECONDS": "1", "CAMPAIGN_INBOX_SECONDS": "1"}


def document(*words: str) -> Any:
    done = here("delivery", *words, "--json", **FAST)
    assert done.status == 0, done.err
    return done.document


def with_people(connect: Connect, **changes: dict[str, Any]) -> Brand:
    """An account whose followers have these handles."""
    acme = connect("acme", len(changes))
    for user, (handle, change) in zip(acme.users(), changes.items(), strict=True):
        acme.x.command("PATCH", f"users/{user['id']}", username=handle, **change)
    assert sync("acme").is_completed
    return acme


def send(brand: Brand, text: str) -> dict[str, str]:
    """Sends a broadcast; returns the texts by the handle of the recipient."""
    name = document("create", "--kind", "dm", "--service", brand.name, "--text", text)["name"]
    document("analyse", name)
    document("confirm", name, "--accept-unconsented")
    document("send", name)
    handles = {user["id"]: user["username"] for user in brand.users()}
    sent = brand.x.command("GET", f"accounts/{brand.name}/messages")["messages"]
    return {handles[one["recipient"]]: one["text"].split("\n")[0] for one in sent}


@both_databases
def test_each_person_gets_the_text_of_their_numbers_and_flags(connect: Connect) -> None:
    acme = with_people(
        connect,
        small={"followers_count": 5, "verified": False},
        large={"followers_count": 101, "verified": True},
    )
    text = (
        "{# internal #}{% if visitor.followers_count > '100' %}big{% else %}small{% endif %}"
        " {% if visitor.verified == true %}checked{% else %}unchecked{% endif %}"
    )
    assert send(acme, text) == {"small": "small unchecked", "large": "big checked"}


@both_databases
def test_a_name_that_shows_nothing_gives_way_to_the_default(connect: Connect) -> None:
    acme = with_people(connect, filler={"name": "\u3164"}, joiner={"name": "\u200b\u2060"}, ada={"name": "Ada"})
    sent = send(acme, "Hello {{ visitor.full_name | default('there') }},")
    assert sent == {"filler": "Hello there,", "joiner": "Hello there,", "ada": "Hello Ada,"}


@both_databases
def test_people_with_a_blank_name_are_left_out_of_a_text_that_needs_it(connect: Connect) -> None:
    acme = with_people(connect, filler={"name": "\u3164"}, tag={"name": "\u200b"}, ada={"name": "Ada"})
    name = document("create", "--kind", "dm", "--service", acme.name, "--text", "Hi {{ visitor.full_name }}")["name"]
    found = document("analyse", name)
    assert (found["messages"], found["excluded"]["field_missing"]) == (1, 2)


def test_a_wrong_comparison_is_an_error_of_the_analysis(connect: Connect) -> None:
    connect("acme", 1)
    text = "{% if visitor.verified == 'true' %}a{% else %}b{% endif %}"
    name = document("create", "--kind", "dm", "--service", "acme", "--text", text)["name"]
    errors = here("delivery", "analyse", name, "--json", **FAST).document["errors"]
    [sentence] = [one["sentence"] for one in errors if one["code"] == "text_broken"]
    assert sentence.startswith("visitor.verified is true or false: write")


def test_a_post_without_a_visible_character_is_an_error(connect: Connect) -> None:
    connect("acme")
    for text in ("\u200b", "\u3164", "\u2800\u2060", "{# only a remark #}"):
        name = document("create", "--kind", "post", "--service", "acme", "--text", text)["name"]
        errors = here("delivery", "analyse", name, "--json", **FAST).document["errors"]
        assert [one["code"] for one in errors] == ["empty_text"]


def test_a_remark_never_goes_out(x: SimulatedX, connect: Connect) -> None:
    connect("acme")
    text = "{# internal: {{ nothing }} #} We open on Friday"
    name = document("create", "--kind", "post", "--service", "acme", "--text", text)["name"]
    document("analyse", name)
    assert [post["text"].strip() for post in document("preview", name)["posts"]] == ["We open on Friday"]
    document("confirm", name)
    document("send", name)
    assert [post["text"] for post in x.command("GET", "accounts/acme/posts")["posts"]] == ["We open on Friday"]


@both_databases
def test_a_post_made_with_ai_is_marked_until_that_is_taken_back(x: SimulatedX, connect: Connect) -> None:
    connect("acme")
    new = ("create", "--kind", "post", "--service", "acme", "--text")
    name = document(*new, "A door", "--made-with-ai")["name"]
    document("analyse", name)
    assert [post["made_with_ai"] for post in document("preview", name)["posts"]] == [True]
    assert "Made with AI" in here("delivery", "preview", name).out
    document("confirm", name)
    # Without the mark it is another post, and not the one that was confirmed.
    document("edit", name, "--no-made-with-ai")
    assert here("delivery", "send", name, "--json", **FAST).status == 1
    document("edit", name, "--made-with-ai")
    document("analyse", name)
    document("confirm", name)
    document("send", name)
    plain = document(*new, "A window")["name"]
    document("analyse", plain)
    document("confirm", plain)
    document("send", plain)
    truth = x.command("GET", "accounts/acme/posts")["posts"]
    assert [(post["text"], post["made_with_ai"]) for post in truth] == [("A door", True), ("A window", False)]


def test_a_post_that_names_other_accounts_is_warned_of(connect: Connect) -> None:
    connect("acme")
    text = "Hello @ana and @Bo of @acme, ann@example.com"
    name = document("create", "--kind", "post", "--service", "acme", "--text", text)["name"]
    [warning] = [one for one in document("analyse", name)["warnings"] if one["code"] == "mentions"]
    assert "names @ana and @Bo:" in warning["sentence"]
    name = document("create", "--kind", "post", "--service", "acme", "--text", "Hello from @acme")["name"]
    assert "mentions" not in [one["code"] for one in document("analyse", name)["warnings"]]

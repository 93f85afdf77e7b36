"""Links from the draft to X, from X to the pages, and from there to the address: each click is counted once."""

import re
from typing import Any

import pytest

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.settings import load_settings
from campaign.statistics import clicks
from campaign.statistics.clicks import Clicks
from campaign.x.text import weigh
from tests.command import here
from tests.short_links import visited
from tests.simulated_x import Brand, Connect
from tests.steps.running import sync

OURS = "https://social.example.com"
SHOP, TERMS = "https://shop.example.com/winter?from=x", "shop.example.com/terms"
SHORT = re.compile(rf"{OURS}/r/([A-Za-z0-9]{{12}})")


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_PUBLIC_URL", OURS)
    monkeypatch.setenv("CAMPAIGN_SETTLE_SECONDS", "1")
    load_settings.cache_clear()


def document(*words: str) -> Any:
    done = here("delivery", *words, "--json")
    assert done.status == 0, done.err
    return done.document


def texts_on(brand: Brand) -> list[str]:
    return [post["text"] for post in brand.x.command("GET", f"accounts/{brand.name}/posts")["posts"]]


def received(brand: Brand) -> list[str]:
    taken = brand.x.command("GET", f"accounts/{brand.name}/messages")["messages"]
    return [one["text"] for one in taken if one["sender"] == brand.made["user_id"]]


def follow(*texts: str) -> set[str]:
    """Click on every short link of some texts, once as a person and once as X's own robot; where they lead."""
    paths = [f"/r/{token}" for text in texts for token in SHORT.findall(text)]
    with visited() as client:
        for path in paths:
            client.get(path, headers={"user-agent": "Twitterbot/1.0"})
        return {client.get(path).headers["location"] for path in paths}


def counted(name: str) -> tuple[Clicks, dict[str, tuple[str, str, int]]]:
    with read_session() as session:
        delivery = deliveries.named(session, name)
        by_link = clicks.by_link(session, delivery.id)
        return clicks.of_delivery(session, delivery.id), {
            one.url: (one.label, one.category, one.clicks) for one in by_link
        }


def test_a_thread_with_short_links_goes_out_though_an_answer_is_lost(
    public: None,  # noqa: ARG001
    connect: Connect,
) -> None:
    acme, beta, secret = connect("acme"), connect("beta"), connect("secret", proof=True)
    named = ("--link", SHOP, "--link-label", "Shop", "--link-category", "sale", "--link-untracked", TERMS)
    written = [f"{{{{ service.label }}}}: {SHOP} and {TERMS}.", f"Again {SHOP}"]
    where = ("--service", "acme", "--service", "beta", "--proof", "secret")
    name = document("create", "--kind", "post", *where, "--text", written[0], "--part", written[1], *named)["name"]
    found = document("analyse", name)
    assert found["errors"] == []
    assert {"not_tracked", "no_public_url"}.isdisjoint(one["code"] for one in found["info"])
    shown = [post["text"] for post in document("preview", name)["posts"]]
    assert shown[:2] == [f"acme: {SHOP} and {TERMS}.", written[1]]

    assert document("proof", name)["state"] == "out"
    document("confirm", name)
    acme.x.fault("/2/tweets", "answer_lost", method="POST", times=1)
    lines = document("send", name)

    assert [line["state"] for line in lines] == ["sent"] * 4
    out = [*texts_on(acme), *texts_on(beta)]
    assert len(out) == 4
    assert all(SHOP not in text for text in [*out, *texts_on(secret)])
    assert out[0].endswith(f" and {TERMS}.")
    assert [weigh(text) for text in texts_on(acme)] == [weigh(text) for text in shown[:2]]
    tokens = [token for text in [*out, *texts_on(secret)] for token in SHORT.findall(text)]
    assert len(tokens) == len(set(tokens)) == 6
    assert follow(*out, *texts_on(secret)) == {SHOP}
    assert counted(name) == (Clicks(people=4, robots=4, messages=4), {SHOP: ("Shop", "sale", 4)})


def test_all_people_gets_a_broadcast_with_a_short_link_of_their_own(
    public: None,  # noqa: ARG001
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CAMPAIGN_INBOX_SECONDS", "0")
    acme = connect("acme", 12, spend_cap=1_000)
    assert sync("acme").is_completed
    acme.x.command("PUT", "limits", window_seconds=60, limits={"messages": 1_000})
    tester = next(user for user in acme.users() if user.get("username"))["username"]
    text = f"Hello {{{{ visitor.full_name | default('there') }}}}: {SHOP}"
    name = document("create", "--kind", "dm", "--service", "acme", "--text", text, "--proof", tester)["name"]
    found = document("analyse", name)
    assert all(SHOP in one["text"] for one in found["samples"])

    assert document("proof", name)["state"] == "out"
    (proof,) = received(acme)
    document("confirm", name, "--accept-unconsented")
    document("send", name)

    everybody = [one for one in received(acme) if one != proof]
    assert len(everybody) == len(acme.truth())
    tokens = [token for one in [proof, *everybody] for token in SHORT.findall(one)]
    assert len(tokens) == len(set(tokens)) == len(everybody) + 1
    assert follow(proof, *everybody[:2]) == {SHOP}
    assert counted(name) == (Clicks(people=2, robots=2, messages=2), {SHOP: ("", "", 2)})

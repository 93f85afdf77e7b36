"""A confirmation is to the message as people read it, the address of its links among them."""

import pytest

from campaign.broadcasts.prepare import render_broadcast
from campaign.db.engine import transaction
from campaign.deliveries import store as deliveries
from models import PLAIN_OPT_OUT_LINE
from tests.command import Done, here
from tests.simulated_x import Brand, Connect
from tests.steps.running import sync

ONE, OTHER = "https://one.example", "https://other.example"
FAST = {"CAMPAIGN_SETTLE_SECONDS": "1", "CAMPAIGN_INBOX_SECONDS": "1"}


def deliver(*words: str, at: str) -> Done:
    return here("delivery", *words, "--json", CAMPAIGN_PUBLIC_URL=at, **FAST)


def confirmed(*, at: str) -> str:
    made = ("create", "--kind", "dm", "--service", "acme", "--text", "Hello {{ visitor.username | default('you') }}")
    name = str(deliver(*made, at=at).document["name"])
    for words in (("analyse", name), ("confirm", name, "--accept-unconsented")):
        assert deliver(*words, at=at).status == 0
    return name


def texts_of(brand: Brand) -> list[str]:
    return [one["text"] for one in brand.x.command("GET", "accounts/acme/messages")["messages"]]


@pytest.fixture
def acme(connect: Connect) -> Brand:
    brand = connect("acme", 2)
    assert sync("acme").is_completed
    return brand


@pytest.mark.parametrize(("before", "after"), [(ONE, OTHER), (ONE, ""), ("", ONE)], ids=["moved", "gone", "new"])
def test_another_address_in_the_opt_out_line_needs_another_confirmation(acme: Brand, before: str, after: str) -> None:
    name = confirmed(at=before)

    refused = deliver("send", name, at=after)

    assert refused.status == 1
    assert f"{name} changed after its confirmation; analyse and confirm it again." in refused.err
    assert texts_of(acme) == []
    for words in (("analyse", name), ("confirm", name, "--accept-unconsented"), ("send", name)):
        assert deliver(*words, at=after).status == 0
    assert len(texts_of(acme)) == len(acme.truth())
    assert all(f"{after}/leave?p=" in text if after else PLAIN_OPT_OUT_LINE in text for text in texts_of(acme))


def test_another_address_changes_nothing_where_the_line_has_no_link(acme: Brand) -> None:
    acme.connect(opt_out_line=PLAIN_OPT_OUT_LINE)
    name = confirmed(at=ONE)
    assert deliver("send", name, at=OTHER).status == 0
    assert len(texts_of(acme)) == len(acme.truth())


def test_a_confirmation_of_before_addresses_counted_is_kept(acme: Brand) -> None:
    name = confirmed(at=ONE)
    with transaction() as session:
        delivery = deliveries.named(session, name)
        delivery.analysed_fingerprint = delivery.confirmed_fingerprint = render_broadcast(name).older_fingerprint
    assert deliver("send", name, at=ONE).status == 0
    assert len(texts_of(acme)) == len(acme.truth())

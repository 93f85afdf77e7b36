"""Short links on both databases: one for each message and link, kept when it is written again, not guessable."""

import re
from collections import Counter
from datetime import timedelta
from string import ascii_letters, digits

import pytest
from sqlmodel import select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import links, log
from campaign.deliveries.draft import NamedLink, RenderedPart
from campaign.deliveries.links import TOKEN_LENGTH, new_token, save_links, shorten_messages, shorten_posts
from campaign.settings import load_settings
from models import Delivery, Link, Message, MessageState, Service, ShortLink
from tests.databases import Database
from tests.factories import NOW
from tests.planned import broadcast, message_to
from tests.readings import saved_service

SHOP, BLOG = "https://shop.example.com/sale?a=1", "blog.example.com"
TEXT = f"See {SHOP} or {BLOG}, and again {SHOP}."
NAMED = {SHOP: NamedLink(url=SHOP, label="Shop", category="sale"), BLOG: NamedLink(url=BLOG)}


@pytest.fixture
def acme(database: Database, monkeypatch: pytest.MonkeyPatch) -> Service:  # noqa: ARG001
    reachable_at("https://s.example.com", monkeypatch)
    return saved_service()


def reachable_at(url: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CAMPAIGN_PUBLIC_URL", url)
    load_settings.cache_clear()


def planned(service: Service, *texts: str, tracking: bool = True) -> Delivery:
    """A post with these parts in its log, their links replaced."""
    delivery = broadcast(service)
    with transaction() as session:
        delivery.tracking = tracking
        parts = [
            RenderedPart(service.id, number, text, links=tuple(one for url, one in NAMED.items() if url in text))
            for number, text in enumerate(texts, start=1)
        ]
        log.plan(session, delivery, parts)
        shorten_posts(session, delivery, parts, NOW)
    return delivery


def tokens_in(text: str) -> list[str]:
    return re.findall(r"https://s\.example\.com/r/([A-Za-z0-9]{12})\b", text)


def texts_of(delivery: Delivery) -> list[str]:
    with read_session() as session:
        return [one.text for one in log.of_delivery(session, delivery)]


def short_links() -> list[ShortLink]:
    with read_session() as session:
        return list(session.scalars(select(ShortLink).order_by("message_id", "link_id")))


def test_a_post_has_one_short_link_for_each_of_its_links(acme: Service) -> None:
    delivery = planned(acme, TEXT, f"More at {BLOG}")
    first, second = texts_of(delivery)
    in_first, in_second = tokens_in(first), tokens_in(second)
    assert [len(in_first), len(set(in_first)), len(in_second)] == [3, 2, 1]
    assert not set(in_first) & set(in_second)
    with read_session() as session:
        assert links.as_written(session, [first, second]) == [TEXT, f"More at {BLOG}"]
        found = [(one.number, one.url, one.label, one.category) for one in session.scalars(select(Link))]
    assert found == [(1, SHOP, "Shop", "sale"), (2, BLOG, "", "")]


def test_a_short_link_leads_to_what_was_written_for_a_year(acme: Service) -> None:
    planned(acme, f"More at {BLOG}")
    (short,) = short_links()
    with read_session() as session:
        target = links.target_of(session, short.token)
        assert links.target_of(session, "abcdefghijkl") is None
    assert target is not None
    assert (target.url, target.message_id) == (BLOG, short.message_id)
    assert target.expires_at == NOW + timedelta(days=365)


def test_what_is_written_again_keeps_its_short_links_and_its_text(acme: Service) -> None:
    delivery = planned(acme, TEXT)
    before, tokens = texts_of(delivery), short_links()
    with transaction() as session:
        part = RenderedPart(acme.id, 1, TEXT, links=tuple(NAMED.values()))
        log.plan(session, delivery, [part])
        shorten_posts(session, delivery, [part], NOW)
    assert texts_of(delivery) == before
    assert short_links() == tokens


def test_a_short_link_of_another_message_is_a_text_like_any_other(acme: Service) -> None:
    planned(acme, f"More at {BLOG}")
    pasted = f"Copied: https://s.example.com/r/{short_links()[0].token}"
    delivery = planned(acme, pasted)
    with read_session() as session:
        (row,) = log.of_delivery(session, delivery)
        assert links.text_of(session, row) == row.text == pasted
        (first,) = log.of_account(session, row.delivery_id - 1, acme.id)
        assert links.text_of(session, first) == f"More at {BLOG}"


def test_what_is_out_keeps_the_text_it_went_out_with(acme: Service) -> None:
    delivery = planned(acme, TEXT)
    with transaction() as session:
        row = session.scalars(select(Message)).one()
        row.state, row.text = MessageState.SENT, TEXT
        shorten_posts(session, delivery, [RenderedPart(acme.id, 1, TEXT, links=tuple(NAMED.values()))], NOW)
    assert texts_of(delivery) == [TEXT]


@pytest.mark.parametrize(("url", "tracking"), [("", True), ("https://s.example.com", False)])
def test_without_tracking_or_an_address_for_the_world_links_stay(
    acme: Service, monkeypatch: pytest.MonkeyPatch, url: str, tracking: bool
) -> None:
    reachable_at(url, monkeypatch)
    assert texts_of(planned(acme, TEXT, tracking=tracking)) == [TEXT]
    assert short_links() == []


def test_a_full_post_keeps_its_links_when_short_ones_are_longer(acme: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    reachable_at("http://127.0.0.1:4280", monkeypatch)
    full = f"{'a' * 256} {SHOP}"
    short, kept = texts_of(planned(acme, f"See {SHOP}", full))
    assert "http://127.0.0.1:4280/r/" in short
    assert kept == full


def test_each_person_has_own_links_kept_only_for_armed_messages(acme: Service) -> None:
    delivery = broadcast(acme)
    ids = [message_to(delivery, acme, person) for person in (1, 2, 3)]
    short = shorten_messages(dict.fromkeys(ids, TEXT), NAMED)
    with transaction() as session:
        save_links(session, delivery, NAMED, short.tokens_of({ids[0], ids[2]}), NOW)
    assert len({tokens_in(text)[0] for text in short.texts.values()}) == 3
    assert Counter(one.message_id for one in short_links()) == {ids[0]: 2, ids[2]: 2}
    assert shorten_messages(short.texts, NAMED).texts == short.texts


def test_a_message_that_would_be_too_long_keeps_its_links(acme: Service) -> None:  # noqa: ARG001
    text = f"{'a' * 9_960} {BLOG}"
    assert shorten_messages({1: text}, NAMED).texts == {1: text}


def test_texts_without_links_are_left_alone() -> None:
    short = shorten_messages({1: "Hello"}, NAMED)
    assert (short.texts, short.tokens) == ({1: "Hello"}, {})


def test_tokens_are_of_the_right_kind_and_never_the_same() -> None:
    tokens = [new_token() for _ in range(20_000)]
    assert len(set(tokens)) == len(tokens)
    assert all(len(token) == TOKEN_LENGTH and token.isascii() and token.isalnum() for token in tokens)


def test_no_letter_is_likelier_than_another_at_any_place_of_a_token() -> None:
    tokens = [new_token() for _ in range(20_000)]
    for place in range(TOKEN_LENGTH):
        counted = Counter(token[place] for token in tokens)
        expected = len(tokens) / 62
        chi_squared = sum((counted[letter] - expected) ** 2 / expected for letter in ascii_letters + digits)
        # 61 degrees of freedom: once in a hundred million times as much by chance.
        assert chi_squared < 140

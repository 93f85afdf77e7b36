"""The names of links on the command line, and which of them are not counted."""

from typing import Any

import pytest

from campaign.cli.delivery_options import revised
from campaign.deliveries.approval import broadcast_fingerprint, fingerprint
from campaign.deliveries.draft import Content, Draft, NamedLink, Part
from campaign.errors import WrongUsage
from tasks.forms import BroadcastForm, PostForm
from tests.unit.tasks.test_broadcast_form import SERVICE

SHOP, BLOG = "https://shop.example.com", "blog.example.com"
KNOWN = [NamedLink(url=SHOP, label="Shop", category="sale"), NamedLink(url=BLOG, tracked=False)]


def links_of(known: list[NamedLink], **given: Any) -> list[NamedLink]:
    draft = Draft(content=Content(parts=[Part(text=f"{SHOP} {BLOG}")], links=known))
    return revised(draft, given).content.links


def test_links_get_their_names_in_order() -> None:
    given = links_of([], link=[SHOP, BLOG], link_label=["Shop", "Blog"], link_category=["sale", ""])
    assert given == [NamedLink(url=SHOP, label="Shop", category="sale"), NamedLink(url=BLOG, label="Blog")]


def test_what_is_not_given_is_kept() -> None:
    assert links_of(KNOWN) == KNOWN
    assert links_of(KNOWN, link_label=["The shop", "The blog"])[0] == KNOWN[0].model_copy(update={"label": "The shop"})
    assert links_of(KNOWN, link=[BLOG], link_label=["B"]) == [NamedLink(url=BLOG, label="B", tracked=False)]


def test_an_empty_address_takes_away() -> None:
    assert links_of(KNOWN, link=[""]) == [KNOWN[1]]
    assert links_of(KNOWN, link_untracked=[""]) == [KNOWN[0]]


def test_links_that_are_not_counted() -> None:
    assert links_of(KNOWN, link_untracked=[SHOP]) == [KNOWN[0].model_copy(update={"tracked": False})]
    assert links_of([], link_untracked=[BLOG]) == [KNOWN[1]]


def test_a_name_too_few_is_no_guess() -> None:
    with pytest.raises(WrongUsage, match="There are 2 links and 1 values; give one --link-label for each --link"):
        links_of([], link=[SHOP, BLOG], link_label=["Shop"])


@pytest.mark.parametrize("form", [PostForm, BroadcastForm])
def test_the_forms_have_names_of_links_and_a_switch(form: type[PostForm | BroadcastForm]) -> None:
    filled_in = {"label": "Sale", "services": [SERVICE], "text": SHOP}
    plain = form.model_validate(filled_in).draft()
    assert (plain.tracking, plain.content.links) == (True, [])
    more = {"tracking": False, "links": [{"url": SHOP, "label": "Shop"}]}
    draft = form.model_validate(filled_in | more).draft()
    assert (draft.tracking, draft.content.links) == (False, [NamedLink(url=SHOP, label="Shop")])


def test_a_confirmation_ends_when_clicks_of_a_link_begin_to_count() -> None:
    drafts = [Draft(content=Content(parts=[Part(text=SHOP)], links=links)) for links in ([], KNOWN[:1], KNOWN[1:])]
    for mark in (lambda draft: fingerprint(draft, []), lambda draft: broadcast_fingerprint(draft, {1: 2}, 0)):
        without, named, untracked = map(mark, drafts)
        assert without == named != untracked

"""Texts of single accounts: described by options, rendered, analysed."""

import pytest

from campaign.cli.delivery_options import revised
from campaign.deliveries.approval import broadcast_fingerprint
from campaign.deliveries.draft import Content, Draft, Part
from campaign.errors import WrongUsage
from models import DeliveryKind
from tests.analysing import analysed, draft, target


def test_an_account_gets_its_own_text() -> None:
    part = Part(text="Hello from {{ service.label }}", own_texts={"beta": "{{ service.label }} says hello"})
    _, parts = analysed(draft(part), target("acme", 1), target("Beta", 2))
    assert [one.text for one in parts] == ["Hello from Acme", "Beta says hello"]


def test_the_length_of_each_text_is_checked() -> None:
    part = Part(text="Short", own_texts={"beta": "x" * 281})
    analysis, _ = analysed(draft(part, services=["acme", "beta"]), target("acme", 1), target("beta", 2))
    (found,) = analysis.errors
    assert (found.code, found.part) == ("too_long", 1)
    assert "on @beta" in found.sentence


def test_a_text_for_another_account_is_warned_of() -> None:
    part = Part(text="Hello", own_texts={"beta": "Good day"})
    analysis, _ = analysed(draft(part, services=["acme"]))
    assert [one.sentence for one in analysis.warnings if one.code == "text_for_other"] == [
        "The post has a text for @beta, where it does not go out: remove the text, or add the account."
    ]


def test_options_set_and_remove_own_texts() -> None:
    made = revised(Draft(), {"text": "One", "part": ["Two"], "text_for": ["Beta=Uno", "2:beta=Due\n="]})
    assert [part.own_texts for part in made.content.parts] == [{"beta": "Uno"}, {"beta": "Due\n="}]
    changed = revised(made, {"text": "First", "text_for": ["2:BETA="]})
    assert [part.own_texts for part in changed.content.parts] == [{"beta": "Uno"}, {}]


@pytest.mark.parametrize("wrong", ["beta", "=text", "3:beta=text", "a_very_long_name_of=x"])
def test_a_wrong_option_is_refused(wrong: str) -> None:
    with pytest.raises(WrongUsage):
        revised(Draft(), {"text": "One", "text_for": [wrong]})


def test_a_broadcast_has_the_fingerprint_that_it_had() -> None:
    described = Draft(kind=DeliveryKind.DM, content=Content(parts=[Part(text="Hello")]))
    other = Draft(kind=DeliveryKind.DM, content=Content(parts=[Part(text="Hello", own_texts={"beta": "x"})]))
    assert broadcast_fingerprint(described, {1: 2}, 0) == broadcast_fingerprint(other, {1: 2}, 0)
    assert broadcast_fingerprint(described, {1: 2}, 0)[:12] == "2f4ebd8f614c"

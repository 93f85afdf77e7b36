"""The texts of direct messages that are refused, and what no name can do to one."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from campaign.deliveries.templating import (
    LONGEST_WITH_FILE,
    VISITOR_FIELDS,
    BrokenTemplate,
    EmptyMessage,
    FieldMissing,
    MessageText,
    MessageTooLong,
)
from campaign.errors import NotPossible
from campaign.x.text import is_blank
from campaign.x.types import LONGEST_MESSAGE

SERVICE = {"label": "Acme", "name": "Acme & Söhne"}


@pytest.mark.parametrize(
    "text",
    [
        "{{ visitor.full_name",
        "{{ 'a' + 1 }}",
        "{{ visitor.followers_count > 'many' }}",
        "{{ visitor.full_name | truncate('x') }}",
        "{{ visitor.full_name | center(1000000000) }}",
        "{{ visitor.full_name * 1000000000 }}",
        "{{ visitor.full_name.__class__ }}",
        "{% for a in visitor.full_name %}x{% endfor %}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ visitor.full_name }}" + "x" * 30_000,
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    ],
)
def test_an_impossible_text_is_reported_in_one_sentence_when_read(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(BrokenTemplate) as told:
        MessageText(text, SERVICE)
    assert str(told.value).endswith(".")
    assert "\n" not in str(told.value)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("text", ["", " \n", "{% if visitor.location %}Hi{% endif %}", "{{ '' }}"])
def test_an_empty_message_is_refused(text: str) -> None:
    with pytest.raises(EmptyMessage, match=r"^The text is empty for this person: .+\.$"):
        MessageText(text, SERVICE).render({})


@pytest.mark.parametrize(("has_file", "longest", "words"), [(False, 10_000, "10,000"), (True, 9_976, "9,976")])
def test_a_message_is_not_longer_than_x_takes(has_file: bool, longest: int, words: str) -> None:
    text = MessageText("{{ visitor.full_name }}" + "x" * (longest - 5), SERVICE, has_file=has_file)
    assert len(text.render({"full_name": "Grace"})) == longest
    with pytest.raises(MessageTooLong, match=rf"^The message has more than {words} characters: shorten the text\.$"):
        text.render({"full_name": "Grace2"})
    with pytest.raises(MessageTooLong):
        MessageText("x" * (longest + 1), SERVICE, has_file=has_file).render({})
    assert (LONGEST_MESSAGE, LONGEST_WITH_FILE) == (10_000, 9_976)


def test_a_name_of_any_length_is_refused_at_once() -> None:
    text = MessageText("{{ " + " ~ ".join(["visitor.full_name"] * 300) + " }}", SERVICE)
    began = time.monotonic()
    with pytest.raises(MessageTooLong):
        text.render({"full_name": "x" * 10_000_000})
    assert time.monotonic() - began < 10


NAMES = st.text() | st.lists(
    st.sampled_from(["{{", "}}", "{%", "%}", " visitor.", "location", "if ", "\0", "__class__", "x"])
).map("".join)
PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        " visitor.",
        "full_name",
        "location",
        "|",
        "upper",
        "default('x')",
        "if ",
        "endif",
        "+",
        "<",
    ]
)


@given(NAMES)
def test_whatever_a_name_holds_is_text_and_nothing_else(name: str) -> None:
    text = MessageText("Hi {{ visitor.full_name }}!{% if visitor.location %} {{ service.label }}{% endif %}", SERVICE)
    try:
        assert text.render({"full_name": name, "location": "Paris"}) == f"Hi {name}! Acme"
    except FieldMissing:
        assert is_blank(name)


@given(NAMES)
def test_no_message_holds_a_field_that_its_text_does_not_name(name: str) -> None:
    assume("5ecret" not in name.lower())
    secrets = dict.fromkeys(VISITOR_FIELDS, "5ecret")
    text = MessageText("Hi {{ visitor.full_name | default('friend') | title | truncate(40) }}", SERVICE)
    assert "5ecret" not in text.render({**secrets, "full_name": name}).lower()


@given(st.lists(PIECES, max_size=15).map("".join) | st.text(max_size=20), NAMES, NAMES | st.none())
def test_whatever_is_written_is_a_message_or_refused_in_one_sentence(text: str, name: str, place: str | None) -> None:
    try:
        filled = MessageText(text, SERVICE).render({"full_name": name, "location": place})
    except NotPossible as refusal:
        assert "\n" not in str(refusal)  # noqa: PT017
        return
    assert filled.strip()
    assert type(filled) is str

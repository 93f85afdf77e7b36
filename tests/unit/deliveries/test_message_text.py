"""The text of a direct message, filled in for one person after the other."""

import pytest

from campaign.deliveries.templating import (
    BroadcastText,
    BrokenTemplate,
    EmptyMessage,
    FieldMissing,
    MessageText,
    UnknownField,
)
from tests.pace import takes_less_than

SERVICE = {"label": "Acme", "internal_name": "acme", "name": "Acme & Söhne", "username": None}
ADA = {"full_name": "Ada", "username": "ada", "external_id": "7", "location": None, "verified": "", "secret": "s3cret"}


def message(text: str, **changes: str | None) -> str:
    return MessageText(text, SERVICE).render({**ADA, **changes})


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("Hello { }\n", "Hello { }\n"),
        ("{# internal #}Hello{# two\nlines #}", "Hello"),
        ("{# {{ visitor.secret }} #}Hello {{ visitor.full_name }}", "Hello Ada"),
        ("{{ '{# kept #}' }}", "{# kept #}"),
        ("{{ 'Hello' }}", "Hello"),
        ("Hi {{ visitor.full_name }}, {{ service.label }} here", "Hi Ada, Acme here"),
        ("Hi {{ visitor['username'] }}", "Hi ada"),
        ("Hi {{ visitor.location | default('friend') }}", "Hi friend"),
        ("Hi {{ visitor.location or visitor.full_name }}", "Hi Ada"),
        ("Hi {{ visitor.location | upper | truncate(3) | default('friend') }}", "Hi friend"),
        ("Hi{{ ' from ' ~ visitor.location if visitor.location }}!", "Hi!"),
        ("{% if visitor.full_name %}Hi{% else %}Ho{% endif %}", "Hi"),
        ("Hi {{ service.username | default('us') }}", "Hi us"),
    ],
)
def test_the_fields_of_service_and_person_are_filled_in(text: str, rendered: str) -> None:
    assert message(text) == rendered


@pytest.mark.parametrize(
    "condition",
    [
        "visitor.location",
        "visitor.verified",
        "visitor.followers_count",
        "visitor.location == 'Paris'",
        "visitor.location != ''",
        "visitor.verified == true",
        "visitor.verified != false",
        "visitor.followers_count > 100",
        "visitor.followers_count <= 100",
        "100 < visitor.followers_count",
        "visitor.location | lower == 'paris'",
        "visitor.location | length > 3",
        "visitor.location < 'z' or visitor.location >= ''",
        "visitor.location > visitor.full_name or visitor.full_name > visitor.location",
        "'P' in visitor.location",
        "visitor.location in 'Paris, Brussels'",
    ],
)
def test_a_condition_on_a_missing_field_is_false(condition: str) -> None:
    assert message("{% if " + condition + " %}yes{% else %}no{% endif %}") == "no"


@pytest.mark.parametrize("value", [None, "", " \n", "\u3164", "\u200b\ufeff", "\u2800 \u00ad", "\U000e0020"])
@pytest.mark.parametrize(
    "text",
    [
        "Hi {{ visitor.location }}",
        "Hi {{ visitor.location | upper }}",
        "{{ 'Hi ' ~ visitor.location }}",
        "{{ 'Hi ' + visitor.location }}",
        "{{ visitor.location + '!' }}",
        "{{ visitor.location and 'Hi' }}",
        "{{ visitor.verified | default(visitor.location) }}",
        "{{ visitor.location | length }}",
    ],
)
def test_a_missing_field_cannot_be_printed(text: str, value: str | None) -> None:
    with pytest.raises(FieldMissing) as told:
        message(text, location=value)
    assert told.value.name == "visitor.location"
    assert str(told.value) == (
        "visitor.location is not known: write {{ visitor.location | default('something else') }}."
    )


@pytest.mark.parametrize("condition", ["visitor.location == ''", "'' == visitor.location", "visitor.location == ' '"])
def test_a_missing_field_equals_a_blank_text(condition: str) -> None:
    assert message("{% if " + condition + " %}yes{% else %}no{% endif %}") == "yes"
    assert message("{% if " + condition + " %}yes{% else %}no{% endif %}", location="Paris") == "no"


def test_what_no_person_gave_is_missing_too() -> None:
    text = MessageText("Hi {{ visitor.full_name }}", SERVICE)
    with pytest.raises(FieldMissing, match=r"visitor\.full_name"):
        text.render({})
    with pytest.raises(FieldMissing, match=r"service\.username"):
        message("{{ service.username }}")


def test_the_fields_of_a_person_that_a_text_uses_are_known() -> None:
    text = (
        "{% if visitor.location %}{{ visitor['username'] | default(visitor.full_name) }}{% endif %}{{ service.name }}"
    )
    assert MessageText(text, SERVICE).visitor_fields == {"location", "username", "full_name"}
    assert MessageText("visitor.location", SERVICE).visitor_fields == frozenset()


def test_a_field_that_there_is_not_is_reported_when_the_text_is_read() -> None:
    with pytest.raises(UnknownField, match=r"service\.label, .*visitor\.full_name, ") as told:
        MessageText("Hi {{ visitor.secret }}", SERVICE)
    assert told.value.name == "visitor.secret"


def test_a_message_takes_microseconds() -> None:
    text = MessageText("Hi {{ visitor.full_name | default('friend') }}, news from {{ service.label }}!", SERVICE)
    # About five each; here so many more that a busy machine is no failure.
    assert takes_less_than(0.5, lambda: [text.render(ADA) for _ in range(1_000)])


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("visitor.followers_count > 100", False),
        ("visitor.followers_count > '100'", False),
        ("'100' < visitor.followers_count", False),
        ("visitor.followers_count < 10", True),
        ("visitor.followers_count == '5'", True),
        ("visitor.followers_count != 5", False),
        ("4 < visitor.followers_count <= '5'", True),
        ("visitor.followers_count + 1 > 5", True),
        ("visitor.followers_count | default(0) >= 5", True),
        ("visitor.followers_count | length == 1", True),
        ("visitor.full_name | length > '2'", True),
        ("visitor.verified == true", True),
        ("true == visitor.verified", True),
        ("visitor.verified == false", False),
        ("visitor.verified != true", False),
        ("visitor.verified == (visitor.full_name == 'Ada')", True),
        ("not visitor.verified", False),
        ("visitor.external_id == '7' and visitor.username in 'ada, bob'", True),
    ],
)
def test_numbers_and_flags_compare_as_such(condition: str, holds: bool) -> None:
    text = "{% if " + condition + " %}yes{% else %}no{% endif %}"
    assert message(text, followers_count="5", verified="yes") == ("yes" if holds else "no")


@pytest.mark.parametrize("condition", ["visitor.verified == false", "visitor.verified != true", "not visitor.verified"])
def test_a_flag_that_is_not_set_equals_false(condition: str) -> None:
    assert message("{% if " + condition + " %}yes{% else %}no{% endif %}", verified=None) == "yes"


NUMBER = "visitor.followers_count is a number: compare it with one, such as visitor.followers_count > 100."
FLAG = "visitor.verified is true or false: write {% if visitor.verified %} or {% if not visitor.verified %}."
TEXT = "visitor.location is text: compare it with text in quotes, such as visitor.location == '100'."


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("visitor.followers_count > 'many'", NUMBER),
        ("visitor.followers_count > '1,000'", NUMBER),
        ("visitor.followers_count == ''", NUMBER),
        ("visitor.followers_count == true", NUMBER),
        ("visitor.followers_count > visitor.location", NUMBER),
        ("'5' in visitor.followers_count", NUMBER),
        ("visitor.followers_count | default('0') > 100", NUMBER),
        ("visitor.verified | default('no') == 'no'", FLAG),
        ("visitor.location | default(visitor.full_name) == visitor.followers_count", NUMBER),
        ("visitor.verified == 'true'", FLAG),
        ("visitor.verified == 1", FLAG),
        ("visitor.verified > false", FLAG),
        ("visitor.location == visitor.verified", FLAG),
        ("visitor.location == 5", TEXT),
        ("5 < visitor.location", TEXT),
        ("visitor.location == true", TEXT),
        ("5 in visitor.location", TEXT),
        (
            "visitor.location == none",
            "A field is never none: to ask whether visitor.location is known, write {% if visitor.location %}.",
        ),
        (
            "'a' == 1",
            "Line 1 of the text compares values of different types: write both as text, or both as numbers.",
        ),
    ],
)
def test_a_wrong_comparison_names_the_field_and_what_to_write(condition: str, sentence: str) -> None:
    for text in ("{% if " + condition + " %}yes{% endif %}", "{{ 'a' if " + condition + " else 'b' }}"):
        with pytest.raises(BrokenTemplate) as refusal:
            MessageText(text, SERVICE)
        assert str(refusal.value) == sentence


def test_a_number_and_a_text_are_joined_and_not_added() -> None:
    assert message("{{ visitor.followers_count ~ ' friends' }}", followers_count="5") == "5 friends"
    with pytest.raises(BrokenTemplate, match=r"adds a number and text: join them with ~\."):
        MessageText("{{ visitor.followers_count + ' friends' }}", SERVICE)


def test_numbers_and_flags_are_printed_as_text() -> None:
    text = "{{ visitor.followers_count }} {{ visitor.followers_count | truncate(5) }} {{ visitor.verified | upper }}"
    assert message(text, followers_count="12", verified="yes") == "12 12 YES"


def test_zero_is_a_number_and_not_missing() -> None:
    text = "{{ visitor.followers_count | default('no') }}{% if visitor.followers_count == 0 %}!{% endif %}"
    assert message(text, followers_count="0") == "0!"
    assert message(text, followers_count=None) == "no"


def test_a_name_without_a_visible_character_gives_way_to_the_default() -> None:
    for name in ("\u3164", "\u200b", "\u200b \u3164", "\u2060", "\ufe0f"):
        assert message("Hello {{ visitor.full_name | default('there') }}", full_name=name) == "Hello there"


def test_a_message_without_a_visible_character_is_empty() -> None:
    for text in ("\u200b", "\u3164\n", "{# remark #}", "{# remark #}\u200b"):
        with pytest.raises(EmptyMessage):
            message(text)


def test_a_remark_that_does_not_end_is_refused() -> None:
    with pytest.raises(BrokenTemplate, match="close it with #}"):
        MessageText("{# internal: We open on Friday", SERVICE)


def test_a_remark_about_opting_out_does_not_replace_the_line() -> None:
    text = BroadcastText("We open. {# Reply STOP #}", SERVICE, "Reply STOP to opt out.", {"stop"})
    assert text.render({}).endswith("\n\nReply STOP to opt out.")
    assert "{#" not in text.render({})

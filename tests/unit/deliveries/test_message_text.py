"""The text of a direct message, filled in for one person after the other."""

import time

import pytest

from campaign.deliveries.templating import FieldMissing, MessageText, UnknownField

SERVICE = {"label": "Acme", "internal_name": "acme", "name": "Acme & Söhne", "username": None}
ADA = {"full_name": "Ada", "username": "ada", "external_id": "7", "location": None, "verified": "", "secret": "s3cret"}


def message(text: str, **changes: str | None) -> str:
    return MessageText(text, SERVICE).render({**ADA, **changes})


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("Hello { } {# a #}\n", "Hello { } {# a #}\n"),
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
        "visitor.location == ''",
        "visitor.location == visitor.verified",
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


@pytest.mark.parametrize("value", [None, "", " \n"])
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


def test_what_nobody_gave_is_missing_too() -> None:
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


def test_a_field_that_there_is_not_is_told_when_the_text_is_read() -> None:
    with pytest.raises(UnknownField, match=r"service\.label, .*visitor\.full_name, ") as told:
        MessageText("Hi {{ visitor.secret }}", SERVICE)
    assert told.value.name == "visitor.secret"


def test_a_message_takes_microseconds() -> None:
    text = MessageText("Hi {{ visitor.full_name | default('friend') }}, news from {{ service.label }}!", SERVICE)
    began = time.process_time()
    for _ in range(1_000):
        text.render(ADA)
    # About five each; here so many more that a busy machine is no failure.
    assert time.process_time() - began < 0.5

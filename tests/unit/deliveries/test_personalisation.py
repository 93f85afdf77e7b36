import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.draft import MediaItem, PollContent
from campaign.deliveries.templating import LONGEST, BrokenTemplate, UnknownField, render
from campaign.errors import NotPossible

FIELDS = {"service": {"label": "Acme & Söhne", "name": "", "items": "three", "blank": "\u3164"}}

INSIDES = ["Traceback", "jinja", "object at", "<class", "dict", "Undefined", "NoneType", "__"]


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("Hello", "Hello"),
        ("", ""),
        ("a { b } <%= d %>\r\n", "a { b } <%= d %>\r\n"),
        ("{# internal #} We open on Friday", " We open on Friday"),
        ("a{# {{ x }} #}b", "ab"),
        ("{{ service.blank|default('us') }}", "us"),
        ("Hi {{ service.label }}!\n", "Hi Acme & Söhne!\n"),
        ("{{ service['label'] }}", "Acme & Söhne"),
        ("{{ service.items }}", "three"),
        ("{{ service.name or 'us' }}", "us"),
        ("{{ service.name|default('us') }}", "us"),
        ("{{ service.label|upper }}", "ACME & SÖHNE"),
        ("{{ service.label|truncate(7) }}", "Acme..."),
        ("{% if service.name %}a{% elif service.label == 'x' %}b{% else %}c{% endif %}", "c"),
        ("{{ 'a' if service.name else 'b' }}", "b"),
        ("{{ service.items ~ '!' + '?' }}", "three!?"),
        ("{% raw %}{{ a }}{% endraw %}", "{{ a }}"),
    ],
)
def test_fields_are_filled_in(text: str, rendered: str) -> None:
    assert render(text, FIELDS) == rendered


def test_the_value_of_a_field_is_never_a_text_with_fields() -> None:
    assert render("{{ service.label }}", {"service": {"label": "{{ service.name }}{% x"}}) == "{{ service.name }}{% x"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{{ service.lable }}", "service.lable"),
        ("{{ service['lable'] }}", "service.lable"),
        ("{{ visitor.name }}", "visitor.name"),
        ("{{ label }}", "label"),
        ("{{ service }}", "service"),
        ("{{ service.nick|default('x') }}", "service.nick"),
        ("{% if service.name %}{{ service.lable }}{% endif %}", "service.lable"),
        ("{{ service.__class__ }}", "service.__class__"),
        ("{{ service.keys }}", "service.keys"),
        ("{{ self }}", "self"),
    ],
)
def test_a_field_that_there_is_not_is_named_with_those_there_are(text: str, name: str) -> None:
    with pytest.raises(UnknownField) as told:
        render(text, FIELDS)
    assert told.value.name == name
    assert told.value.known == ("service.label", "service.name", "service.items", "service.blank")
    assert (
        str(told.value)
        == f"There is no field {name}: write one of service.label, service.name, service.items, service.blank."
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ service.label",
        "{{ service.label }",
        "{% if service.label %}",
        "{{ }}",
        "{{ 1 + }}",
        "{% nonsense %}",
        "{{ service.label|nonsense }}",
        "{{ 'a' + 1 }}",
        "{{ 'a' < 1 }}",
        "{{ service.label|truncate('x') }}",
        "{{ service.label|upper(1, 2, 3) }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "1" * 20_000 + " }}",
        "{{ " + "not " * 5000 + "1 }}",
        "{% if 1 %}" * 500 + "{% endif %}" * 500,
    ],
)
def test_what_cannot_be_read_is_reported_in_one_sentence(text: str) -> None:
    with pytest.raises(BrokenTemplate) as told:
        render(text, FIELDS)
    sentence = str(told.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert not [inside for inside in INSIDES if inside in sentence]


def test_the_line_of_a_mistake_is_reported() -> None:
    with pytest.raises(BrokenTemplate, match=r"^Line 3 of the text is not right: "):
        render("one\ntwo\n{{ service.label }\n", FIELDS)


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% for a in service.label %}x{% endfor %}",
        "{{ range(5) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ 'a'|center(1000000000) }}",
        "{{ service.label.__class__.__mro__ }}",
        "{{ service.label['__class__'] }}",
        "{{ service['__class__'].__mro__ }}",
        "{{ ''.__class__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__ }}",
        "{% set a = 'x' %}",
        "{% macro a() %}{% endmacro %}",
        "{% include 'a' %}",
        "{% extends 'a' %}",
        "{% import 'a' as b %}",
        "{{ [1, 2] }}",
    ],
)
def test_nothing_runs_repeats_or_looks_inside(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(NotPossible):
        render(text, FIELDS)
    assert time.monotonic() - began < 10


def test_a_text_is_never_longer_than_the_longest() -> None:
    with pytest.raises(BrokenTemplate, match="30,000"):
        render("{{ service.label }}" * 2, {"service": {"label": "x" * (LONGEST // 2 + 1)}})
    with pytest.raises(BrokenTemplate, match="30,000"):
        render("{{ 1 }}" + "x" * LONGEST, {})


PIECES = st.sampled_from(
    ["{{", "}}", "{%", "%}", " service", ".", "label", "|", "upper", "if ", "endif", "'", "(", "x"]
)


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=30))
def test_whatever_is_written_is_rendered_or_refused_in_one_sentence(text: str) -> None:
    try:
        assert isinstance(render(text, FIELDS), str)
    except NotPossible as refusal:
        assert "\n" not in str(refusal)  # noqa: PT017


def test_a_remark_in_an_alternative_text_or_a_poll_never_goes_out() -> None:
    assert MediaItem(source="library:a", alt_text="A dog {# ask Ann #}").alt_text == "A dog"
    assert PollContent(options=["Yes {# ours #}", " No"]).options == ["Yes", " No"]

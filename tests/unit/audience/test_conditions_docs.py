"""The page about conditions says what there is, and every example on it is understood."""

import re

import pytest

from campaign.audience.conditions import (
    DEEPEST,
    FIELDS,
    FITTING,
    LONGEST,
    PHRASES,
    UNITS,
    Field,
    Phrase,
    WrongCondition,
    parse,
)
from campaign.settings import ROOT

PAGE = (ROOT / "docs" / "conditions.md").read_text()
COMMANDS = re.findall(r'--where "([^"]+)"', PAGE)
REFUSED = re.findall(r"^\| `(.+)` \| (.* at character .*) \|$", PAGE, re.MULTILINE)
RULES = PAGE.partition("## When it is wrong")[0]
EXAMPLES = [
    one for one in re.findall(r"`([^`\n]+)`", RULES) if re.match(rf"(not )?({'|'.join(f.name for f in FIELDS)})\b", one)
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_is_in_the_table(field: Field) -> None:
    assert f"| `{field.name}` | {field.label} | {field.kind} | {field.meaning} |" in PAGE


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.words)
def test_every_operator_is_in_the_table(phrase: Phrase) -> None:
    rows = [
        line for line in PAGE.splitlines() if re.match(rf"\| .*`{re.escape(phrase.words)}(?: [(…][^`]*)?`.* \| ", line)
    ]
    everywhere = all(phrase.operator in fitting for fitting in FITTING.values())
    assert any(("every field" in row) is everywhere for row in rows)


def test_every_unit_and_limit_is_named() -> None:
    assert [unit for unit in UNITS if unit not in PAGE] == []
    assert f"{LONGEST:,} characters" in PAGE
    assert f"{DEEPEST} brackets" in PAGE


@pytest.mark.parametrize("text", [*COMMANDS, *(text for text in EXAMPLES if " " in text or text == "verified")])
def test_every_example_is_understood(text: str) -> None:
    assert parse(text)


def test_there_are_examples() -> None:
    assert len(COMMANDS) == 4
    assert len(EXAMPLES) > 25
    assert len(REFUSED) == 7


@pytest.mark.parametrize(("text", "sentence"), REFUSED, ids=[text for text, _ in REFUSED])
def test_every_error_on_the_page_is_the_reported_one(text: str, sentence: str) -> None:
    with pytest.raises(WrongCondition, match=f"^{re.escape(sentence)}$"):
        parse(text)

"""Texts that are no condition: one sentence that points at the word, whatever the text."""

import pytest

from campaign.audience.conditions import WrongCondition, parse
from tests.plain_conditions import assert_is_a_sentence

#: What is written, at which character it goes wrong, and what the sentence says.
REFUSED = [
    ("", None, "The condition is empty"),
    (" \n", None, "The condition is empty"),
    ("v" * 2_001, None, "has 2,001 characters; shorten it to 2,000 at most."),
    (
        "not follwers_count > 3",
        5,
        "'follwers_count' (at character 5) is no field; write followers_count, or another of",
    ),
    ("xyz", 1, "'xyz' (at character 1) is no field; write one of external_id, username,"),
    ("verified > 3", 10, "'>' (at character 10) does not fit verified, which is yes or no; write one of =, <>,"),
    (
        "followers_count contains 'x'",
        17,
        "'contains' (at character 17) does not fit followers_count, which is a number",
    ),
    ("username > 5", 10, "'>' (at character 10) does not fit username, which is text"),
    ("username contains 5", 19, "'5' (at character 19) does not fit username, which is text; write a text in quotes."),
    ("followers_count > '5'", 19, "does not fit followers_count, which is a number; write a whole number."),
    ("followers_count > true", 19, "does not fit followers_count"),
    ("verified = 1", 12, "does not fit verified, which is yes or no; write true or false."),
    ("first_known > 'soon'", 15, "does not fit first_known, which is a point in time; write '2026-11-01',"),
    ("first_known > '9999-12-31'", 15, "does not fit first_known"),
    ("first_known > '0001-01-01T00:00:00+14:00'", 15, "does not fit first_known"),
    ("first_known > now - 5000 years", 15, "'now - 5000 years' (at character 15) is too long"),
    ("followers_count > 1.5", 19, "'1.5' (at character 19) is no whole number of at most 18 digits; write one"),
    ("followers_count > 1e999999", 19, "is no whole number of at most 18 digits; write one"),
    ("followers_count > 9223372036854775808", 19, "is no whole number of at most 18 digits"),
    ("location", 1, "'location' (at character 1) is text and says nothing alone; write one of"),
    ("location contains Gent", 19, "'Gent' (at character 19) is no value; write a text in straight quotes"),
    ("location = \u2018Gent\u2019", 12, "write a text in straight quotes"),
    ("username = full_name", 12, "'full_name' (at character 12) is no value"),
    ("followers_count bigger 5", 17, "'bigger' (at character 17) is no operator; after followers_count write one of"),
    ("5 < followers_count", 1, "'5' (at character 1) stands where a field was expected"),
    ("verified and 5", 14, "'5' (at character 14) stands where a field was expected"),
    ("not not verified", 5, "'not' (at character 5) stands where a field was expected"),
    ("followers_count >", 17, "'>' (at character 17) is the last word; write a value after it."),
    ("verified and", 10, "'and' (at character 10) is the last word; write a field after it."),
    ("followers_count between 1", 25, "is the last word; write and, and the second value after it."),
    ("followers_count between 1 or 2", 27, "'or' (at character 27) cannot stand after 1; write and, and the second"),
    ("location in", 10, "is the last word; write the values in brackets after it."),
    ("location in 'nl'", 13, "is no list; after in write the values in brackets, such as ('a', 'b')."),
    ("location in ()", 14, "')' (at character 14) is no value"),
    ("location in ('nl',)", 19, "is no value"),
    (
        "location in ('nl' or 'fr')",
        19,
        "'or' (at character 19) cannot stand after 'nl'; write a comma, or close the bracket.",
    ),
    ("location = 'nl', 'fr'", 16, "',' (at character 16) stands outside a list"),
    ("verified consented", 10, "is no operator; after verified write one of"),
    ("followers_count > 5 consented", 21, "'consented' (at character 21) cannot stand after 5; write and, or,"),
    ("(verified", 1, "'(' (at character 1) is never closed; close the bracket."),
    ("verified)", 9, "')' (at character 9) closes a bracket that was never opened; leave it out."),
    ("(" * 11 + "verified" + ")" * 11, 11, "is too deep; put at most 10 brackets inside each other."),
    ("username = 'x", 12, "The quote ' at character 12 is never closed; close it."),
    ("username = \"x'", 12, 'The quote " at character 12 is never closed; close it.'),
    ("username = 'a\0b'", 14, "'\\x00' (at character 14) is no character of a text."),
    ("username = '\ud800'", 13, "is no character of a text."),
    ("username = 'x' {# y", None, "The condition cannot be taken apart; leave {# and other special signs out."),
    ("username = 'x' {# y #}", 12, "has a remark beside it; leave the remark out."),
]


@pytest.mark.parametrize(("text", "position", "words"), REFUSED, ids=[repr(text[:40]) for text, *_ in REFUSED])
def test_what_is_wrong_is_one_sentence_with_its_place(text: str, position: int | None, words: str) -> None:
    with pytest.raises(WrongCondition) as caught:
        parse(text)
    assert words in str(caught.value)
    assert caught.value.position == position
    assert_is_a_sentence(caught.value)

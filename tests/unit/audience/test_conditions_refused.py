"""Texts that are no condition: one sentence that points at the word, whatever the text."""

import pytest

from campaign.audience.conditions import WrongCondition, parse
from tests.plain_conditions import assert_is_a_sentence

A_VALUE = "a text in straight quotes, a whole number, true, false, or a time such as '2026-11-01' or 30 days ago."
NUMBER = "write at most 18 digits, without point or comma."
MOMENT = "first_known is a point in time, write '2026-11-01', '2026-11-01 07:30', now, today or 30 days ago."
FIELDS = (
    "external_id, username, full_name, followers_count, verified, location, first_known, updated_at, follows_since,"
)
#: What is written, at which character it goes wrong, and what the sentence says.
REFUSED = [
    ("", None, "The condition is empty; write one such as followers_count > 50."),
    (" \n", None, "The condition is empty"),
    ("v" * 2_001, None, "has 2,001 characters; shorten it to 2,000 at most."),
    (
        "not follwers_count > 3",
        5,
        "Invalid field 'follwers_count' at character 5; write followers_count, or another of",
    ),
    ("xyz", 1, f"Invalid field 'xyz' at character 1; write one of {FIELDS}"),
    ("verified > 3", 10, "Invalid operator '>' at character 10; verified is yes or no, write one of =, <>, is empty,"),
    (
        "followers_count contains 'x'",
        17,
        "Invalid operator 'contains' at character 17; followers_count is a number, write",
    ),
    ("username > 5", 10, "Invalid operator '>' at character 10; username is text, write one of =, <>, contains,"),
    ("username contains 5", 19, "Invalid value '5' at character 19; username is text, write a text in quotes."),
    ("followers_count > '5'", 19, "; followers_count is a number, write a whole number."),
    ("followers_count > true", 19, "Invalid value 'true' at character 19; followers_count is a number"),
    ("verified = 1", 12, "Invalid value '1' at character 12; verified is yes or no, write true or false."),
    ("first_known > 'soon'", 15, f"at character 15; {MOMENT}"),
    ("first_known > '9999-12-31'", 15, MOMENT),
    ("first_known > '0001-01-01T00:00:00+14:00'", 15, MOMENT),
    (
        "first_known > now - 5000 years",
        15,
        "Invalid time 'now - 5000 years' at character 15; write one of at most 1,000",
    ),
    ("followers_count > 1.5", 19, f"Invalid number '1.5' at character 19; {NUMBER}"),
    ("followers_count > 1e999999", 19, f"Invalid number '1e999999' at character 19; {NUMBER}"),
    ("followers_count > 9223372036854775808", 19, f"Invalid number '9223372036854775808' at character 19; {NUMBER}"),
    ("location", 1, "Incomplete comparison 'location' at character 1; location is text, write one of =, <>, contains,"),
    ("location contains Gent", 19, f"Invalid value 'Gent' at character 19; write {A_VALUE}"),
    ("location = \u2018Gent\u2019", 12, "write a text in straight quotes"),
    ("username = full_name", 12, "Invalid value 'full_name' at character 12"),
    ("username l\u0131ke 'x'", 10, "Invalid operator 'l\u0131ke' at character 10"),
    ("followers_count bigger 5", 17, "Invalid operator 'bigger' at character 17; after followers_count write one of"),
    ("5 < followers_count", 1, f"Invalid field '5' at character 1; write one of {FIELDS}"),
    ("verified and 5", 14, "Invalid field '5' at character 14; write one of"),
    ("not not verified", 5, "Invalid field 'not' at character 5; write one of"),
    ("followers_count >", 17, f"Incomplete condition after '>' at character 17; write {A_VALUE}"),
    ("verified and", 10, f"Incomplete condition after 'and' at character 10; write one of {FIELDS}"),
    (
        "followers_count between 1",
        25,
        "Incomplete condition after '1' at character 25; write 'and' with the second value.",
    ),
    ("followers_count between 1 or 2", 27, "Unexpected 'or' at character 27; write 'and' with the second value."),
    ("location in", 10, "Incomplete condition after 'in' at character 10; write the values in brackets, such as ("),
    ("location in 'nl'", 13, "at character 13; write the values in brackets, such as ('a', 'b')."),
    ("location in ()", 14, "Invalid value ')' at character 14"),
    ("location in ('nl',)", 19, "Invalid value ')' at character 19"),
    ("location in ('nl' or 'fr')", 19, "Unexpected 'or' at character 19; write a comma, or close the bracket."),
    ("location = 'nl', 'fr'", 16, "Unexpected ',' at character 16; write 'and' or 'or' before it, or leave it out."),
    ("verified consented", 10, "Invalid operator 'consented' at character 10; after verified write one of =, <>,"),
    ("followers_count > 5 consented", 21, "Unexpected 'consented' at character 21; write 'and' or 'or' before it, or"),
    ("(verified", 1, "Unclosed bracket '(' at character 1; close it."),
    ("verified and (location in ('nl'", 27, "Unclosed bracket '(' at character 27; close it."),
    ("verified)", 9, "Unexpected ')' at character 9; no bracket is open, leave it out."),
    ("(" * 11 + "verified" + ")" * 11, 11, "Invalid bracket '(' at character 11; put at most 10 brackets inside each"),
    ("username = 'x", 12, 'Unclosed quote "\'x" at character 12; close it.'),
    ("username = \"x'", 12, "at character 12; close it."),
    ("username = 'a\0b'", 14, "Invalid character '\\x00' at character 14; leave it out."),
    ("username = '\ud800'", 13, "Invalid character '\\ud800' at character 13; leave it out."),
    ("username = 'x' {# y #}", 16, "Unexpected '{' at character 16; write 'and' or 'or' before it, or leave it out."),
    ("foo > 1.5 and bar = 'x", 1, "Invalid field 'foo' at character 1"),
]


@pytest.mark.parametrize(("text", "position", "words"), REFUSED, ids=[repr(text[:40]) for text, *_ in REFUSED])
def test_what_is_wrong_is_one_sentence_with_its_place(text: str, position: int | None, words: str) -> None:
    with pytest.raises(WrongCondition) as caught:
        parse(text)
    assert words in str(caught.value)
    assert caught.value.position == position
    assert_is_a_sentence(caught.value)

"""Texts that are no condition: one sentence that points at the word, whatever the text."""

import sys
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import false
from sqlalchemy.dialects import postgresql

from campaign.domain.condition_fields import FIELDS
from campaign.domain.condition_operators import PHRASES
from campaign.domain.condition_tree import AllOf, AnyOf, Compare, Condition, Empty, Not
from campaign.domain.conditions import LONGEST, WrongCondition, parse
from campaign.errors import WrongUsage
from campaign.store.conditions import where
from tests.factories import NOW

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
    ("language in", 10, "is the last word; write the values in brackets after it."),
    ("language in 'nl'", 13, "is no list; after in write the values in brackets, such as ('a', 'b')."),
    ("language in ()", 14, "')' (at character 14) is no value"),
    ("language in ('nl',)", 19, "is no value"),
    (
        "language in ('nl' or 'fr')",
        19,
        "'or' (at character 19) cannot stand after 'nl'; write a comma, or close the bracket.",
    ),
    ("language = 'nl', 'fr'", 16, "',' (at character 16) stands outside a list"),
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


INJECTED = [
    "verified; drop table visitor",
    "verified -- and no more",
    "verified /* nothing */",
    "verified or 1=1",
    "verified union select * from service",
    "exists (select 1 from service)",
    "followers_count > (select 1)",
    "followers_count > count(*)",
    "username = char(39)",
    "username = 'x' || 'y'",
    "username = N'x'",
    "username = :name",
    "username = ?",
    "username = $1",
    "username = @x",
    "username like 'x' escape 'x'",
    "username collate nocase = 'x'",
    "username::int = 5",
    "visitor.username = 'x'",
    "`username` = 'x'",
    "\"username\" = 'x'",
    "case when verified then true end",
    "cast(username as int) = 5",
    "show tables",
    "{{ username }}",
]


@pytest.mark.parametrize("text", INJECTED)
def test_more_of_sql_is_refused(text: str) -> None:
    with pytest.raises(WrongCondition):
        parse(text)


def test_a_value_is_bound_whatever_it_says() -> None:
    condition = parse("""username = '''; drop table visitor; --' or location like "%s' or 1=1 --" """)
    compiled = where(condition, NOW).compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    assert "drop" not in str(compiled)
    assert "1=1" not in str(compiled)
    assert set(compiled.params.values()) == {"'; drop table visitor; --", "%s' or 1=1 --"}


def test_consented_is_refused_where_nobody_knows() -> None:
    with pytest.raises(
        WrongUsage, match=r"^The condition asks for consented, which is not known here; leave it out\.$"
    ):
        where(parse("verified or not consented"), NOW)


def test_a_stack_that_is_almost_used_up_is_no_traceback() -> None:
    text = "not (" * 10 + "verified" + ")" * 10
    limit, depth = sys.getrecursionlimit(), len(list(iter_frames()))
    sys.setrecursionlimit(depth + 150)
    try:
        with pytest.raises(WrongCondition):
            parse(text)
    finally:
        sys.setrecursionlimit(limit)


def iter_frames() -> list[object]:
    found, frame = [], sys._getframe()
    while frame is not None:
        found.append(frame)
        frame = frame.f_back  # type: ignore[assignment]
    return found


WORDS = st.sampled_from(
    [
        *(field.name for field in FIELDS),
        *(phrase.words for phrase in PHRASES),
        *("and", "or", "not", "(", ")", ",", "'x'", '"y"', "5", "-5", "true", "now", "today", "- 3 days", "3 days ago"),
        *("'2026-11-01'", "is", "does", "select", ";", "--", "/*", "*/", "{#", "#}", "'", ".", "*", "::", "[", "]"),
        *("interval", "case", "end", "any", "escape", "$$", "N'x'", "x'1'", "0x1", "1e5", "@", ":a", "?", "\\", "`"),
    ]
)
SOUP = st.lists(WORDS, max_size=30).map(" ".join) | st.lists(WORDS, max_size=12).map("".join)


@given(st.text() | st.text(alphabet="'\"()-/*{}#=<> nadotrsiv15", max_size=60) | SOUP)
def test_any_text_is_a_condition_or_one_sentence(text: str) -> None:
    try:
        condition = parse(text)
    except WrongCondition as error:
        assert_is_a_sentence(error)
    else:
        assert isinstance(condition, Condition)
        assert_known_throughout(condition)
        str(where(condition, NOW, consented=false()).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


def assert_is_a_sentence(error: WrongCondition) -> None:
    assert str(error).endswith(".")
    assert "\n" not in str(error)
    assert len(str(error)) < 500
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def assert_known_throughout(condition: Condition) -> None:
    match condition:
        case AllOf() | AnyOf():
            assert len(condition.parts) >= 2
            for part in condition.parts:
                assert_known_throughout(part)
        case Not():
            assert_known_throughout(condition.part)
        case Compare() | Empty():
            assert condition.field in {field.name for field in FIELDS}


@pytest.mark.parametrize(
    "piece",
    ["(", ")", "not ", "not(", "verified and ", "'", "''", '"', "-", "a", "1", "1.", "{#", " ", "\n", "é", "=<", "5e"],
)
def test_the_longest_texts_take_no_time(piece: str) -> None:
    began = time.perf_counter()
    for text in (piece * (LONGEST // len(piece)), "username = " + piece * (1_900 // len(piece))):
        with suppress(WrongCondition):
            parse(text)
    assert time.perf_counter() - began < 2

"""Whatever is typed, hostile or random: a condition of known parts or one sentence, and never SQL of somebody else."""

import sys
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import false
from sqlalchemy.dialects import postgresql

from campaign.audience.conditions import (
    FIELDS,
    LONGEST,
    PHRASES,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Empty,
    Not,
    WrongCondition,
    parse,
)
from campaign.audience.visitors import where
from campaign.errors import WrongUsage
from tests.factories import NOW
from tests.pace import takes_less_than
from tests.plain_conditions import assert_is_a_sentence

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


def test_consented_is_refused_where_no_person_knows() -> None:
    with pytest.raises(
        WrongUsage, match=r"^The condition asks for consented, which is not known here; leave it out\.$"
    ):
        where(parse("verified or not consented"), NOW)


def test_the_longest_and_deepest_texts_need_little_stack() -> None:
    parse("verified")  # imports the parser, which needs more
    limit, depth = sys.getrecursionlimit(), len(list(iter_frames()))
    sys.setrecursionlimit(depth + 80)
    try:
        assert parse("not (" * 10 + "verified" + ")" * 10)
        assert parse(" and ".join(["verified"] * 150))
        for text in ("(" * 2_000, "not " * 500, "not (" * 400, "verified and (" * 140, "a" * 2_000):
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
    [
        *(
            "(",
            ")",
            "not ",
            "not(",
            "verified and ",
            "'",
            "''",
            '"',
            "-",
            "a",
            "1",
            "1.",
            "{#",
            " ",
            "\n",
            "é",
            "=<",
            "5e",
        ),
        *("- ", "1 ", "now ", "now - ", "now -1 ", "is not ", "does  not  ", "1 day ", "'x',", "is\n\n\n"),
    ],
)
def test_the_longest_texts_take_no_time(piece: str) -> None:
    parse("verified")
    for begun in ("", "username = ", "followers_count in (", "(verified or "):
        text = begun + piece * ((LONGEST - len(begun)) // len(piece))
        assert takes_less_than(1, partial(_parse_or_refuse, text))


def _parse_or_refuse(text: str) -> None:
    with suppress(WrongCondition):
        parse(text)

"""Conditions read: what is written, what it becomes, and that words bind as in SQL."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.audience.conditions import (
    DEEPEST,
    FIELDS,
    FITTING,
    LONGEST,
    PHRASES,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Empty,
    FieldKind,
    FromNow,
    Not,
    Operator,
    Value,
    parse,
)
from tests.condition_trees import TREES, depth, render


def is_(field: str, value: Value, operator: Operator = Operator.EQUALS) -> Compare:
    return Compare(field, operator, value)


VERIFIED, CONSENTED = is_("verified", True), is_("consented", True)
GENT = is_("location", "Gent", Operator.CONTAINS)
READ: list[tuple[str, Condition]] = [
    ("verified", VERIFIED),
    ("not verified", Not(VERIFIED)),
    ("verified = no", is_("verified", False)),
    ("verified <> TRUE", Not(VERIFIED)),
    ("(((verified)))", VERIFIED),
    ("VERIFIED And Consented", AllOf((VERIFIED, CONSENTED))),
    ("not(verified)and(consented)", AllOf((Not(VERIFIED), CONSENTED))),
    ("location contains 'Gent'", GENT),
    ('location contains "Gent"', GENT),
    ("location does not contain 'Gent'", Not(GENT)),
    ("location\n\tDOES  not\u00a0contain'Gent'", Not(GENT)),
    ("username starts with 'be_'", is_("username", "be_", Operator.STARTS_WITH)),
    ("username does not start with 'be_'", Not(is_("username", "be_", Operator.STARTS_WITH))),
    ("username like 'be%'", is_("username", "be%", Operator.LIKE)),
    ("username not like 'be%'", Not(is_("username", "be%", Operator.LIKE))),
    ("username = 'it''s'", is_("username", "it's")),
    ('username = "say ""it\'s"""', is_("username", 'say "it\'s"')),
    ("username = 'and not (verified)'", is_("username", "and not (verified)")),
    ("username = 'does not contain'", is_("username", "does not contain")),
    ("location is empty", Empty("location")),
    ("location IS NULL", Empty("location")),
    ("location is not empty", Not(Empty("location"))),
    ("location is not null", Not(Empty("location"))),
    ("location in ('nl')", is_("location", "nl")),
    ("location is included in ('nl', 'fr', 'nl')", AnyOf((is_("location", "nl"), is_("location", "fr")))),
    ("location not in ('nl')", Not(is_("location", "nl"))),
    ("location is not included in ('nl')", Not(is_("location", "nl"))),
    ("followers_count>50", is_("followers_count", 50, Operator.MORE)),
    ("followers_count >= -1", is_("followers_count", -1, Operator.AT_LEAST)),
    ("followers_count != 0", Not(is_("followers_count", 0))),
    ("first_known = '2026-11-01'", is_("first_known", date(2026, 11, 1))),
    ("first_known < '2026-11-01 07:30'", is_("first_known", datetime(2026, 11, 1, 7, 30, tzinfo=UTC), Operator.LESS)),
    ("updated_at > now", is_("updated_at", FromNow(), Operator.MORE)),
    ("updated_at <= today", is_("updated_at", FromNow(is_day=True), Operator.AT_MOST)),
    ("follows_since > now - 30 days", is_("follows_since", FromNow(-30, "days"), Operator.MORE)),
    ("follows_since > 1 Month ago", is_("follows_since", FromNow(-1, "months"), Operator.MORE)),
    ("follows_since < today + 2weeks", is_("follows_since", FromNow(2, "weeks", is_day=True), Operator.LESS)),
]


@pytest.mark.parametrize(("text", "condition"), READ, ids=[text for text, _ in READ])
def test_a_text_is_read(text: str, condition: Condition) -> None:
    assert parse(text) == condition


def test_between_takes_its_and_and_leaves_the_next() -> None:
    low, high = is_("followers_count", 1, Operator.AT_LEAST), is_("followers_count", 9, Operator.AT_MOST)
    assert parse("followers_count between 1 and 9 and verified") == AllOf((AllOf((low, high)), VERIFIED))
    assert parse("followers_count not between 1 and 9 or verified") == AnyOf((Not(AllOf((low, high))), VERIFIED))


def test_a_moment_with_an_offset_is_that_moment() -> None:
    read = parse("first_known > '2026-11-01T09:30:00+02:00'")
    assert read == is_("first_known", datetime(2026, 11, 1, 7, 30, tzinfo=UTC), Operator.MORE)


def holds(condition: Condition, truths: dict[str, bool]) -> bool:
    match condition:
        case AllOf():
            return all(holds(part, truths) for part in condition.parts)
        case AnyOf():
            return any(holds(part, truths) for part in condition.parts)
        case Not():
            return not holds(condition.part, truths)
        case Compare():
            return truths[condition.field] is condition.value
    raise AssertionError(condition)


@given(TREES.filter(lambda tree: depth(tree) <= DEEPEST))
def test_any_condition_that_is_written_is_read_as_it_was_meant(condition: Condition) -> None:
    written = render(condition)
    if len(written) <= LONGEST:
        assert parse(written) == condition


LOGIC = st.recursive(
    st.sampled_from(["verified", "consented", "not verified", "not consented"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map("".join),
        inner.map("({})".format),
        inner.map("not ({})".format),
    ),
    max_leaves=8,
).filter(lambda text: text.count("(") <= 10)


@given(LOGIC, st.booleans(), st.booleans())
def test_and_or_not_and_brackets_bind_as_everywhere(text: str, verified: bool, consented: bool) -> None:
    truths = {"verified": verified, "consented": consented}
    assert holds(parse(text), truths) is eval(text, {}, truths)


def test_a_long_chain_and_the_deepest_brackets_are_read() -> None:
    chain = parse(" and ".join(["verified"] * 150))
    assert isinstance(chain, AllOf)
    assert len(chain.parts) == 150
    deepest = parse("not (" * 10 + "verified or username = 'x'" + ")" * 10)
    assert isinstance(deepest, Not)
    many = parse(f"followers_count in ({','.join(map(str, range(480)))})")
    assert isinstance(many, AnyOf)
    assert len(many.parts) == 480


VALUES = {FieldKind.TEXT: "'x'", FieldKind.NUMBER: "7", FieldKind.TRUTH: "true", FieldKind.MOMENT: "now"}
SHAPES = {Operator.EMPTY: "", Operator.INCLUDED: "({0}, {0})", Operator.BETWEEN: "{0} and {0}"}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_takes_the_operators_of_its_kind(field: object) -> None:
    (found,) = [one for one in FIELDS if one is field]
    for phrase in PHRASES:
        if phrase.operator in FITTING[found.kind]:
            shape = SHAPES.get(phrase.operator, "{0}").format(VALUES[found.kind])
            read = parse(f"{found.name} {phrase.words} {shape}".rstrip())
            assert isinstance(read, Not) is phrase.is_negated

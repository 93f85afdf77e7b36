"""Any condition as a tree, and as a person would write it."""

from datetime import date, datetime

from hypothesis import strategies as st

from campaign.audience.conditions import (
    BY_NAME,
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
)
from tests.plain_conditions import ORDER, TEXTS, TIMES

TEXT = st.sampled_from([text for text in TEXTS if text is not None]) | st.text("aAbBeEéÉ_%/\\' ñЖж", max_size=3)
NUMBER = st.sampled_from([0, 49, 50, 51, 2**40, 10**18 - 1, 1 - 10**18]) | st.integers(-100, 100)
MOMENT = st.one_of(
    st.sampled_from([*TIMES, *(moment.date() for moment in TIMES)]),
    st.builds(FromNow, st.integers(-40, 40), st.sampled_from(["hours", "days", "weeks"]), st.just(False)),
    st.builds(FromNow, st.integers(-40, 40), st.sampled_from(["days", "weeks"]), st.just(True)),
)
OPERATORS = {
    FieldKind.TEXT: [Operator.EQUALS, Operator.CONTAINS, Operator.STARTS_WITH, Operator.LIKE],
    FieldKind.NUMBER: list(ORDER),
    FieldKind.TRUTH: [Operator.EQUALS],
    FieldKind.MOMENT: list(ORDER),
}
VALUES: dict[FieldKind, st.SearchStrategy[Value]] = {
    FieldKind.TEXT: TEXT,
    FieldKind.NUMBER: NUMBER,
    FieldKind.TRUTH: st.booleans(),
    FieldKind.MOMENT: MOMENT,
}


@st.composite
def comparisons(draw: st.DrawFn) -> Compare:
    field = draw(st.sampled_from(list(BY_NAME.values())))
    return Compare(field.name, draw(st.sampled_from(OPERATORS[field.kind])), draw(VALUES[field.kind]))


def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(AllOf, several), st.builds(AnyOf, several))


TREES: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(comparisons(), comparisons(), st.sampled_from([*BY_NAME]).map(Empty)), joined, max_leaves=12
)


def depth(condition: Condition) -> int:
    match condition:
        case AllOf() | AnyOf():
            return 1 + max(map(depth, condition.parts))
        case Not():
            return 1 + depth(condition.part)
    return 0


def render(condition: Condition) -> str:
    match condition:
        case AllOf():
            return " and ".join(f"({render(part)})" for part in condition.parts)
        case AnyOf():
            return " or ".join(f"({render(part)})" for part in condition.parts)
        case Not():
            return f"not ({render(condition.part)})"
        case Empty():
            return f"{condition.field} is empty"
        case Compare():
            return f"{condition.field} {condition.operator} {render_value(condition.value)}"


def render_value(value: Value) -> str:
    match value:
        case FromNow():
            sign = "-" if value.amount < 0 else "+"
            return f"{'today' if value.is_day else 'now'} {sign} {abs(value.amount)} {value.unit}"
        case date() | datetime():
            return f"'{value.isoformat()}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)

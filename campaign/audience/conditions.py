"""The language of conditions: which visitors, as a person types it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

import pendulum
from sqlglot import Parser, Token, TokenError, Tokenizer, TokenType, exp

from campaign.errors import WrongUsage


class FieldKind(StrEnum):
    """What a field holds, in the words of an error message."""

    TEXT = "text"
    NUMBER = "a number"
    TRUTH = "yes or no"
    MOMENT = "a point in time"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is known of a visitor, or of their following of one service."""

    name: str
    kind: FieldKind
    label: str
    """What Campaign calls it."""
    meaning: str


FIELDS = (
    Field("external_id", FieldKind.TEXT, "External ID", "X's number of the person, which never changes"),
    Field("username", FieldKind.TEXT, "Username", "the handle on X, without the @"),
    Field("full_name", FieldKind.TEXT, "Full name", "the name shown on X"),
    Field("followers_count", FieldKind.NUMBER, "Number of friends", "how many people follow this person on X"),
    Field("verified", FieldKind.TRUTH, "Checked", "whether X shows a check mark"),
    Field("location", FieldKind.TEXT, "Location", "the place that the person wrote into their profile"),
    Field("first_known", FieldKind.MOMENT, "First known", "when a sync first met the person"),
    Field("updated_at", FieldKind.MOMENT, "Updated", "when a sync last found something changed"),
    Field("follows_since", FieldKind.MOMENT, "Follows since", "when a sync first saw the person follow the service"),
    Field("consented", FieldKind.TRUTH, "Consented", "whether the person's consent for the service runs now"),
)

BY_NAME = {field.name: field for field in FIELDS}


class Operator(StrEnum):
    """What is asked of a field; whatever is asked with a "not" is the exact opposite of one of these."""

    EQUALS = "="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    STARTS_WITH = "starts with"
    LIKE = "like"
    INCLUDED = "in"
    BETWEEN = "between"
    EMPTY = "is empty"


@dataclass(frozen=True, slots=True)
class Phrase:
    """An operator as it is written, in one or several words."""

    words: str
    operator: Operator
    is_negated: bool = False


PHRASES = (
    Phrase("=", Operator.EQUALS),
    Phrase("<>", Operator.EQUALS, is_negated=True),
    Phrase("!=", Operator.EQUALS, is_negated=True),
    Phrase("<", Operator.LESS),
    Phrase("<=", Operator.AT_MOST),
    Phrase(">", Operator.MORE),
    Phrase(">=", Operator.AT_LEAST),
    Phrase("contains", Operator.CONTAINS),
    Phrase("does not contain", Operator.CONTAINS, is_negated=True),
    Phrase("starts with", Operator.STARTS_WITH),
    Phrase("does not start with", Operator.STARTS_WITH, is_negated=True),
    Phrase("like", Operator.LIKE),
    Phrase("not like", Operator.LIKE, is_negated=True),
    Phrase("is included in", Operator.INCLUDED),
    Phrase("is not included in", Operator.INCLUDED, is_negated=True),
    Phrase("in", Operator.INCLUDED),
    Phrase("not in", Operator.INCLUDED, is_negated=True),
    Phrase("between", Operator.BETWEEN),
    Phrase("not between", Operator.BETWEEN, is_negated=True),
    Phrase("is empty", Operator.EMPTY),
    Phrase("is not empty", Operator.EMPTY, is_negated=True),
    Phrase("is null", Operator.EMPTY),
    Phrase("is not null", Operator.EMPTY, is_negated=True),
)

_EVERYWHERE = {Operator.EQUALS, Operator.EMPTY}
_ORDERED = {Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST, Operator.BETWEEN, Operator.INCLUDED}
_WRITTEN = {Operator.CONTAINS, Operator.STARTS_WITH, Operator.LIKE, Operator.INCLUDED}

#: Texts have no order: that of letters differs from database to database.
FITTING = {
    FieldKind.TEXT: _EVERYWHERE | _WRITTEN,
    FieldKind.NUMBER: _EVERYWHERE | _ORDERED,
    FieldKind.TRUTH: _EVERYWHERE,
    FieldKind.MOMENT: _EVERYWHERE | _ORDERED,
}


def phrases_for(field: Field) -> list[str]:
    """The operators that fit a field, each in its first spelling."""
    meanings = {(one.operator, one.is_negated): one.words for one in reversed(PHRASES)}
    return [words for (operator, _), words in reversed(meanings.items()) if operator in FITTING[field.kind]]


class WrongCondition(WrongUsage):
    """The text is no condition; `position` is the character, counted from 1, at which it goes wrong."""

    def __init__(self, sentence: str, position: int | None = None) -> None:
        super().__init__(sentence)
        self.position = position


@dataclass(frozen=True, slots=True)
class FromNow:
    """So long before (less than 0) or after now; or, of whole days, before or after today."""

    amount: int = 0
    unit: str = "days"
    is_day: bool = False


Value = str | int | bool | date | datetime | FromNow
"""A `date` stands for its whole day in UTC, a `datetime` has a time zone."""


@dataclass(frozen=True, slots=True)
class Compare:
    """A field compared with a value of its kind; never with the operators of several values or of none."""

    field: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Empty:
    """A field that is not known, or a text without a character."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these, two at least."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these at least, of two at least."""

    parts: tuple["Condition", ...]


Condition = Compare | Empty | Not | AllOf | AnyOf


class Kind(StrEnum):
    """What a piece is, in the words of an error message."""

    FIELD = "a field"
    COMPARISON = "an operator"
    LIST = "an operator of several values"
    BETWEEN = "between"
    EMPTY = "an operator without a value"
    VALUE = "a value"
    AND = "and"
    OR = "or"
    NOT = "not"
    OPEN = "an opening bracket"
    CLOSE = "a closing bracket"
    COMMA = "a comma"
    UNKNOWN = "nothing known"


@dataclass(frozen=True, slots=True)
class Piece:
    """One field, operator, value, word or bracket, as written from character `start` to before `end`."""

    kind: Kind
    text: str
    start: int
    end: int
    value: Value | None = None
    phrase: Phrase | None = None

    @property
    def place(self) -> str:
        """The piece and where it is, as an error message shows it."""
        shown = self.text if len(self.text) <= 40 else self.text[:39] + "…"  # noqa: PLR2004
        return f"{shown!r} (at character {self.start + 1})"

    def wrong(self, sentence: str) -> WrongCondition:
        """The error about this piece: `sentence` goes on after the piece and its place."""
        return WrongCondition(f"{self.place} {sentence}.", self.start + 1)


DEEPEST = 10
"""Brackets inside each other."""

_BEGINS = {Kind.FIELD, Kind.NOT, Kind.OPEN}
_GOES_ON = {Kind.AND, Kind.OR, Kind.CLOSE}
_IN_LIST = {Kind.COMMA, Kind.CLOSE}
_AFTER = {
    Kind.FIELD: {Kind.COMPARISON, Kind.LIST, Kind.BETWEEN, Kind.EMPTY, *_GOES_ON},
    Kind.COMPARISON: {Kind.VALUE},
    Kind.LIST: {Kind.OPEN},
    Kind.BETWEEN: {Kind.VALUE},
    Kind.EMPTY: _GOES_ON,
    Kind.VALUE: {*_GOES_ON, Kind.COMMA},
    Kind.AND: _BEGINS,
    Kind.OR: _BEGINS,
    Kind.NOT: {Kind.FIELD, Kind.OPEN},
    Kind.OPEN: _BEGINS,
    Kind.CLOSE: _GOES_ON,
    Kind.COMMA: {Kind.VALUE},
}
_A_VALUE = "a text in straight quotes, a whole number, true, false, or a time such as '2026-11-01' or 30 days ago"
_ALL_FIELDS = ", ".join(BY_NAME)


def check_order(pieces: list[Piece]) -> None:
    """Raise WrongCondition for the first piece that cannot stand where it does."""
    brackets = _Brackets()
    for place, piece in enumerate(pieces):
        expected = _expected(pieces[max(place - 3, 0) : place])
        if piece.kind not in expected:
            raise _misplaced(piece, expected, pieces[place - 1])
        brackets.take(piece, pieces[place - 1])
    expected = _expected(pieces[-3:])
    if Kind.CLOSE not in expected:
        raise pieces[-1].wrong(f"is the last word; write {_words_for(expected)} after it")
    brackets.check_closed()


def _expected(before: list[Piece]) -> set[Kind]:
    """What may stand after these three, or fewer at the beginning."""
    match [piece.kind for piece in before]:
        case []:
            return _BEGINS
        case [*_, Kind.LIST, Kind.OPEN] | [*_, Kind.BETWEEN, Kind.VALUE, Kind.AND]:
            return {Kind.VALUE}
        case [*_, Kind.BETWEEN, Kind.VALUE]:
            return {Kind.AND}
        case [*_, Kind.LIST, Kind.OPEN, Kind.VALUE] | [*_, Kind.COMMA, Kind.VALUE]:
            return _IN_LIST
        case [*_, last]:
            return _AFTER[last]
    raise AssertionError  # a list has a last member or none


def _words_for(expected: set[Kind]) -> str:
    if Kind.VALUE in expected:
        return "a value"
    if Kind.AND in expected:
        return "and, and the second value"
    return "a field" if Kind.FIELD in expected else "the values in brackets"


def _misplaced(piece: Piece, expected: set[Kind], before: Piece) -> WrongCondition:
    return not_a_field(piece) if Kind.FIELD in expected else piece.wrong(_advice(expected, before))


def _advice(expected: set[Kind], before: Piece) -> str:
    if Kind.COMPARISON in expected:
        fitting = ", ".join(phrases_for(BY_NAME[before.text.lower()]))
        return f"is no operator; after {before.text} write one of {fitting}"
    if expected == {Kind.VALUE}:
        return f"is no value; write {_A_VALUE}"
    if expected == {Kind.OPEN}:
        return f"is no list; after {before.text} write the values in brackets, such as ('a', 'b')"
    if expected == {Kind.AND}:
        return f"cannot stand after {before.text}; write and, and the second value"
    if expected == _IN_LIST:
        return f"cannot stand after {before.text}; write a comma, or close the bracket"
    return f"cannot stand after {before.text}; write and, or, or leave it out"


def not_a_field(piece: Piece) -> WrongCondition:
    """The error about something else where a field was expected."""
    if piece.kind != Kind.UNKNOWN:
        return piece.wrong(f"stands where a field was expected; write one of {_ALL_FIELDS}")
    near = get_close_matches(piece.text.lower(), BY_NAME, n=1)
    return piece.wrong(f"is no field; write {f'{near[0]}, or another' if near else 'one'} of {_ALL_FIELDS}")


class _Brackets:
    """The brackets that are open, and which of them hold a list."""

    def __init__(self) -> None:
        self._opened: list[tuple[Piece, bool]] = []

    def take(self, piece: Piece, before: Piece) -> None:
        """Go on by one piece; raises WrongCondition when no bracket allows it."""
        match piece.kind:
            case Kind.OPEN:
                self._opened.append((piece, before.kind == Kind.LIST))
            case Kind.CLOSE if not self._opened:
                raise piece.wrong("closes a bracket that was never opened; leave it out")
            case Kind.CLOSE:
                self._opened.pop()
            case Kind.COMMA if not (self._opened and self._opened[-1][1]):
                raise piece.wrong("stands outside a list; write and, or, or leave it out")
        if len(self._opened) > DEEPEST:
            raise piece.wrong(f"is too deep; put at most {DEEPEST} brackets inside each other")

    def check_closed(self) -> None:
        """Raise WrongCondition when one is still open at the end."""
        if self._opened:
            raise self._opened[-1][0].wrong("is never closed; close the bracket")


#: Of each unit, how many days it has at most.
UNITS = {"hours": 1, "days": 1, "weeks": 7, "months": 31, "years": 366}
_LONGEST = 366_000  # days: dates of a thousand years ago and ahead can be stored and compared
_YEARS = range(1900, 3000)
#: The databases know no shorter time.
_MOMENT = timedelta(microseconds=1)


def unit_named(word: str) -> str | None:
    """The unit that a word is, of one or of several; None when it is none."""
    return next((unit for unit in UNITS if word.lower() in {unit, unit[:-1]}), None)


def is_too_long(amount: int, unit: str) -> bool:
    """Whether so long ago is beyond what can be reckoned with."""
    return abs(amount) * UNITS[unit] > _LONGEST


def read_time(text: str) -> date | datetime | None:
    """A day such as 2026-11-01, or a moment such as 2026-11-01 07:30, in UTC unless it says otherwise."""
    try:
        when = _day_or_moment(text)
    except ValueError:
        return None
    return when if when.year in _YEARS else None


def _day_or_moment(text: str) -> date | datetime:
    try:
        return date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def span(value: Value, now: datetime) -> tuple[datetime, datetime]:
    """The first moment of a day or moment, and the first one beyond it."""
    match value:
        case FromNow():
            return _span_from(value, pendulum.instance(now).in_timezone("UTC"))
        case datetime():
            return value, value + _MOMENT
        case date():
            first = datetime(value.year, value.month, value.day, tzinfo=UTC)
            return first, first + timedelta(days=1)
    raise TypeError(value)  # the reader lets no other value through


def _span_from(value: FromNow, now: pendulum.DateTime) -> tuple[datetime, datetime]:
    first = (now.start_of("day") if value.is_day else now).add(**{value.unit: value.amount})
    return first, first + (timedelta(days=1) if value.is_day else _MOMENT)


_WRITE = {
    FieldKind.TEXT: "a text in quotes",
    FieldKind.NUMBER: "a whole number",
    FieldKind.TRUTH: "true or false",
    FieldKind.MOMENT: "'2026-11-01', '2026-11-01 07:30', now, today or 30 days ago",
}


def field_of(piece: Piece) -> Field:
    """The field that a piece names; raises WrongCondition when it is a value."""
    if piece.kind != Kind.FIELD:
        raise not_a_field(piece)
    return BY_NAME[piece.text.lower()]


def truth_of(piece: Piece) -> str:
    """The name of a field that stands alone; raises WrongCondition when it is not one of yes or no."""
    field = field_of(piece)
    if field.kind != FieldKind.TRUTH:
        fitting = ", ".join(phrases_for(field))
        raise piece.wrong(f"is {field.kind} and says nothing alone; write one of {fitting} after it")
    return field.name


def check_operator(piece: Piece, field: Field) -> Phrase:
    """The operator of a piece; raises WrongCondition when it is none for this kind of field."""
    if piece.phrase is None or piece.phrase.operator not in FITTING[field.kind]:
        fitting = ", ".join(phrases_for(field))
        raise piece.wrong(f"does not fit {field.name}, which is {field.kind}; write one of {fitting}")
    return piece.phrase


def value_of(piece: Piece, field: Field) -> Value:
    """The value of a piece for this field; raises WrongCondition when it is one of another kind."""
    value = _converted(piece.value, field.kind) if piece.kind == Kind.VALUE else None
    if value is None:
        raise piece.wrong(f"does not fit {field.name}, which is {field.kind}; write {_WRITE[field.kind]}")
    return value


def _converted(value: Value | None, kind: FieldKind) -> Value | None:
    match kind, value:
        case (FieldKind.TEXT, str()) | (FieldKind.TRUTH, bool()) | (FieldKind.MOMENT, FromNow()):
            return value
        case FieldKind.NUMBER, int() if not isinstance(value, bool):
            return value
        case FieldKind.MOMENT, str():
            return read_time(value)
    return None


_SIGNS = {
    "and": TokenType.AND, "or": TokenType.OR, "not": TokenType.NOT,
    "(": TokenType.L_PAREN, ")": TokenType.R_PAREN, ",": TokenType.COMMA,
}  # fmt: skip
# What sqlglot is shown instead of the words: signs that mean the same in SQL and bind in the same way.
_OPERATORS = {
    Operator.EQUALS: (TokenType.EQ,),
    Operator.LESS: (TokenType.LT,),
    Operator.AT_MOST: (TokenType.LTE,),
    Operator.MORE: (TokenType.GT,),
    Operator.AT_LEAST: (TokenType.GTE,),
    Operator.CONTAINS: (TokenType.AT_GT,),
    Operator.STARTS_WITH: (TokenType.CARET_AT,),
    Operator.LIKE: (TokenType.LIKE,),
    Operator.INCLUDED: (TokenType.IN,),
    Operator.BETWEEN: (TokenType.BETWEEN,),
    Operator.EMPTY: (TokenType.IS, TokenType.NULL),
}
_TWO_SIDES = {"this", "expression"}
# All that a condition may be made of, and the parts that each may have; whatever else sqlglot reads is refused.
_ALLOWED: dict[type[exp.Expr], set[str]] = {
    exp.Paren: {"this"},
    exp.Not: {"this"},
    exp.And: _TWO_SIDES,
    exp.Or: _TWO_SIDES,
    exp.Column: {"this"},
    exp.Between: {"this", "low", "high"},
    exp.In: {"this", "expressions"},
    **dict.fromkeys(
        (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.ArrayContainsAll, exp.StartsWith, exp.Like, exp.Is), _TWO_SIDES
    ),
}
_UNREADABLE = "The condition cannot be read; write comparisons such as followers_count > 50, joined by and, or, not."


def put_together(pieces: list[Piece], text: str) -> Condition:
    """The condition that the pieces are; raises WrongCondition."""
    tokens = [token for number, piece in enumerate(pieces) for token in _tokens(number, piece)]
    return _Builder(pieces).condition(_parsed(tokens, text))


def _tokens(number: int, piece: Piece) -> list[Token]:
    """What sqlglot sees of a piece: never a word somebody wrote, and a field or value as nothing but its number."""
    if piece.phrase:
        return [Token(kind, piece.phrase.operator, start=piece.start) for kind in _OPERATORS[piece.phrase.operator]]
    if piece.kind in {Kind.FIELD, Kind.VALUE}:
        return [Token(TokenType.IDENTIFIER, str(number), start=piece.start)]
    return [Token(_SIGNS[piece.text.lower()], piece.text, start=piece.start)]


def _parsed(tokens: list[Token], text: str) -> Any:
    try:
        (tree,) = Parser().parse_into(exp.Condition, tokens, text)
    except Exception:  # noqa: BLE001  whatever a parser of all SQL fails with, its user wrote no condition
        raise WrongCondition(_UNREADABLE) from None
    return tree


class _Builder:
    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = pieces

    def condition(self, node: Any) -> Condition:
        """The condition that a part of sqlglot's tree stands for."""
        if not {name for name, part in node.args.items() if part} <= _ALLOWED.get(type(node), set()):
            raise WrongCondition(_UNREADABLE)
        match node:
            case exp.Paren():
                return self.condition(node.this)
            case exp.Not():
                return Not(self.condition(node.this))
            case exp.And() | exp.Or():
                return self._joined(node)
            case exp.Column():
                return Compare(truth_of(self._pieces[self._number(node)]), Operator.EQUALS, value=True)
        return self._predicate(node)

    def _joined(self, node: Any) -> Condition:
        parts, kind = [], type(node)
        while type(node) is kind:  # a long chain hangs to the left
            parts.append(self.condition(node.expression))
            node = node.this
        parts.append(self.condition(node))
        return (AllOf if kind is exp.And else AnyOf)(tuple(reversed(parts)))

    def _predicate(self, node: Any) -> Condition:
        number = self._number(node.this)
        field, operator = field_of(self._pieces[number]), self._pieces[number + 1]
        phrase = check_operator(operator, field)
        values = [value_of(self._pieces[self._number(part)], field) for part in _values(node)]
        condition = _comparison(field.name, phrase.operator, values)
        return Not(condition) if phrase.is_negated else condition

    def _number(self, node: Any) -> int:
        """Which piece a field or value is."""
        if not isinstance(node, exp.Column) or not node.name.isdecimal():
            raise WrongCondition(_UNREADABLE)
        return int(node.name)


def _values(node: Any) -> list[Any]:
    match node:
        case exp.Is():
            return []
        case exp.In():
            return list(node.expressions)
        case exp.Between():
            return [node.args["low"], node.args["high"]]
    return [node.expression]


def _comparison(field: str, operator: Operator, values: list[Value]) -> Condition:
    match operator:
        case Operator.EMPTY:
            return Empty(field)
        case Operator.BETWEEN:
            low, high = values
            return AllOf((Compare(field, Operator.AT_LEAST, low), Compare(field, Operator.AT_MOST, high)))
        case Operator.INCLUDED:
            equals = tuple(Compare(field, Operator.EQUALS, value) for value in dict.fromkeys(values))
            return AnyOf(equals) if len(equals) > 1 else equals[0]
    return Compare(field, operator, values[0])


_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
_DIGITS = 18  # what both databases hold


class _Tokenizer(Tokenizer):
    """Texts in either quotes, numbers, words and signs; no SQL word means anything yet, and nothing is a remark."""

    COMMENTS = []  # noqa: RUF012
    COMMANDS = set()  # noqa: RUF012
    KEYWORDS = dict.fromkeys(("<=", ">=", "<>", "!="), TokenType.OPERATOR)


_WORDS = {
    "and": Kind.AND, "or": Kind.OR, "not": Kind.NOT, "(": Kind.OPEN, ")": Kind.CLOSE, ",": Kind.COMMA,
    **dict.fromkeys(BY_NAME, Kind.FIELD),
}  # fmt: skip
_KINDS = {Operator.INCLUDED: Kind.LIST, Operator.BETWEEN: Kind.BETWEEN, Operator.EMPTY: Kind.EMPTY}
_PHRASES = sorted(((phrase.words.split(), phrase) for phrase in PHRASES), key=lambda one: -len(one[0]))


def pieces_of(text: str) -> list[Piece]:
    """Take a text apart; raises WrongCondition for an unclosed quote and for a number that is none."""
    _check_quotes(text)
    return list(_Reader(text).pieces())


def _check_quotes(text: str) -> None:
    opened, quote = 0, ""
    for place, character in enumerate(text):
        if not quote and character in "'\"":
            opened, quote = place, character
        elif character == quote:
            quote = ""
    if quote:
        raise WrongCondition(f"The quote {quote} at character {opened + 1} is never closed; close it.", opened + 1)


def _tokens_condition_words(text: str) -> list[Token]:
    try:
        return _Tokenizer().tokenize(text)
    except TokenError:
        raise WrongCondition("The condition cannot be taken apart; leave {# and other special signs out.") from None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens_condition_words(text)
        for token in self._tokens:
            if token.comments:
                raise self._piece(Kind.UNKNOWN, token, token).wrong("has a remark beside it; leave the remark out")
        # As written: what is in quotes begins with one and is never taken for a word.
        self._words = [text[token.start : token.end + 1].lower() for token in self._tokens]
        self._next = 0

    def pieces(self) -> Iterator[Piece]:
        """All pieces in their order."""
        while self._next < len(self._tokens):
            yield self._operator() or self._time() or self._number() or self._word()

    def _take(self, kind: Kind, count: int) -> Piece:
        first, last = self._tokens[self._next], self._tokens[self._next + count - 1]
        self._next += count
        return self._piece(kind, first, last)

    def _piece(self, kind: Kind, first: Token, last: Token) -> Piece:
        return Piece(kind, self._text[first.start : last.end + 1], first.start, last.end + 1)

    def _peek(self, ahead: int) -> str:
        place = self._next + ahead
        return self._words[place] if place < len(self._words) else ""

    def _operator(self) -> Piece | None:
        for words, phrase in _PHRASES:
            if self._words[self._next : self._next + len(words)] == words:
                kind = _KINDS.get(phrase.operator, Kind.COMPARISON)
                return replace(self._take(kind, len(words)), phrase=phrase)
        return None

    def _time(self) -> Piece | None:
        """`now`, `today - 3 days`, `30 days ago`."""
        if self._peek(0) in {"now", "today"}:
            is_day = self._peek(0) == "today"
            if self._peek(1) not in {"-", "+"} or self._span(2) is None:
                return replace(self._take(Kind.VALUE, 1), value=FromNow(is_day=is_day))
            sign = -1 if self._peek(1) == "-" else 1
            return self._from_now(2, 4, sign, is_day=is_day)
        if self._span(0) is not None and self._peek(2) == "ago":
            return self._from_now(0, 3, -1, is_day=False)
        return None

    def _span(self, ahead: int) -> tuple[int, str] | None:
        number, unit = self._peek(ahead), unit_named(self._peek(ahead + 1))
        is_number = number.isdecimal() and len(number) <= _DIGITS
        return (int(number), unit) if is_number and unit else None

    def _from_now(self, ahead: int, count: int, sign: int, *, is_day: bool) -> Piece:
        amount, unit = self._span(ahead) or (0, "days")
        piece = self._take(Kind.VALUE, count)
        if is_too_long(amount, unit):
            raise piece.wrong("is too long; write a shorter time")
        return replace(piece, value=FromNow(sign * amount, unit, is_day))

    def _number(self) -> Piece | None:
        sign = 1 if self._peek(0) == "-" else 0
        place = self._next + sign
        if place >= len(self._tokens) or self._tokens[place].token_type != TokenType.NUMBER:
            return None
        digits = self._tokens[place].text
        piece = self._take(Kind.VALUE, 1 + sign)
        if not digits.isdecimal() or len(digits) > _DIGITS:
            raise piece.wrong(f"is no whole number of at most {_DIGITS} digits; write one without point or comma")
        return replace(piece, value=-int(digits) if sign else int(digits))

    def _word(self) -> Piece:
        token, word = self._tokens[self._next], self._peek(0)
        if token.token_type in {TokenType.STRING, TokenType.IDENTIFIER}:
            return replace(self._take(Kind.VALUE, 1), value=token.text)
        if word in _TRUTHS:
            return replace(self._take(Kind.VALUE, 1), value=_TRUTHS[word])
        return self._take(_WORDS.get(word, Kind.UNKNOWN), 1)


__all__ = ["LONGEST", "Condition", "WrongCondition", "parse"]

LONGEST = 2_000
"""Characters of a condition."""


def parse(text: str) -> Condition:
    """Read a condition; raises WrongCondition in one sentence, with the place of what is wrong."""
    _check_text(text)
    # Importing sqlglot takes a tenth of a second, which only those pay who write a condition.

    pieces = pieces_of(text)
    check_order(pieces)
    return put_together(pieces, text)


def _check_text(text: str) -> None:
    if not text.strip():
        raise WrongCondition("The condition is empty; write one such as followers_count > 50.")
    if len(text) > LONGEST:
        raise WrongCondition(f"The condition has {len(text):,} characters; shorten it to {LONGEST:,} at most.")
    for place, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise WrongCondition(f"{character!a} (at character {place + 1}) is no character of a text.", place + 1)

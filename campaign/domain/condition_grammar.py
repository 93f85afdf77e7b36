"""The pieces of a condition put together: sqlglot finds out what belongs to what, and only what is known goes on."""

from typing import Any

from sqlglot import Parser, Token, TokenType, exp

from campaign.domain.condition_operators import Operator
from campaign.domain.condition_pieces import Kind, Piece
from campaign.domain.condition_tree import AllOf, AnyOf, Compare, Condition, Empty, Not, Value, WrongCondition
from campaign.domain.condition_typing import check_operator, field_of, truth_of, value_of

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

"""The text of a condition taken apart: fields, operators, values, brackets, each with its place."""

from collections.abc import Iterator
from dataclasses import replace

from sqlglot import Token, TokenError, Tokenizer, TokenType

from campaign.domain.condition_fields import BY_NAME
from campaign.domain.condition_operators import PHRASES, Operator
from campaign.domain.condition_pieces import Kind, Piece
from campaign.domain.condition_times import is_too_long, unit_named
from campaign.domain.condition_tree import FromNow, WrongCondition

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


def _tokens(text: str) -> list[Token]:
    try:
        return _Tokenizer().tokenize(text)
    except TokenError:
        raise WrongCondition("The condition cannot be taken apart; leave {# and other special signs out.") from None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
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

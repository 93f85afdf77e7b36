"""What may stand beside what in a condition, so that the first misplaced word is the one an error names."""

from difflib import get_close_matches

from campaign.domain.condition_fields import BY_NAME
from campaign.domain.condition_operators import phrases_for
from campaign.domain.condition_pieces import Kind, Piece
from campaign.domain.condition_tree import WrongCondition

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

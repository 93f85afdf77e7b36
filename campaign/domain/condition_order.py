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
    for place, piece in enumerate(pieces):
        expected = _expected(pieces[max(place - 3, 0) : place])
        if piece.kind not in expected:
            raise _misplaced(piece, expected, pieces[place - 1])
    _check_brackets(pieces)
    expected = _expected(pieces[-3:])
    if Kind.CLOSE not in expected:
        raise pieces[-1].wrong(f"is the last word; write {_words_for(expected)} after it")


def _expected(before: list[Piece]) -> set[Kind]:
    """What may stand after these three, or fewer at the beginning."""
    match [piece.kind for piece in before]:
        case []:
            return _BEGINS
        case [*_, Kind.LIST, Kind.OPEN] | [*_, Kind.BETWEEN, Kind.VALUE, Kind.AND]:
            return {Kind.VALUE}
        case [*_, Kind.BETWEEN, Kind.VALUE]:
            return {Kind.AND}
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
    if Kind.FIELD in expected:
        return not_a_field(piece)
    if Kind.COMPARISON in expected:
        fitting = ", ".join(phrases_for(BY_NAME[before.text.lower()]))
        return piece.wrong(f"is no operator; after {before.text} write one of {fitting}")
    if expected == {Kind.VALUE}:
        return piece.wrong(f"is no value; write {_A_VALUE}")
    if expected == {Kind.OPEN}:
        return piece.wrong(f"is no list; after {before.text} write the values in brackets, such as ('a', 'b')")
    if expected == {Kind.AND}:
        return piece.wrong(f"cannot stand after {before.text}; write and, and the second value")
    return piece.wrong(f"cannot stand after {before.text}; write and, or, or leave it out")


def not_a_field(piece: Piece) -> WrongCondition:
    """The error about something else where a field was expected."""
    if piece.kind != Kind.UNKNOWN:
        return piece.wrong(f"stands where a field was expected; write one of {_ALL_FIELDS}")
    near = get_close_matches(piece.text.lower(), BY_NAME, n=1)
    return piece.wrong(f"is no field; write {f'{near[0]}, or another' if near else 'one'} of {_ALL_FIELDS}")


def _check_brackets(pieces: list[Piece]) -> None:
    opened: list[Piece] = []
    lists = {pieces[place + 1].start for place, piece in enumerate(pieces[:-1]) if piece.kind == Kind.LIST}
    for piece in pieces:
        is_list = bool(opened) and opened[-1].start in lists
        if piece.kind == Kind.COMMA and not is_list:
            raise piece.wrong("stands outside a list; write and, or, or leave it out")
        if piece.kind in {Kind.AND, Kind.OR} and is_list:
            raise piece.wrong("stands in a list; write commas between its values, and close its bracket")
        _keep_open(opened, piece)
    if opened:
        raise opened[-1].wrong("is never closed; close the bracket")


def _keep_open(opened: list[Piece], piece: Piece) -> None:
    if piece.kind == Kind.CLOSE:
        if not opened:
            raise piece.wrong("closes a bracket that was never opened; leave it out")
        opened.pop()
    if piece.kind == Kind.OPEN:
        opened.append(piece)
        if len(opened) > DEEPEST:
            raise piece.wrong(f"is too deep; put at most {DEEPEST} brackets inside each other")

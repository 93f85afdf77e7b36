"""Whether an operator and its values fit the field."""

from campaign.domain.condition_fields import BY_NAME, Field, FieldKind
from campaign.domain.condition_operators import FITTING, Phrase, phrases_for
from campaign.domain.condition_order import not_a_field
from campaign.domain.condition_pieces import Kind, Piece
from campaign.domain.condition_times import read_time
from campaign.domain.condition_tree import FromNow, Value

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

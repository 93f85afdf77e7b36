"""What a condition may ask about: the one table of fields, which documentation and error messages are made from."""

from dataclasses import dataclass
from enum import StrEnum


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

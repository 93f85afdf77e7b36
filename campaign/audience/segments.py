"""Segments: conditions that are saved under a name, for lists of people and for audiences of broadcasts."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from campaign.audience.conditions import parse
from campaign.errors import NotPossible, WrongUsage
from campaign.formatting import fold
from campaign.users import audit
from models import Segment

LONGEST_NAME = 80


def list_segments(session: Session) -> list[Segment]:
    """Lists the segments by name."""
    return sorted(session.exec(select(Segment)), key=lambda one: fold(one.name))


def find_segment(session: Session, name: str) -> Segment:
    """Finds a segment, whatever the case of its name; raises WrongUsage when there is none."""
    if found := _named(session, name):
        return found
    raise WrongUsage(f"There is no segment {name!r}; `campaign segment list` shows them.")


def save_segment(
    session: Session, name: str, condition: str, actor: str, now: datetime, *, may_replace: bool = True
) -> Segment:
    """Saves a condition under a name, in the place of the segment of that name.

    Raises WrongUsage for an invalid name, WrongCondition for an invalid condition, NotPossible if the name is taken
    and may not be replaced.
    """
    parse(condition)
    segment = _named(session, name)
    if segment and not may_replace:
        raise _taken(segment.name)
    segment = segment or Segment(name=_checked(name), condition="", saved_by="", saved_at=now)
    segment.condition, segment.saved_by, segment.saved_at = condition.strip(), actor, now
    return _written(session, segment, actor, "saved", now)


def rename_segment(session: Session, name: str, new_name: str, actor: str, now: datetime) -> Segment:
    """Gives a segment another name; raises WrongUsage for an invalid one, NotPossible for one that is taken."""
    segment, known = find_segment(session, name), _named(session, new_name)
    if known and known.id != segment.id:
        raise _taken(known.name)
    old, segment.name = segment.name, _checked(new_name)
    return _written(session, segment, actor, "renamed", now, f"It was called {old}.")


def delete_segment(session: Session, name: str, actor: str, now: datetime) -> None:
    """Deletes a segment; broadcasts that were written with it keep its condition. Raises WrongUsage."""
    segment = find_segment(session, name)
    session.delete(segment)
    audit.record(session, actor, f"segment {segment.name}", "deleted", now)


def _named(session: Session, name: str) -> Segment | None:
    wanted = fold(" ".join(name.split()))
    return next(
        (one for one in session.exec(select(Segment).order_by(col(Segment.id))) if fold(one.name) == wanted), None
    )


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or not any(map(str.isalnum, name)):
        raise WrongUsage(f"{name!r} cannot be the name of a segment; write 1 to {LONGEST_NAME} characters.")
    return name


def _taken(name: str) -> NotPossible:
    return NotPossible(f"The segment {name} exists; take another name.")


def _written(session: Session, segment: Segment, actor: str, action: str, now: datetime, detail: str = "") -> Segment:
    session.add(segment)
    try:
        session.flush()
    except IntegrityError:  # another transaction wrote one of this name at the same time
        raise _taken(segment.name) from None
    audit.record(session, actor, f"segment {segment.name}", action, now, detail)
    return segment

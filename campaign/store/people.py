"""People found by what others call them: a handle, or an X user id."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import BigInteger, String, func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from campaign.errors import WrongUsage
from campaign.store.lists import among
from models import ORIGIN, Visitor

_USERNAME = func.lower(col(Visitor.username))


def named(session: Session, text: str) -> Visitor:
    """Find the one visitor whom a person means; raises WrongUsage for nobody, or for several.

    Digits are an X user id before they are a handle; behind an @ they are only a handle.
    """
    handle = text.strip().removeprefix("@").lower()
    found = None if text.strip().startswith("@") else session.scalar(_known().where(col(Visitor.external_id) == handle))
    return found or _only(text, list(session.exec(_known().where(handle == _USERNAME).limit(10))))


def _known() -> SelectOfScalar[Visitor]:
    return select(Visitor).where(col(Visitor.origin) == ORIGIN)


def _only(text: str, found: list[Visitor]) -> Visitor:
    if not found:
        raise WrongUsage(f"There is no visitor {text!r}; `campaign visitors` lists those who are known.")
    if len(found) > 1:
        ids = " and ".join(sorted(visitor.external_id for visitor in found))
        raise WrongUsage(f"The handle {text} is that of several visitors; name one by the X user id: {ids}.")
    return found[0]


def with_ids(session: Session, external_ids: Collection[str]) -> dict[str, int]:
    """The ids of the visitors with these X user ids; who is not known is left out."""
    is_wanted = among(session, col(Visitor.external_id), list(external_ids), String())
    found = select(Visitor.external_id, Visitor.id).where(col(Visitor.origin) == ORIGIN, is_wanted)
    return dict(session.exec(found).all())


def with_usernames(session: Session, usernames: Collection[str]) -> dict[str, list[int]]:
    """The ids of the visitors with these usernames in lower case: several share one that changed hands."""
    found = select(_USERNAME, col(Visitor.id)).where(
        col(Visitor.origin) == ORIGIN, among(session, _USERNAME, list(usernames), String())
    )
    visitors: dict[str, list[int]] = defaultdict(list)
    for username, visitor_id in session.execute(found):
        visitors[username].append(visitor_id)
    return visitors


def count_unknown(session: Session, people: Sequence[str]) -> int:
    """How many of a list are no visitor."""
    ids, handles = ids_and_handles(people)
    known_ids = select(func.count()).where(among(session, col(Visitor.external_id), ids, String()))
    known_handles = select(func.count(_USERNAME.distinct())).where(among(session, _USERNAME, handles, String()))
    return len(ids) + len(handles) - (session.scalar(known_ids) or 0) - (session.scalar(known_handles) or 0)


def ids_and_handles(people: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a list of people: X user ids, and handles in lower case without their @."""
    named = {person.strip() for person in people}
    ids = {person for person in named if person.isdigit()}
    return sorted(ids), sorted({person.removeprefix("@").lower() for person in named - ids} - {""})


def external_ids(session: Session, visitor_ids: Sequence[int]) -> dict[int, str]:
    """The X user ids of visitors, by their own."""
    wanted = among(session, col(Visitor.id), list(visitor_ids), BigInteger())
    return dict(session.exec(select(Visitor.id, Visitor.external_id).where(wanted)).all())

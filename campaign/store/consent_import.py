"""A list of people who agreed, written at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from campaign.domain.consent_rows import ConsentRow
from campaign.store import people
from campaign.store.consents import Agreement, agree_all
from models import EVERY_SERVICE, Suppression


@dataclass
class Imported:
    """What came of a list; people are told as it names them."""

    rows: int
    given: int = 0
    unchanged: int = 0
    """Agreed before, stand in the list twice, or took it back after what the list says."""
    suppressed: list[str] = field(default_factory=list)
    """Never written to, so nothing is kept of them."""
    unknown: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    """Handles of several visitors."""


def import_consents(session: Session, service_id: int, rows: Sequence[ConsentRow]) -> Imported:
    """Begin the consents of everybody in a list who is known and not suppressed."""
    imported = Imported(len(rows))
    agreements = list(_agreements(session, service_id, rows, imported))
    imported.given = agree_all(session, service_id, agreements)
    imported.unchanged = len(agreements) - imported.given
    return imported


def _agreements(
    session: Session, service_id: int, rows: Sequence[ConsentRow], imported: Imported
) -> Iterator[Agreement]:
    ids = people.with_ids(session, {row.external_id for row in rows if row.external_id})
    usernames = people.with_usernames(session, {row.username for row in rows if not row.external_id})
    suppressed = suppressed_by(session, service_id)
    for row in rows:
        found = [ids[row.external_id]] if row.external_id in ids else []
        if not row.external_id:
            found = usernames.get(row.username, [])
        if len(found) != 1:
            (imported.ambiguous if found else imported.unknown).append(row.person)
        elif found[0] in suppressed:
            imported.suppressed.append(row.person)
        else:
            yield Agreement(found[0], row.source, row.proof, row.given_at)


def suppressed_by(session: Session, service_id: int) -> set[int]:
    """The visitors whom this service never writes to."""
    by = col(Suppression.service_id).in_([service_id, EVERY_SERVICE])
    return set(session.exec(select(Suppression.visitor_id).where(by)))

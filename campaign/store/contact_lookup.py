"""The contacts that the rows of a list are about, looked up for all of them at once."""

from collections.abc import Sequence

from sqlalchemy import String, func, or_
from sqlmodel import Session, col, select

from campaign.domain.contact_rows import ContactRow
from campaign.store.lists import among
from models import Contact


class KnownContacts:
    """Contacts by what tells that a row is about one: the X user id, then the address, then the handle."""

    def __init__(self, session: Session, rows: Sequence[ContactRow], external_ids: Sequence[str | None]) -> None:
        """Read those that any of the rows may be about."""
        self._by_id: dict[str, Contact] = {}
        self._by_email: dict[str, Contact] = {}
        self._by_username: dict[str, Contact] = {}
        emails = [row.email for row in rows if row.email]
        usernames = [row.username for row in rows if row.username]
        wanted = or_(
            among(session, col(Contact.external_id), [one for one in external_ids if one], String()),
            among(session, col(Contact.email), emails, String()),
            among(session, func.lower(col(Contact.username)), usernames, String()),
        )
        # The oldest is kept where several have the same.
        for contact in session.exec(select(Contact).where(wanted).order_by(col(Contact.id).desc())):
            self.add(contact)

    def add(self, contact: Contact) -> None:
        """Let later rows find it."""
        if contact.external_id:
            self._by_id[contact.external_id] = contact
        if contact.email:
            self._by_email[contact.email] = contact
        if contact.username:
            self._by_username[contact.username.lower()] = contact

    def of(self, row: ContactRow, external_id: str | None) -> Contact | None:
        """The contact of a row; nobody whose X user id is known to be another one."""
        found = [self._by_id.get(external_id or ""), self._by_email.get(row.email)]
        if not row.email:
            found.append(self._by_username.get(row.username))
        fitting = (one for one in found if one and (not external_id or one.external_id in {None, external_id}))
        return next(fitting, None)

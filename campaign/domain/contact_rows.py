"""What a row of an imported list of contacts says. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from campaign.domain.consent_rows import read_row as read_consent
from campaign.errors import WrongUsage

NAMING = ("external_id", "username", "email")
"""The columns of which each row needs one."""
PROFILE = ("full_name", "description", "location", "website", "language")
COLUMNS = (*NAMING, *PROFILE, "consent_service", "consent_source", "consented_at")
_EMAIL = re.compile(r"[^@\s\x00]+@[^@\s.\x00]+(\.[^@\s.\x00]+)+")
#: As long as the columns are.
_LONGEST = {"email": 320, "language": 16}


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """That the person agreed to be written to by a service, as the list says."""

    service: str
    """Its internal name, in lower case."""
    source: str
    """Where that is written."""
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A person, as a list says; what is empty is not known."""

    external_id: str
    username: str
    """In lower case, without the @."""
    email: str
    """In lower case."""
    profile: Mapping[str, str]
    """What the other columns say, by their names."""
    consent: ConsentGiven | None

    @property
    def person(self) -> str:
        """The person as the list names them."""
        return self.external_id or (f"@{self.username}" if self.username else self.email)


def read_row(cells: Mapping[str, str], now: datetime) -> ContactRow:
    """Read a row; raises WrongUsage saying what is wrong with it."""
    email = cells.get("email", "").lower()
    external_id, username = cells.get("external_id", ""), cells.get("username", "").removeprefix("@").lower()
    if not (external_id or username or email):
        raise WrongUsage("names nobody")
    if email and not _EMAIL.fullmatch(email):
        raise WrongUsage(f"{email!r} is no email address")
    for column, longest in _LONGEST.items():
        if len(cells.get(column, "")) > longest:
            raise WrongUsage(f"{column} is longer than {longest} characters")
    if external_id or username:
        read_consent({"external_id": external_id, "username": username}, "", now)
    profile = {name: cells[name].replace("\x00", "") for name in PROFILE if cells.get(name)}
    return ContactRow(external_id, username, email, profile, _consent(cells, now))


def _consent(cells: Mapping[str, str], now: datetime) -> ConsentGiven | None:
    service, source = cells.get("consent_service", "").removeprefix("@").lower(), cells.get("consent_source", "")
    if not service:
        if source or cells.get("consented_at"):
            raise WrongUsage("says that somebody agreed, and not to which service: write it in consent_service")
        return None
    if not source:
        raise WrongUsage("says nothing in consent_source: write where the consent is kept")
    if not cells.get("consented_at"):
        raise WrongUsage("says nothing in consented_at: write when the person agreed")
    given = read_consent({"username": "somebody", "given_at": cells["consented_at"]}, source, now)
    return ConsentGiven(service, source.replace("\x00", ""), given.given_at)

"""What a row of an imported list of consents says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from campaign.errors import WrongUsage
from models import ConsentSource

COLUMNS = ("external_id", "username", "given_at", "source", "proof")
_SOURCES = (ConsentSource.IMPORT, ConsentSource.OPT_IN_FORM)
_ID, _USERNAME = re.compile(r"[0-9]{1,20}"), re.compile(r"[a-z0-9_]{1,50}")
#: Nobody agreed to anything on X before its first day.
_X_BEGAN = datetime(2006, 3, 21, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """That a person agreed, as a list says: by X user id, or by username where that is empty."""

    external_id: str
    username: str
    """In lower case, without the @."""
    source: ConsentSource
    proof: str
    given_at: datetime

    @property
    def person(self) -> str:
        """The person as the list names them."""
        return self.external_id or f"@{self.username}"


def read_row(cells: Mapping[str, str], note: str, now: datetime) -> ConsentRow:
    """Read a row; raises WrongUsage saying what is wrong with it. What proves it is the note where it has no proof."""
    external_id, username = cells.get("external_id", ""), cells.get("username", "").removeprefix("@").lower()
    if not external_id and not username:
        raise WrongUsage("names nobody")
    if external_id and not _ID.fullmatch(external_id):
        raise WrongUsage(f"{external_id!r} is no X user id")
    if username and not _USERNAME.fullmatch(username):
        raise WrongUsage(f"{username!r} is no handle")
    source, given_at = _source(cells.get("source", "")), _moment(cells.get("given_at", ""), now)
    return ConsentRow(external_id, username, source, cells.get("proof") or note, given_at)


def _source(text: str) -> ConsentSource:
    if text and text not in _SOURCES:
        raise WrongUsage(f"the source {text!r} is neither {' nor '.join(_SOURCES)}")
    return ConsentSource(text or ConsentSource.IMPORT)


def _moment(text: str, now: datetime) -> datetime:
    if not text:
        return now
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"the moment {text!r} is not written as in 2026-11-24 or 2026-11-24T09:00") from None
    moment = said if said.tzinfo else said.replace(tzinfo=UTC)
    if not _X_BEGAN <= moment <= now:
        raise WrongUsage(f"the moment {text!r} is {'in the future' if moment > now else 'before X began'}")
    return moment

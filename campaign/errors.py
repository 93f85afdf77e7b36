"""All errors that this project raises on purpose; each message is one sentence that says what to do.

* CampaignError
  x WrongUsage         the command, form or setting is wrong; nothing was done (exit status 2)
  x NotPossible        the request was valid, and was refused or failed (exit status 1)
    + AlreadyRunning   another run is doing it now
    + NoRoom           a disk is full
    + InvalidTransition
  x XError             X's answer, named by what the caller may do next
    + Unsent           X did nothing; try later, at `retry_at` when X gave a time
    + Refused          X refused this recipient or this content for good
    + Uncertain        the outcome is unknown; look it up on X before trying again
    + ServiceBlocked   this account can do nothing now; tell the operator, continue with the others
"""

from collections.abc import Sequence
from datetime import datetime
from errno import EDQUOT, EFBIG, ENOSPC
from typing import Any


class CampaignError(Exception):
    """Base of all errors raised on purpose; `str()` of one can be shown to a user."""

    @property
    def sentence(self) -> str:
        """Returns the message, with the remedy where there is one."""
        return str(self)


class WrongUsage(CampaignError):
    """The input is wrong: nothing was sent, paid or changed."""


class NotPossible(CampaignError):
    """The input is valid, and the request was refused or failed."""


class AlreadyRunning(NotPossible):
    """Another process is doing this work now."""


class NoRoom(NotPossible):
    """A disk is full: nothing of the last step was saved."""

    def __init__(self, place: object) -> None:
        super().__init__(f"No room is left on the disk of {place}; make room, then run the command again.")


def is_full(error: OSError) -> bool:
    """Returns whether no room is left on a disk, of a user's share of it, or in a file that may not grow."""
    return error.errno in {ENOSPC, EDQUOT, EFBIG}


def unwritable(place: object, error: OSError, variable: str = "CAMPAIGN_HOME") -> CampaignError:
    """Returns the error for a file or folder that cannot be written, and that this variable names."""
    if is_full(error):
        return NoRoom(place)
    return WrongUsage(f"{place} cannot be written ({error.strerror}); set {variable} to a folder that can.")


class DatabaseLost(NotPossible):
    """The database cannot be reached: nothing of the last step was saved."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Lost the database connection ({reason}). Run the command again once it is available.")


class InvalidTransition(NotPossible):
    """The table of states does not allow this transition."""

    def __init__(self, what: str, current: str, wanted: str) -> None:
        current, wanted = (state.replace("_", " ") for state in (current, wanted))
        super().__init__(f"{what} is {current} and cannot become {wanted}.")


class XError(CampaignError):
    """X did not do what was asked.

    `reason` is a stable code (`rate_limited`, `keys_wrong`, ...); `remedy` says who does what, if anything; `receipts`
    are those of the calls that were answered before and including this one, to be written to the ledgers whatever
    happens next.
    """

    def __init__(self, message: str, *, reason: str, remedy: str = "", receipts: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.remedy = remedy
        self.receipts = tuple(receipts)

    @property
    def sentence(self) -> str:
        """Returns the message with its remedy."""
        return f"{self} {self.remedy}".rstrip()


class Unsent(XError):
    """X did nothing, so trying again is safe."""

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        retry_at: datetime | None = None,
        remedy: str = "",
        receipts: Sequence[Any] = (),
    ) -> None:
        super().__init__(message, reason=reason, remedy=remedy, receipts=receipts)
        self.retry_at = retry_at


class Refused(XError):
    """X refused this recipient or this content for good."""


class Uncertain(XError):
    """The request went out and its outcome is unknown; a read may simply be repeated."""


class ServiceBlocked(XError):
    """Nothing works for this account until an operator acts; `remedy` says what to do."""

    def __init__(self, message: str, *, reason: str, remedy: str, receipts: Sequence[Any] = ()) -> None:
        super().__init__(message, reason=reason, remedy=remedy, receipts=receipts)


def is_passing(error: object) -> bool:
    """Returns whether a read may succeed in a moment: X was away or its answer unusable, and it set no time."""
    return isinstance(error, Uncertain) or (isinstance(error, Unsent) and error.retry_at is None)

"""Everything this project raises on purpose; the message is one sentence that says what to do.

* CampaignError
  x WrongUsage         the command, form or setting is wrong; nothing was done (exit status 2)
  x NotPossible        the request is understood and refused or failed (exit status 1)
    + AlreadyRunning   another run is doing it now
    + InvalidTransition
  x XError             X's answer, named by what the caller may do next
    + Unsent           X surely did nothing; try later, at `retry_at` when X told
    + Refused          X said no for good to this recipient or this content
    + Uncertain        nobody can know whether X acted; look before trying again
    + ServiceBlocked   this account can do nothing now; tell the operator, go on with the others
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any


class CampaignError(Exception):
    """Base of all errors raised on purpose; `str()` of it can be shown to a user as it is."""

    @property
    def sentence(self) -> str:
        """Returns the message, with the remedy where there is one."""
        return str(self)


class WrongUsage(CampaignError):
    """The input is wrong: nothing was sent, paid or changed."""


class NotPossible(CampaignError):
    """The input is right and the answer is no, or the work failed."""


class AlreadyRunning(NotPossible):
    """Another process is doing this work now."""


class InvalidTransition(NotPossible):
    """A state was asked to become one that its table of futures does not allow."""

    def __init__(self, what: str, current: str, wanted: str) -> None:
        super().__init__(f"{what} is {current} and cannot become {wanted}.")


class XError(CampaignError):
    """X did not do what was asked.

    `reason` is a stable code (`rate_limited`, `keys_wrong`, ...); `receipts` are those of the calls that
    were answered before and including this one, to be written to the ledgers whatever happens next.
    """

    def __init__(self, message: str, *, reason: str, receipts: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.receipts = tuple(receipts)


class Unsent(XError):
    """X surely did nothing, so trying again is safe."""

    def __init__(
        self, message: str, *, reason: str, retry_at: datetime | None = None, receipts: Sequence[Any] = ()
    ) -> None:
        super().__init__(message, reason=reason, receipts=receipts)
        self.retry_at = retry_at


class Refused(XError):
    """X said no for good: this recipient or this content."""


class Uncertain(XError):
    """The request went out and no answer says whether X acted; a read may simply be repeated."""


class ServiceBlocked(XError):
    """Nothing works for this account until somebody acts; `remedy` says who does what."""

    def __init__(self, message: str, *, reason: str, remedy: str, receipts: Sequence[Any] = ()) -> None:
        super().__init__(message, reason=reason, receipts=receipts)
        self.remedy = remedy

    @property
    def sentence(self) -> str:
        """Returns the message with its remedy."""
        return f"{self} {self.remedy}".rstrip()


def is_passing(error: object) -> bool:
    """Whether a call that only reads may succeed in a moment: X was away or answered nonsense, and set no time."""
    return isinstance(error, Uncertain) or (isinstance(error, Unsent) and error.retry_at is None)

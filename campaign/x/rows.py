"""A row of the error table: what an answer is recognised by, and what it means to the caller."""

from dataclasses import dataclass
from datetime import timedelta

from campaign.errors import Refused, XError
from campaign.x.facts import Facts


@dataclass(frozen=True, slots=True)
class Sign:
    """What to recognise an answer by: all that is given must be there.

    `family` is the first digit of the status, `says` a part of the text, `detail` a whole sentence,
    `is_page` that there is a body without any JSON object.
    """

    status: int | None = None
    family: int | None = None
    kind: str | None = None
    code: int | None = None
    says: str | None = None
    detail: str | None = None
    is_page: bool | None = None

    def fits(self, facts: Facts) -> bool:
        """Whether the answer shows all of it."""
        return (
            self.status in (None, facts.status)
            and self.family in (None, facts.status // 100)
            and (self.kind is None or self.kind in facts.kinds)
            and (self.code is None or self.code in facts.codes)
            and (self.says is None or self.says in facts.text)
            and (self.detail is None or self.detail in facts.details)
            and self.is_page in (None, facts.is_page)
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One meaning and the signs of it, any of which is enough.

    `message` may name `{endpoint}`, `{status}`, `{retry_at}` and `{said}`, X's own short detail after a colon.
    `remedy` belongs to ServiceBlocked; `wait` to Unsent: how long to wait when X told no time.
    """

    error: type[XError]
    reason: str
    message: str
    signs: tuple[Sign, ...]
    remedy: str = ""
    wait: timedelta = timedelta(0)

    def fits(self, facts: Facts) -> bool:
        """Whether any of the signs is there."""
        return any(sign.fits(facts) for sign in self.signs)


def refused(reason: str, message: str, *signs: Sign) -> Row:
    """A row of what X refuses for good."""
    return Row(Refused, reason, message, signs)

"""What is to be published on one account, and what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session

from campaign.db.engine import reading
from campaign.deliveries import log
from campaign.deliveries.draft import RenderedPart
from campaign.deliveries.progress import Clock, End, Progress
from campaign.x.text import has_link
from campaign.x.types import Price
from models import MAIN, Message, MessageState, Service

if TYPE_CHECKING:
    from campaign.x.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Work:
    """What is published where: the parts by their number, and the stamp of the delivery they were rendered from."""

    gateway: "Gateway"
    service: Service
    delivery_id: int
    parts: Mapping[int, RenderedPart]
    stamp: str
    clock: Clock
    settle_after: timedelta
    proof_number: int = MAIN

    def progress(self, end: End, reason: str = "", until: datetime | None = None) -> Progress:
        """Where the account stands."""
        return Progress(self.service.id, end, reason, until)


def log_of(work: Work, session: Session) -> list[Message]:
    """The rows of this account, by part."""
    return log.of_account(session, work.delivery_id, work.service.id, work.proof_number)


def reply_to(work: Work, session: Session, part: int) -> str | None:
    """The X id of the part before."""
    return next((one.x_id for one in log_of(work, session) if one.part == part - 1), None)


def price_of(work: Work, text: str) -> Price:
    """What publishing a text costs; a link makes it 13 times as expensive."""
    return work.gateway.post_price(has_link=has_link(text))


def first_unfinished(work: Work) -> Message | None:
    """The first part that is not out."""
    with reading() as session:
        return next((one for one in log_of(work, session) if one.state is not MessageState.SENT), None)

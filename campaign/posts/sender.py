"""What is to be published on one account, and what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session

from campaign.db.engine import read_session
from campaign.deliveries import log
from campaign.deliveries.draft import RenderedPart
from campaign.deliveries.sender import Sender
from campaign.x.text import has_link
from campaign.x.types import Price
from models import MAIN, Message, MessageState


@dataclass(frozen=True)
class PostSender(Sender):
    """A service that publishes a post: its parts by their number, and the version that they were rendered from."""

    delivery_id: int
    parts: Mapping[int, RenderedPart]
    version: str
    proof_number: int = MAIN


def log_of(sender: PostSender, session: Session) -> list[Message]:
    """Returns the rows of this account, by part."""
    return log.of_account(session, sender.delivery_id, sender.service.id, sender.proof_number)


def reply_to(sender: PostSender, session: Session, part: int) -> str | None:
    """Returns the X id of the part before."""
    return next((one.x_id for one in log_of(sender, session) if one.part == part - 1), None)


def price_of(sender: PostSender, text: str) -> Price:
    """Returns what publishing a text costs; a link makes it 13 times as expensive."""
    return sender.gateway.post_price(has_link=has_link(text))


def first_unfinished(sender: PostSender) -> Message | None:
    """Returns the first part that is not out."""
    with read_session() as session:
        return next((one for one in log_of(sender, session) if one.state is not MessageState.SENT), None)

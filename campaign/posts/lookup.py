"""One account that publishes a post, and looking up on X a part whose outcome is unknown: found, or proved absent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.deliveries.draft import RenderedPart
from campaign.deliveries.kind import End, Progress
from campaign.deliveries.log import purpose_of
from campaign.deliveries.sender import Sender
from campaign.errors import XError
from campaign.limits import rate_limits, spend_cap
from campaign.x.text import has_link, is_same_text
from campaign.x.types import CLOCK_SKEW, OwnPost, Price, Receipt
from models import MAIN, Message, MessageState


@dataclass(frozen=True)
class PostSender(Sender):
    """A service that publishes a post: its parts by their number, and the version that they were rendered from."""

    delivery_id: int
    parts: Mapping[int, RenderedPart]
    version: str
    proof_number: int = MAIN

    def log(self, session: Session) -> list[Message]:
        """Returns the rows of this account, by part."""
        return log.of_account(session, self.delivery_id, self.service.id, self.proof_number)

    def reply_to(self, session: Session, part: int) -> str | None:
        """Returns the X id of the part before."""
        return next((one.x_id for one in self.log(session) if one.part == part - 1), None)

    def price_of(self, text: str) -> Price:
        """Returns what publishing a text costs; a link makes it 13 times as expensive."""
        return self.gateway.post_price(has_link=has_link(text))


@dataclass(frozen=True, slots=True)
class Attempt:
    """The attempts to publish one text: as an answer to which post, and when the first and the last was committed."""

    text: str
    reply_to: str | None
    first_armed_at: datetime
    armed_at: datetime


@dataclass(frozen=True, slots=True)
class Lookup:
    """The account's own posts as X showed them at `at`; `is_complete` says that none since the attempt is left out."""

    posts: Sequence[OwnPost]
    at: datetime
    is_complete: bool


def since_of(attempt: Attempt) -> datetime:
    """Returns from which moment on posts are read: X may show late what an earlier attempt published."""
    return attempt.first_armed_at - CLOCK_SKEW


def found_in(lookup: Lookup, attempt: Attempt, owned: Collection[str]) -> str | None:
    """Returns the X id of what an attempt published: the oldest post that fits and that no other message owns."""
    fitting = [
        post
        for post in lookup.posts
        if post.x_id not in owned
        and post.created_at >= since_of(attempt)
        and post.reply_to == attempt.reply_to
        and is_same_text(attempt.text, post.text)
    ]
    return min(fitting, key=lambda post: post.created_at).x_id if fitting else None


def is_proof_of_absence(lookup: Lookup, attempt: Attempt, settle: timedelta) -> bool:
    """Returns whether a post that the lookup does not show was not published: X may show a post late."""
    return lookup.is_complete and lookup.at >= attempt.armed_at + settle


def look_for(sender: PostSender, message: Message) -> Progress | None:
    """Looks up a part whose outcome is unknown; None when its outcome is recorded now."""
    with read_session() as session:
        reply_to = sender.reply_to(session, message.part)
    armed_at = message.armed_at or sender.clock()
    attempt = Attempt(message.text, reply_to, message.first_armed_at or armed_at, armed_at)
    lookup = _fetch_own_posts(sender, message, attempt)
    if isinstance(lookup, Progress):
        return lookup
    with transaction() as session:
        known = log.get(session, message.id)
        if known.state is MessageState.SENDING:
            log.record_outcome(session, known, MessageState.UNCERTAIN, lookup.at, reason="X's answer was lost.")
            session.flush()
        found = found_in(lookup, attempt, log.owned_ids(session, [post.x_id for post in lookup.posts]))
        if found:
            # What the lost answer would have charged.
            receipt = Receipt(sender.gateway.post_endpoint, sender.price_of(message.text), 1)
            spend_cap.record_cost(session, sender.service.id, purpose_of(known.id), [receipt], sender.clock())
            log.record_outcome(session, known, MessageState.SENT, lookup.at, x_id=found)
            return None
        return _record_absence(sender, session, known, attempt, lookup)


def _fetch_own_posts(sender: PostSender, message: Message, attempt: Attempt) -> Lookup | Progress:
    gateway, purpose, service_id = sender.gateway, f"looking for message {message.id}", sender.service.id
    with transaction() as session:
        now = sender.clock()
        if opens_at := rate_limits.calls_open_at(session, service_id, [gateway.timeline_endpoint], now):
            return sender.progress(End.WAITING, "X allows no more calls for now.", opens_at)
        page_size = gateway.longest_timeline_page
        at_most = spend_cap.reserve(session, service_id, purpose, gateway.own_post_price, page_size, now)
        if at_most < gateway.shortest_timeline_page:
            spend_cap.release(session, service_id, purpose)
            reason = "Whether it is out cannot be looked up: this month's spend cap is reached."
            return sender.progress(End.CAPPED, reason)
    try:
        answer = gateway.own_posts(sender.service.x_user_id or "", since_of(attempt), at_most)
    except XError as error:
        sender.book_failure(purpose, error, now)
        if stop := sender.stop_for(error):
            return stop
        raise
    with transaction() as session:
        spend_cap.record_cost(session, service_id, purpose, answer.receipts, sender.clock())
    read = sum(receipt.resources for receipt in answer.receipts)
    # As old as its question: what X did after that may be missing.
    return Lookup(answer.value, now, is_complete=read <= at_most - gateway.shortest_timeline_page)


def _record_absence(
    sender: PostSender, session: Session, message: Message, attempt: Attempt, lookup: Lookup
) -> Progress | None:
    is_duplicate = message.reason_code == "duplicate"
    is_refused_at_once = is_duplicate and message.attempts == 1
    if not is_refused_at_once and not is_proof_of_absence(lookup, attempt, sender.settle_after):
        shown_by = attempt.armed_at + sender.settle_after
        if lookup.at < shown_by:
            return sender.progress(End.WAITING, "X's answer was lost, and X may show a post late.", shown_by)
        reason = (
            "Its outcome cannot be looked up: the account posted too much since. `campaign delivery settle` decides."
        )
        return sender.progress(End.HALTED, reason)
    spend_cap.release(session, sender.service.id, purpose_of(message.id))
    if is_duplicate:
        state, reason = MessageState.REFUSED, message.reason
        log.record_outcome(session, message, state, lookup.at, reason=reason, reason_code="duplicate")
    else:
        log.record_outcome(session, message, MessageState.PENDING, lookup.at)
    return None

"""Looking for a post on X whose answer was lost: found, or proved absent."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.deliveries.log import purpose_of
from campaign.deliveries.progress import End, Progress
from campaign.errors import XError
from campaign.limits import rate_limits, spend_cap
from campaign.posts.sender import PostSender, price_of, reply_to
from campaign.x.text import is_same_text
from campaign.x.types import CLOCK_SKEW, Answer, OwnPost, Receipt
from models import Message, MessageState


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
    """Returns from which moment on X is looked at: what an earlier attempt published may have been shown late."""
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
    """Returns whether what the look does not show was not published: X may show a post late."""
    return lookup.is_complete and lookup.at >= attempt.armed_at + settle


def look_for(sender: PostSender, message: Message) -> Progress | None:
    """Looks up a part whose outcome is unknown; None when its outcome is recorded now."""
    attempt = _attempt_of(sender, message)
    answer = _ask_x(sender, message, attempt)
    if isinstance(answer, Progress):
        return answer
    return _settle(sender, message, attempt, answer)


def _attempt_of(sender: PostSender, message: Message) -> Attempt:
    with read_session() as session:
        before = reply_to(sender, session, message.part)
    armed_at = message.armed_at or sender.clock()
    return Attempt(message.text, before, message.first_armed_at or armed_at, armed_at)


def _ask_x(sender: PostSender, message: Message, attempt: Attempt) -> Lookup | Progress:
    gateway, purpose, service_id = sender.gateway, f"looking for message {message.id}", sender.service.id
    with transaction() as session:
        now = sender.clock()
        if opens_at := rate_limits.calls_open_at(session, service_id, [gateway.timeline_endpoint], now):
            return sender.progress(End.WAITING, "X allows no more calls for now.", opens_at)
        wanted = gateway.longest_timeline_page
        at_most = spend_cap.reserve(session, service_id, purpose, gateway.own_post_price, wanted, now)
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
    return _paid(sender, purpose, answer, at_most, now)


def _paid(sender: PostSender, purpose: str, answer: Answer[list[OwnPost]], at_most: int, asked_at: datetime) -> Lookup:
    """Books a look-up, which is as old as its question: what X did after that may be missing."""
    with transaction() as session:
        spend_cap.record_cost(session, sender.service.id, purpose, answer.receipts, sender.clock())
    read = sum(receipt.resources for receipt in answer.receipts)
    return Lookup(answer.value, asked_at, is_complete=read <= at_most - sender.gateway.shortest_timeline_page)


def _settle(sender: PostSender, message: Message, attempt: Attempt, lookup: Lookup) -> Progress | None:
    with transaction() as session:
        known = log.get(session, message.id)
        if known.state is MessageState.SENDING:
            log.record_outcome(session, known, MessageState.UNCERTAIN, lookup.at, reason="X's answer was lost.")
            session.flush()
        found = found_in(lookup, attempt, log.owned_ids(session, [post.x_id for post in lookup.posts]))
        if found:
            _book(sender, session, known)
            log.record_outcome(session, known, MessageState.SENT, lookup.at, x_id=found)
            return None
        return _absent(sender, session, known, attempt, lookup)


def _absent(
    sender: PostSender, session: Session, message: Message, attempt: Attempt, lookup: Lookup
) -> Progress | None:
    is_refused_at_once = message.reason_code == "duplicate" and message.attempts == 1
    if not is_refused_at_once and not is_proof_of_absence(lookup, attempt, sender.settle_after):
        return _wait(sender, attempt, lookup)
    spend_cap.release(session, sender.service.id, purpose_of(message.id))
    if message.reason_code == "duplicate":
        log.record_outcome(
            session, message, MessageState.REFUSED, lookup.at, reason=message.reason, reason_code="duplicate"
        )
    else:
        log.record_outcome(session, message, MessageState.PENDING, lookup.at)
    return None


def _wait(sender: PostSender, attempt: Attempt, lookup: Lookup) -> Progress:
    shows_by = attempt.armed_at + sender.settle_after
    if lookup.at < shows_by:
        return sender.progress(End.WAITING, "X's answer was lost, and X may show a post late.", shows_by)
    reason = "Its outcome cannot be looked up: the account posted too much since. `campaign delivery settle` decides."
    return sender.progress(End.HALTED, reason)


def _book(sender: PostSender, session: Session, message: Message) -> None:
    """Charges what a lost answer would have charged."""
    receipt = Receipt(sender.gateway.post_endpoint, price_of(sender, message.text), 1)
    spend_cap.record_cost(session, sender.service.id, purpose_of(message.id), [receipt], sender.clock())

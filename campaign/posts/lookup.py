"""One account that publishes a post, and looking up on X a part whose outcome is unknown: found, or proved absent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.deliveries.draft import RenderedPart
from campaign.deliveries.kind import End, Progress, Sender
from campaign.deliveries.log import purpose_of
from campaign.errors import XError
from campaign.limits import rate_limits, spend_cap
from campaign.x.text import has_link, is_same_text
from campaign.x.types import CLOCK_SKEW, OwnPost, Price, Receipt
from models import MAIN, Message, MessageState

_SHORT_LINK = "https://t.co/"


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
    """The account's own posts as X showed them at `at`; `is_complete`: none since the attempt is missing."""

    posts: Sequence[OwnPost]
    at: datetime
    is_complete: bool
    why_incomplete: str = "the account posted too much since, or X left posts out"


def since_of(attempt: Attempt) -> datetime:
    """Returns from which moment on posts are read: X may show late what an earlier attempt published."""
    return attempt.first_armed_at - CLOCK_SKEW


def find_candidates(lookup: Lookup, attempt: Attempt, owned: Collection[str]) -> list[OwnPost]:
    """Returns the posts with the text of an attempt since it began that no other message owns, the oldest first."""
    same = [
        post
        for post in lookup.posts
        if post.x_id not in owned and post.created_at >= since_of(attempt) and is_same_text(attempt.text, post.text)
    ]
    return sorted(same, key=lambda post: post.created_at)


def is_proof_of_absence(lookup: Lookup, attempt: Attempt, candidates: Sequence[OwnPost], settle: timedelta) -> bool:
    """Returns whether a part that was not found was not published: X may show a post late.

    A post with the text of an answer, but without what it answers, proves nothing: X may have left that out. Nor does
    one whose links are X's short ones: X left out where they lead, and with it perhaps the rest of a long text.
    """
    has_short_links = any(_SHORT_LINK in post.text for post in lookup.posts if post.created_at >= since_of(attempt))
    has_no_parent = bool(attempt.reply_to) and any(post.reply_to is None for post in candidates)
    has_doubtful = has_no_parent or (has_short_links and _SHORT_LINK not in attempt.text)
    return lookup.is_complete and not has_doubtful and lookup.at >= attempt.armed_at + settle


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
        candidates = find_candidates(lookup, attempt, log.owned_ids(session, [post.x_id for post in lookup.posts]))
        # X refused it as a duplicate after an attempt with an unknown outcome: then the same text is that attempt's.
        is_repeated = known.reason_code == "duplicate" and attempt.first_armed_at < attempt.armed_at
        found = next((one for one in candidates if is_repeated or one.reply_to == attempt.reply_to), None)
        if found:
            # What the lost answer would have charged.
            receipt = Receipt(sender.gateway.post_endpoint, sender.price_of(message.text), 1)
            spend_cap.record_cost(session, sender.service.id, purpose_of(known.id), [receipt], sender.clock())
            log.record_outcome(session, known, MessageState.SENT, lookup.at, x_id=found.x_id)
            return None
        is_absent = is_proof_of_absence(lookup, attempt, candidates, sender.settle_after)
        return _record_absence(sender, session, known, attempt, lookup, is_proved=is_absent)


def _fetch_own_posts(sender: PostSender, message: Message, attempt: Attempt) -> Lookup | Progress:
    gateway, purpose, service_id = sender.gateway, f"looking for message {message.id}", sender.service.id
    with transaction() as session:
        now = sender.clock()
        if opens_at := rate_limits.calls_open_at(session, service_id, [gateway.timeline_endpoint], now):
            return sender.progress(End.WAITING, "X allows no more calls for now.", opens_at)
        page_size = gateway.longest_timeline_page
        at_most = spend_cap.reserve(session, service_id, purpose, gateway.shown_post_price, page_size, now)
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
    # As old as its request: what X did after that may be missing.
    if answer.left_off:
        return Lookup(answer.value, now, is_complete=False, why_incomplete=answer.left_off.rstrip("."))
    read = sum(receipt.resources for receipt in answer.receipts if receipt.price == gateway.own_post_price)
    is_complete = read <= at_most - gateway.shortest_timeline_page and not answer.left_out
    return Lookup(answer.value, now, is_complete)


def _record_absence(
    sender: PostSender, session: Session, message: Message, attempt: Attempt, lookup: Lookup, *, is_proved: bool
) -> Progress | None:
    """Records that a part is not out where that is proved; an unknown outcome stays for a person otherwise."""
    is_duplicate = message.reason_code == "duplicate"
    if is_duplicate and attempt.first_armed_at == attempt.armed_at:
        # No earlier attempt may have published it: another post of the account says the same.
        spend_cap.release(session, sender.service.id, purpose_of(message.id))
        refused = MessageState.REFUSED
        log.record_outcome(session, message, refused, lookup.at, reason=message.reason, reason_code="duplicate")
        return None
    shown_by = attempt.armed_at + sender.settle_after
    if lookup.at < shown_by:
        return sender.progress(End.WAITING, "X's answer was lost, and X may show a post late.", shown_by)
    if is_duplicate:
        why = "X refuses its text as a duplicate, as if it were out, and does not show it"
    elif is_proved:
        spend_cap.release(session, sender.service.id, purpose_of(message.id))
        log.record_outcome(session, message, MessageState.PENDING, lookup.at)
        return None
    elif lookup.is_complete:
        why = "X shows a post that may be it, but not where its links lead or what it answers"
    else:
        why = lookup.why_incomplete
    return sender.progress(
        End.HALTED, f"Whether part {message.part} is out is unknown: {why}. `campaign delivery settle` decides."
    )

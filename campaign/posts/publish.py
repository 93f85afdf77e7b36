"""Publishing the parts of a post on one account, each exactly once: arm, call X, record; and a whole delivery.

A part whose outcome is unknown is looked up on X: found, or proved absent.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import pendulum
from sqlmodel import Session

from campaign.db.engine import Claim, claim, read_session, transaction
from campaign.deliveries import links
from campaign.deliveries import log as messages
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import opens_at, start_delivery
from campaign.deliveries.draft import RenderedPart
from campaign.deliveries.kind import End, OnUpload, Progress, Sender, media_id_of, why_halted
from campaign.deliveries.log import purpose_of
from campaign.errors import NotPossible, Refused, ServiceBlocked, Uncertain, WrongUsage, XError
from campaign.formatting import usd
from campaign.limits import rate_limits, spend_cap
from campaign.limits.spend_cap import book_failed_call, record_failed_call
from campaign.posts.documents import DeliveryReport, report_of
from campaign.posts.prepare import RenderedPost, analysis_of, render_post
from campaign.running import retried, run_side_by_side, wait_until
from campaign.services import store as services
from campaign.services.store import check_if_due, gateway_of
from campaign.settings import load_settings
from campaign.x.text import has_link, is_same_text
from campaign.x.types import CLOCK_SKEW, NewPost, OwnPost, Poll, Price, Receipt
from models import MAIN, Delivery, DeliveryKind, DeliveryState, Message, MessageState, Service

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
        return messages.of_account(session, self.delivery_id, self.service.id, self.proof_number)

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
        known = messages.get(session, message.id)
        if known.state is MessageState.SENDING:
            messages.record_outcome(session, known, MessageState.UNCERTAIN, lookup.at, reason="X's answer was lost.")
            session.flush()
        candidates = find_candidates(lookup, attempt, messages.owned_ids(session, [post.x_id for post in lookup.posts]))
        # X refused it as a duplicate after an attempt with an unknown outcome: then the same text is that attempt's.
        is_repeated = known.reason_code == "duplicate" and attempt.first_armed_at < attempt.armed_at
        found = next((one for one in candidates if is_repeated or one.reply_to == attempt.reply_to), None)
        if found:
            # What the lost answer would have charged.
            receipt = Receipt(sender.gateway.post_endpoint, sender.price_of(message.text), 1)
            spend_cap.record_cost(session, sender.service.id, purpose_of(known.id), [receipt], sender.clock())
            messages.record_outcome(session, known, MessageState.SENT, lookup.at, x_id=found.x_id)
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
        is_any_left_out = bool({*answer.left_out} - messages.owned_ids(session, answer.left_out))
    # As old as its request: what X did after that may be missing.
    if answer.left_off:
        return Lookup(answer.value, now, is_complete=False, why_incomplete=answer.left_off.rstrip("."))
    read = sum(receipt.resources for receipt in answer.receipts if receipt.price == gateway.own_post_price)
    is_complete = read <= at_most - gateway.shortest_timeline_page and not is_any_left_out
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
        messages.record_outcome(session, message, refused, lookup.at, reason=message.reason, reason_code="duplicate")
        return None
    shown_by = attempt.armed_at + sender.settle_after
    if lookup.at < shown_by:
        return sender.progress(End.WAITING, "X's answer was lost, and X may show a post late.", shown_by)
    if is_duplicate:
        why = "X refuses its text as a duplicate, as if it were out, and does not show it"
    elif is_proved:
        spend_cap.release(session, sender.service.id, purpose_of(message.id))
        messages.record_outcome(session, message, MessageState.PENDING, lookup.at)
        return None
    elif lookup.is_complete:
        why = "X shows a post that may be it, but not where its links lead or what it answers"
    else:
        why = lookup.why_incomplete
    return sender.progress(
        End.HALTED, f"Whether part {message.part} is out is unknown: {why}. `campaign delivery settle` decides."
    )


#: X is asked to publish a part again after it did not know a file's id, once.
_MOST_ATTEMPTS_FOR_FILES = 2
_UNKNOWN = frozenset({MessageState.SENDING, MessageState.UNCERTAIN})


def publish_parts(sender: PostSender, on_progress: OnUpload = lambda _done, _all: None) -> Progress:
    """Publishes every part that is not out, each as an answer to the one before; safe to repeat at any time.

    Raises XError when X was away and trying again at once may help.
    """
    while True:
        with read_session() as session:
            message = next((one for one in sender.log(session) if one.state is not MessageState.SENT), None)
        if message is None:
            return sender.progress(End.OUT)
        if stop := _do_next_step(sender, message, on_progress):
            return stop


def _do_next_step(sender: PostSender, message: Message, on_progress: OnUpload) -> Progress | None:
    if message.state in _UNKNOWN:
        return look_for(sender, message)
    if message.state is MessageState.REFUSED:
        return sender.progress(End.REFUSED, f"Part {message.part}: {message.reason}")
    if message.state is MessageState.CANCELLED:
        return sender.progress(End.HALTED, "The delivery was stopped.")
    with read_session() as session:
        endpoints = [sender.gateway.post_endpoint]
        opens_at = rate_limits.calls_open_at(session, sender.service.id, endpoints, sender.clock())
    if opens_at:
        return sender.progress(End.WAITING, "X allows no more calls for now.", opens_at)
    media_ids = _upload(sender, message, on_progress)
    return media_ids if isinstance(media_ids, Progress) else _publish(sender, message, media_ids)


def _upload(sender: PostSender, message: Message, on_progress: OnUpload) -> tuple[str, ...] | Progress:
    """Returns X's ids of the files of a part, in their order."""
    ids, part = [], sender.parts.get(message.part)
    try:
        for file in part.files if part else ():
            media_id = media_id_of(sender, file, on_progress)
            if isinstance(media_id, Progress):
                return media_id
            ids.append(media_id)
    except Refused as error:
        reason = f"X does not take one of its files: {error}"
        with transaction() as session:
            known, refused = messages.get(session, message.id), MessageState.REFUSED
            messages.record_outcome(session, known, refused, sender.clock(), reason=reason, reason_code=error.reason)
        return sender.progress(End.REFUSED, f"Part {message.part}: {reason}")
    except XError as error:
        if stop := sender.stop_for(error):
            return stop
        raise
    return tuple(ids)


def _publish(sender: PostSender, message: Message, media_ids: tuple[str, ...]) -> Progress | None:
    """Publishes one pending part; None when the next step can follow at once."""
    part = sender.parts.get(message.part)
    with read_session() as session:
        written, reply_to = links.text_of(session, message), sender.reply_to(session, message.part)
    if part is None or part.text != written:
        return sender.progress(End.HALTED, "The delivery changed after its confirmation.")
    if stop := _arm(sender, message):
        return stop
    post = NewPost(
        text=message.text,
        media_ids=media_ids,
        reply_to=reply_to,
        # Who may answer is decided by the first post of a thread.
        reply_settings=None if reply_to else part.reply_settings,
        poll=Poll(tuple(part.poll.options), part.poll.minutes) if part.poll else None,
        paid_partnership=part.paid_partnership,
        made_with_ai=part.made_with_ai,
    )
    try:
        answer = sender.gateway.publish(post, sender.price_of(message.text))
    except XError as error:
        return _record_failure(sender, message, error)
    with transaction(durable=True) as session:
        now, known = sender.clock(), messages.get(session, message.id)
        spend_cap.record_cost(session, sender.service.id, purpose_of(known.id), answer.receipts, now)
        messages.record_outcome(session, known, MessageState.SENT, now, x_id=answer.value)
    return None


def _arm(sender: PostSender, message: Message) -> Progress | None:
    """Commits that the call is about to be made, after the last check whether it still may."""
    with transaction(durable=True) as session:
        now = sender.clock()
        delivery = deliveries.get(session, sender.delivery_id)
        if reason := why_halted(session, delivery, sender.version, sender.proof_number, now):
            return sender.progress(End.HALTED, reason)
        known = messages.get(session, message.id)
        if known.state is not MessageState.PENDING:
            return sender.progress(End.HALTED, "Another run publishes this.")
        price = sender.price_of(known.text)
        if not spend_cap.reserve(session, sender.service.id, purpose_of(known.id), price, 1, now):
            cap = usd(services.get(session, sender.service.id).spend_cap)
            return sender.progress(End.CAPPED, f"This month's spend cap of {cap} is reached; raise it or wait.")
        messages.arm(session, known, now)
        return None


def _record_failure(sender: PostSender, message: Message, error: XError) -> Progress | None:
    """Records what a failed call means for the part; returns how to go on."""
    with transaction(durable=True) as session:
        now, known = sender.clock(), messages.get(session, message.id)
        is_file_lost = error.reason == "media_unknown"
        if isinstance(error, Uncertain) or error.reason == "duplicate":
            # X refuses a text that is out already: perhaps through an attempt of ours whose answer was lost.
            state = MessageState.UNCERTAIN
        elif isinstance(error, Refused) and not (is_file_lost and known.attempts < _MOST_ATTEMPTS_FOR_FILES):
            state = MessageState.REFUSED
        else:
            state = MessageState.PENDING
        if state is not MessageState.UNCERTAIN and known.first_armed_at == known.armed_at:
            known.first_armed_at = None  # no attempt so far may have published it
        book_failed_call(session, sender.service.id, purpose_of(known.id), error, now)
        messages.record_outcome(session, known, state, now, reason=str(error), reason_code=error.reason)
        if is_file_lost:
            sha256s = [file.sha256 for file in sender.parts[known.part].files]
            messages.delete_uploads(session, sender.service.id, sha256s)
        if isinstance(error, ServiceBlocked):
            services.mark_blocked(session, services.get(session, sender.service.id), error.sentence)
    return sender.stop_for(error)


class Logged(Protocol):
    """The columns of a message that decide the state of its delivery."""

    service_id: int
    part: int
    state: MessageState
    reason: str


def state_after(messages: Sequence[Logged], *, is_expired: bool) -> DeliveryState:
    """Returns the state of a delivery that goes out, from the states of its messages.

    A refused part holds back the parts after it on its account, and no others.
    """
    states = {message.state for message in messages}
    if states & _UNKNOWN:
        return DeliveryState.IN_PROGRESS
    if states <= {MessageState.SENT}:
        return DeliveryState.FINISHED
    if is_expired:
        return DeliveryState.EXPIRED
    held_back = {message.service_id for message in messages if message.state is MessageState.REFUSED}
    waiting = {message.service_id for message in messages if message.state is MessageState.PENDING}
    return DeliveryState.IN_PROGRESS if waiting - held_back else DeliveryState.FAILED


def why_failed(messages: Iterable[Logged], names: dict[int, str]) -> str:
    """Returns one sentence that names each refused part, its account and X's reason."""
    refused = [message for message in messages if message.state is MessageState.REFUSED]
    return " ".join(f"Part {one.part} on {names[one.service_id]} was refused: {one.reason}" for one in refused)


def begin(name: str, actor: str) -> RenderedPost:
    """Lets a confirmed post go out and writes its log; raises NotPossible when it may not go out now."""
    post, now = render_post(name), pendulum.now("UTC")
    if post.delivery.kind is not DeliveryKind.POST:
        raise WrongUsage(f"{name} is a broadcast of direct messages; run dm-broadcast for it.")
    with transaction() as session:
        delivery = deliveries.get(session, post.delivery.id)
        is_new = delivery.state is not DeliveryState.IN_PROGRESS
        reason = start_delivery(session, post, delivery, actor, now)
        if reason is None:
            if is_new:
                messages.plan(session, delivery, post.parts)
                links.shorten_posts(session, delivery, post.parts, now)
            return replace(post, delivery=delivery)
    raise NotPossible(reason)


def publish_on(
    service: Service,
    post: RenderedPost,
    proof_number: int = MAIN,
    on_progress: OnUpload = lambda _done, _all: None,
) -> Progress:
    """Publishes what is not out yet on one account, part by part; unknown outcomes are looked up first.

    A proof shows what the first account gets.
    """
    shown = service.id if proof_number == MAIN else post.parts[0].service_id
    parts = [replace(part, service_id=service.id) for part in post.parts if part.service_id == shown]
    with claim(service.id, service.internal_name, Claim.POSTS):
        return publish_parts(_sender(service, post.delivery, parts, post.version, proof_number), on_progress)


def _sender(
    service: Service, delivery: Delivery, parts: Iterable[RenderedPart], version: str, proof_number: int
) -> PostSender:
    settle_after = timedelta(seconds=load_settings().settle_seconds)
    by_number = {part.part: part for part in parts}
    return PostSender(
        gateway_of(service), service, _now, settle_after, delivery.id, by_number, version, proof_number=proof_number
    )


def _now() -> datetime:
    return pendulum.now("UTC")


@dataclass(frozen=True, slots=True)
class Steps:
    """How the steps of publishing on an account are run: here and now, or as tasks of a Prefect run."""

    check: Callable[[Service], Service]
    publish: Callable[[Service, RenderedPost, int], Progress]


DIRECT = Steps(retried(check_if_due), retried(publish_on))


def work_on(service: Service, post: RenderedPost, steps: Steps = DIRECT) -> Progress:
    """Does for one account all that can be done now; never fails the others."""
    try:
        return steps.publish(steps.check(service), post, MAIN)
    except (XError, NotPossible) as error:
        return Progress(service.id, End.BLOCKED, f"{service.internal_name}: {error}")


def settle_left_behind() -> None:
    """Looks up unknown outcomes of deliveries that do not go on: stopped, paused, over, or their proofs."""
    with read_session() as session:
        left = messages.left_behind(session)
        found = [(deliveries.get(session, one.delivery_id), services.get(session, one.service_id), one) for one in left]
    for delivery, service, message in found:
        with suppress(XError, NotPossible), claim(service.id, service.internal_name, Claim.POSTS):
            look_for(_sender(service, delivery, (), "", message.proof_number), message)
        if delivery.is_over:
            with transaction() as session:
                messages.cancel_pending(session, deliveries.get(session, delivery.id), _now())


def targets_left(post: RenderedPost) -> list[Service]:
    """Returns the accounts on which a part is not out."""
    with read_session() as session:
        log = messages.of_delivery(session, deliveries.get(session, post.delivery.id))
        open_ids = {one.service_id for one in log if one.state not in {MessageState.SENT, MessageState.CANCELLED}}
        return [services.get(session, service_id) for service_id in sorted(open_ids)]


def conclude(name: str) -> DeliveryReport:
    """Brings the state of a delivery in line with its log, and reports on it."""
    with transaction() as session:
        delivery, now = deliveries.named(session, name), _now()
        log, is_expired = messages.of_delivery(session, delivery), deliveries.is_expired(delivery, now)
        state = state_after(log, is_expired=is_expired)
        if delivery.state is DeliveryState.IN_PROGRESS and state is not DeliveryState.IN_PROGRESS:
            reason = ""
            if state is DeliveryState.FAILED:
                names = {service.id: service.internal_name for service in deliveries.targets_of(session, delivery)}
                reason = why_failed(log, names)
            elif state is DeliveryState.EXPIRED:
                cancelled = messages.cancel_pending(session, delivery, now)
                reason = f"Its validity ended; {cancelled} of {len(log)} parts did not go out."
            deliveries.move(session, delivery, state, "campaign", now, reason)
        return report_on(session, delivery)


def report_on(session: Session, delivery: Delivery) -> DeliveryReport:
    """Returns the log of a delivery as people and scripts read it."""
    known = {service.id: service for service in services.list_known(session)}
    return report_of(delivery, messages.of_delivery(session, delivery), known)


def send_proof(name: str, actor: str, steps: Steps = DIRECT) -> Progress:
    """Sends the next proof of a post; raises NotPossible when it has no proof service, or errors."""
    post = render_post(name)
    if post.draft.proof_service is None:
        raise NotPossible(f"{name} has no proof service; choose one, or confirm it without a proof.")
    if not post.parts or not analysis_of(post).is_ok:
        raise NotPossible(f"{name} has errors; put them right, then send a proof.")
    with transaction() as session:
        delivery, now = deliveries.get(session, post.delivery.id), _now()
        service = services.get(session, delivery.proof_service_id or 0)
        delivery.proofs += 1
        number, shown = delivery.proofs, post.parts[0].service_id
        parts = [replace(part, service_id=service.id) for part in post.parts if part.service_id == shown]
        messages.plan(session, delivery, parts, number)
        links.shorten_posts(session, delivery, parts, now, number)
        deliveries.note(session, delivery, "proof", actor, now, f"Proof #{number} to {service.internal_name}.")
    return steps.publish(steps.check(service), post, number)


def withdrawable(session: Session, delivery: Delivery, *, proofs: bool = False) -> list[Message]:
    """Returns the posts of a delivery, or of its proofs, that can be deleted from X; raises NotPossible without any."""
    name = delivery.name
    if delivery.kind is DeliveryKind.DM:
        raise NotPossible(f"{name} is a broadcast; X cannot delete a direct message that was sent.")
    if delivery.state is DeliveryState.IN_PROGRESS and not proofs:
        raise NotPossible(f"{name} is in progress; pause or stop it first, then withdraw it.")
    log = [one for one in messages.of_delivery(session, delivery, None) if bool(one.proof_number) is proofs]
    out = [one for one in log if one.state is MessageState.SENT and not one.withdrawn_at]
    if not out and not proofs:
        raise NotPossible(f"Nothing of {name} is out.")
    return out


def withdraw(name: str, actor: str, *, proofs: bool) -> int:
    """Deletes from X what is out of a delivery, or of its proofs; the last part first. Returns how many posts."""
    with read_session() as session:
        delivery = deliveries.named(session, name)
        out = withdrawable(session, delivery, proofs=proofs)
        by_id = {service.id: service for service in services.list_known(session)}
    for message in reversed(out):
        _delete(by_id[message.service_id], delivery, message, actor)
    return len(out)


def _delete(service: Service, delivery: Delivery, message: Message, actor: str) -> None:
    """Deletes one post; deleting it again does no harm, so after a lost answer it is not looked up."""
    gateway, purpose = gateway_of(service), f"withdrawing message {message.id}"
    with transaction() as session:
        if not spend_cap.reserve(session, service.id, purpose, gateway.deletion_price, 1, pendulum.now("UTC")):
            raise NotPossible(f"This month's spend cap of {service.internal_name} is reached; raise it or wait.")
    try:
        answer = gateway.delete_post(message.x_id or "")
    except XError as error:
        record_failed_call(service.id, purpose, error)
        raise
    with transaction() as session:
        now, known = pendulum.now("UTC"), messages.get(session, message.id)
        spend_cap.record_cost(session, service.id, purpose, answer.receipts, now)
        known.withdrawn_at = now
        detail = f"Part {message.part} on {service.internal_name} was deleted from X."
        deliveries.note(session, delivery, "withdrawn", actor, now, detail)


def publish_delivery(name: str, started_by: str, *, wait: bool) -> tuple[DeliveryReport, list[Progress]]:
    """Publishes a confirmed delivery on its accounts, side by side; waits for X unless `wait` is off.

    Raises NotPossible and WrongUsage when it may not go out now.
    """
    if not wait and (opens := opens_at(name)):
        return conclude(name), [Progress(0, End.WAITING, "Its contact date has not come.", opens)]
    while until := opens_at(name):
        wait_until(until)
    settle_left_behind()
    post = begin(name, started_by)
    while True:
        ends = run_side_by_side(lambda service: work_on(service, post), targets_left(post))
        until = min((end.until for end in ends if end.until), default=None)
        if until is None or not wait:
            return conclude(name), ends
        wait_until(until)


def describe_outcome(
    results: Sequence[tuple[DeliveryReport, list[Progress]]], problems: Sequence[str]
) -> tuple[bool, str]:
    """Returns whether nothing needs a person, and one sentence on it; empty when there is nothing to say."""
    unhappy = [f"{report.name}: {report.reason}" for report, _ in results if report.is_unhappy]
    stuck = [end.reason for _, ends in results for end in ends if end.end in {End.BLOCKED, End.CAPPED, End.HALTED}]
    if unhappy or stuck or problems:
        return False, " ".join(dict.fromkeys([*unhappy, *stuck, *problems]))
    later = [
        f"{report.name} continues at {min(end.until for end in ends if end.until):%Y-%m-%d %H:%M:%S %Z}"
        for report, ends in results
        if any(end.until for end in ends)
    ]
    return True, "; ".join(later) or ("" if results else "Nothing is due.")

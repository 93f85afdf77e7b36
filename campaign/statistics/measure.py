"""Reads the counts that X gives of our posts, the cheapest way, within the spend cap; and forgets what is too old.

Texts and clicks of direct messages, and the audit, are forgotten after a time; the counts of reports stay.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pendulum
from sqlalchemy import delete, or_, select, update
from sqlmodel import col

from campaign.db.engine import empty_write_ahead_log, read_session, transaction
from campaign.deliveries.findings import Analysis
from campaign.errors import NotPossible, ServiceBlocked, Unsent, XError
from campaign.limits import rate_limits, spend_cap
from campaign.limits.spend_cap import record_failed_call, used_up
from campaign.running import retried
from campaign.services import store as services
from campaign.services.store import check_if_due, gateway_of
from campaign.settings import load_settings
from campaign.statistics import clicks, counts
from campaign.statistics.counts import CountReport, CountState, PostToCount, Prices
from campaign.x.types import Answer, PostCounts, Price
from models import OVER, AuditEntry, Click, Delivery, DeliveryKind, Link, Message, MessageState, Service

_PURPOSE = "counting reactions"
_NOTHING_COUNTED = "So nothing was counted: run again tomorrow, and update campaign if it happens again."
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counted:
    """The outcome of one read: the posts that are counted now, those that are deleted, US dollars."""

    message_ids: frozenset[int] = frozenset()
    without_figures: frozenset[int] = frozenset()
    """Posts that X showed without a single figure; they keep the counts they had."""
    left_out: int = 0
    """Records that could not be read; their ids are in the log."""
    deleted: int = 0
    cost: Decimal = Decimal(0)


def read_timeline(service: Service, posts: Sequence[PostToCount], at_most: int) -> Counted:
    """Counts the posts that are among the newest `at_most` of the account; raises XError, also where nothing is left.

    A post that is not there may be deleted, or further down: a look-up tells.
    """
    gateway, since = gateway_of(service), min(post.published_at for post in posts)
    answer = _read_paid(
        service,
        gateway.own_post_price,
        at_most,
        gateway.shortest_timeline_page,
        lambda paid_for: gateway.timeline_counts(service.x_user_id or "", since, paid_for),
    )
    return _record(service, answer, posts)


def look_up(service: Service, posts: Sequence[PostToCount]) -> Counted:
    """Counts these posts, at most as many as X shows at once, and finds out which are deleted; raises XError."""
    gateway, x_ids = gateway_of(service), [post.x_id for post in posts]
    price, number = gateway.post_read_price, len(posts)
    answer = _read_paid(service, price, number, number, lambda _paid_for: gateway.post_counts(x_ids))
    # A record that could not be read may be any of the posts that are missing, so none of them is taken for deleted.
    is_complete = "?" not in answer.left_out
    deleted = set(x_ids) - {one.x_id for one in answer.value} - set(answer.left_out) if is_complete else set[str]()
    return _record(service, answer, posts, deleted)


def _read_paid(
    service: Service, price: Price, wanted: int, least: int, read: Callable[[int], Answer[list[PostCounts]]]
) -> Answer[list[PostCounts]]:
    """Reads as many posts as can be paid for, once the money is reserved."""
    with transaction() as session:
        paid_for = spend_cap.reserve(session, service.id, _PURPOSE, price, wanted, pendulum.now("UTC"))
        if paid_for < least:
            spend_cap.release(session, service.id, _PURPOSE)
    if paid_for < least:
        raise used_up(service)
    try:
        return read(paid_for)
    except XError as error:
        record_failed_call(service.id, _PURPOSE, error)
        if error.reason == "fields_missing":
            # Not a passing failure: each repetition would be billed as well.
            raise NotPossible(f"{error} {_NOTHING_COUNTED}") from None
        raise


def _record(
    service: Service,
    answer: Answer[list[PostCounts]],
    posts: Sequence[PostToCount],
    deleted: Collection[str] = (),
) -> Counted:
    """Records the figures and what they cost in one transaction."""
    ids, now = {post.x_id: post.message_id for post in posts}, pendulum.now("UTC")
    if answer.left_out:
        names = ", ".join(answer.left_out)
        _log.warning("Posts of %s that X showed and that cannot be read: %s", service.internal_name, names)
    if answer.left_off:
        _log.warning("Posts of %s: %s", service.internal_name, answer.left_off)
    found = counts.engagement_by_message(answer.value, ids)
    with transaction() as session:
        counts.record(session, found, [ids[x_id] for x_id in deleted], now)
        cost = spend_cap.record_cost(session, service.id, _PURPOSE, answer.receipts, now)
    shown = frozenset(ids[one.x_id] for one in answer.value if one.x_id in ids)
    return Counted(frozenset(found), shown - found.keys(), len(answer.left_out), len(deleted), cost)


@dataclass(frozen=True, slots=True)
class Steps:
    """The calls of a count: made here and now, or as tasks of a Prefect run."""

    check: Callable[[Service], Service]
    read_timeline: Callable[[Service, Sequence[PostToCount], int], Counted]
    look_up: Callable[[Service, Sequence[PostToCount]], Counted]


DIRECT = Steps(retried(check_if_due), retried(read_timeline), retried(look_up))


class _TooExpensive(NotPossible):
    """The month's cap leaves too little for what there is to count."""


def measure(service: Service, not_counted_since: datetime, steps: Steps = DIRECT) -> CountReport:
    """Counts the posts of one service that were not counted since then, and its audience; never fails the others."""
    state, reason, until = CountState.FINISHED, "", None
    reads: list[Counted] = []
    days = 0
    try:
        # Among a million followers it takes seconds, in which others write.
        with read_session() as session:
            audience = counts.audience_of(session, service.id, pendulum.now("UTC"))
        with transaction() as session:
            counts.save_audience(session, service.id, audience)
        days = len(audience)
        # Reads before an error stay in the list.
        reads.extend(_count_posts(service, not_counted_since, steps))
    except (XError, NotPossible) as error:
        reason, state = error.sentence, CountState.FAILED
        if isinstance(error, Unsent) and error.retry_at:
            state, until = CountState.WAITING, error.retry_at
        elif isinstance(error, _TooExpensive) or (isinstance(error, ServiceBlocked) and error.reason == "cap"):
            state = CountState.REFUSED
        elif isinstance(error, ServiceBlocked):
            with transaction() as session:
                services.mark_blocked(session, services.get(session, service.id), reason)
    return CountReport(
        service=service.internal_name,
        state=state,
        posts=len(frozenset[int]().union(*(read.message_ids for read in reads))),
        deleted=sum(read.deleted for read in reads),
        left_out=sum(read.left_out for read in reads),
        days=days,
        cost=sum((read.cost for read in reads), Decimal(0)),
        goes_on_at=until,
        reason=reason,
    )


def _count_posts(service: Service, not_counted_since: datetime, steps: Steps) -> Iterator[Counted]:
    """Reads the posts of a service that are to be counted, the cheapest way; refuses before anything is spent."""
    with read_session() as session:
        since = counts.asked_since(pendulum.now("UTC"))
        posts = counts.posts_to_count(session, service.id, since, not_counted_since)
    if not posts:
        return  # and X is not even asked whether the keys work
    service = steps.check(service)
    gateway = gateway_of(service)
    prices = Prices(gateway.post_read_price.usd, gateway.own_post_price.usd)
    shortest = gateway.shortest_timeline_page
    cost = counts.estimate(len(posts), shortest, prices)
    with transaction() as session:
        left = spend_cap.left(session, service.id, pendulum.now("UTC"))
    if refusal := counts.refusal_of(len(posts), cost, left, service.spend_cap):
        raise _TooExpensive(refusal)
    remaining = posts
    if counts.is_timeline_cheaper(len(posts), shortest, prices):
        _check_window(service, gateway.timeline_endpoint)
        read = steps.read_timeline(service, posts, counts.most_on_timeline(len(posts), prices))
        yield read
        _check_figures(service, read)
        known = read.message_ids | read.without_figures
        remaining = [post for post in posts if post.message_id not in known]
    for first in range(0, len(remaining), gateway.longest_lookup):
        _check_window(service, gateway.lookup_endpoint)
        read = steps.look_up(service, remaining[first : first + gateway.longest_lookup])
        yield read
        _check_figures(service, read)


def _check_figures(service: Service, read: Counted) -> None:
    """Raises NotPossible, before more is spent, when X showed posts of ours and no figure of any."""
    if read.without_figures and not read.message_ids:
        raise NotPossible(
            f"X showed {len(read.without_figures):,} posts of @{service.internal_name} without any figures."
            f" {_NOTHING_COUNTED}"
        )


def _check_window(service: Service, endpoint: str) -> None:
    """Raises Unsent with the time from which X allows calls again, unless it does now."""
    with read_session() as session:
        opens_at = rate_limits.calls_open_at(session, service.id, [endpoint], pendulum.now("UTC"))
    if opens_at:
        raise Unsent("X allows no more calls for now.", reason="rate_limited", retry_at=opens_at)


#: Messages that one transaction changes: others may write in between.
_AT_ONCE = 20_000
_FINAL = (MessageState.SENT, MessageState.REFUSED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows a run emptied or deleted."""

    texts: int = 0
    clicks: int = 0
    entries: int = 0
    """Of the audit."""

    def __str__(self) -> str:
        kinds = {"texts of messages": self.texts, "clicks": self.clicks, "entries of the audit": self.entries}
        return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)


def forget(now: datetime) -> Forgotten:
    """Forgets what the settings keep no longer; does nothing by default, and may be killed and repeated."""
    settings = load_settings()
    texts, clicked, entries = settings.keep_texts_months, settings.keep_clicks_months, settings.keep_audit_months
    forgotten = Forgotten(
        texts=sum(_forget_texts(one) for one in _broadcasts_before(now, texts)) if texts else 0,
        clicks=sum(_forget_clicks(one) for one in _broadcasts_before(now, clicked)) if clicked else 0,
        entries=_forget_entries(_months_before(now, entries)) if entries else 0,
    )
    if forgotten != Forgotten():
        empty_write_ahead_log()
    return forgotten


def _months_before(now: datetime, months: int) -> datetime:
    return pendulum.instance(now).subtract(months=months)


def _broadcasts_before(now: datetime, months: int) -> list[int]:
    """Returns the broadcasts that have been over for so long."""
    is_old = col(Delivery.finished_at) < _months_before(now, months)
    over = select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.DM, col(Delivery.state).in_(OVER), is_old)
    with read_session() as session:
        return list(session.scalars(over.order_by(col(Delivery.id))))


def _forget_texts(delivery_id: int) -> int:
    of_delivery = col(Message.delivery_id) == delivery_id, col(Message.text) != "", col(Message.state).in_(_FINAL)
    count = 0
    with transaction() as session:
        delivery = session.get_one(Delivery, delivery_id, with_for_update=True)
        analysis = Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()
        if analysis.samples:
            # Messages to three of the people.
            delivery.analysis = analysis.model_copy(update={"samples": []}).model_dump_json()
    while True:
        with transaction() as session:
            some = select(col(Message.id)).where(*of_delivery).limit(_AT_ONCE).scalar_subquery()
            emptied = update(Message).where(col(Message.id).in_(some)).values(text="")
            changed = session.connection().execute(emptied).rowcount
        count += changed
        if changed < _AT_ONCE:
            return count


def _forget_clicks(delivery_id: int) -> int:
    """Replaces the clicks of a broadcast by their counts: no link of it works any more, so none is added later."""
    of_delivery = col(Click.link_id).in_(select(col(Link.id)).where(col(Link.delivery_id) == delivery_id))
    with transaction() as session:
        delivery = session.get_one(Delivery, delivery_id, with_for_update=True)
        delivery.clicked = clicks.of_delivery(session, delivery_id).messages
        session.add_all(clicks.by_link_and_hour(session, delivery_id))
        session.flush()
        return session.connection().execute(delete(Click).where(of_delivery)).rowcount


def _forget_entries(before: datetime) -> int:
    is_open = select(col(Delivery.id)).where(col(Delivery.state).not_in(OVER))
    has_ended = or_(col(AuditEntry.delivery_id).is_(None), col(AuditEntry.delivery_id).not_in(is_open))
    with transaction() as session:
        old = delete(AuditEntry).where(col(AuditEntry.at) < before, has_ended)
        return session.connection().execute(old).rowcount

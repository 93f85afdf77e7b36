"""Schedules of faults, crashes and meddling against direct messages, each from a seed."""

from datetime import timedelta
from functools import lru_cache, partial
from typing import Any, cast

from sqlmodel import col, select

from campaign.broadcasts import waves
from campaign.broadcasts.context import BroadcastSender, OutgoingBroadcast, Record
from campaign.broadcasts.send import send_what_is_due
from campaign.db.engine import read_session
from campaign.deliveries.approval import record_by_hand
from campaign.deliveries.draft import NamedLink
from campaign.deliveries.kind import End, Progress
from campaign.deliveries.log import FOR_A_PERSON
from campaign.deliveries.templating import BroadcastText
from campaign.errors import XError
from models import Charge, Delivery, DeliveryState, Message, MessageState, Service
from tests.message_meddling import act_between, meddle
from tests.message_plans import Plan, plan_of
from tests.message_truth import LINK, check, check_opt_outs, check_permitted
from tests.virtual_message_gateway import MessageGateway
from tests.virtual_x import Killed

#: Far more runs than any schedule has faults.
MOST_RUNS = 400
SETTLE = timedelta(seconds=60)
WORDS = frozenset({"stop", "unsubscribe"})
_STATES = select(col(Delivery.state))
_ASIDE = select(col(Charge.id)).where(col(Charge.settled).is_(False)).limit(1)
_LEFT = select(col(Message.id)).where(col(Message.state) == MessageState.SENDING).limit(1)


def run_message_schedule(seed: int) -> None:
    """Sends one or two broadcasts on one or two services, whatever the seed brings; fails with the seed."""
    plan = plan_of(seed)
    plan.x.meddle, plan.x.check = partial(_meddle, plan), partial(check_permitted, plan)
    for _ in range(MOST_RUNS):
        # In every other schedule a person decides what no look-up can tell.
        if _run(plan) and not (plan.seed % 2 and _decide(plan)):
            break
    else:
        raise AssertionError(f"never done: {plan.story}")
    if seed % 4 == 0 or _is_unsettled():
        _read_once_more(plan)
    check(plan)


def _decide(plan: Plan) -> int:
    """A person looks on X for what no look-up can tell; returns how many messages were left to a person."""
    left = select(Message).where(col(Message.state) == MessageState.UNCERTAIN, col(Message.reason_code) == FOR_A_PERSON)
    with read_session() as session:
        rows = session.scalars(left).all()
        owned = set(session.scalars(select(Message.x_id)))
    names = {one.id: one.name for one in plan.broadcasts}
    accounts = {one.id: one.x_user_id or "" for one in plan.services}
    for row in rows:
        recipient = plan.people[row.visitor_id]
        sent = [one for one in plan.x.sent_by(accounts[row.service_id]) if one.x_id not in owned]
        x_id = next((one.x_id for one in sent if (one.recipient, one.text) == (recipient, row.text)), None)
        owned.add(x_id)
        record_by_hand(names[row.delivery_id], "a person", x_id, recipient)
    return len(rows)


@lru_cache
def _text(label: str, *, has_links: bool) -> BroadcastText:
    text = label + " for {{ visitor.full_name }}" + f" {LINK}" * has_links
    return BroadcastText(text, {"label": "Acme"}, "Reply STOP.", WORDS)


def _desk(plan: Plan, service: Service) -> BroadcastSender:
    """What a new process begins with."""
    ids = [one.id for one in plan.services]
    with read_session() as session:
        broadcasts = {
            one.id: OutgoingBroadcast(
                one.id,
                one.name,
                plan.stamps[one.id],
                _text(one.label, has_links=plan.has_links),
                record=Record(waves.last_outcomes(session, one.id, ids) if plan.seed % 8 == 0 else ()),
                links={LINK: NamedLink(url=LINK)} if plan.has_links else {},
            )
            for one in plan.broadcasts
        }
    gateway = cast("Any", MessageGateway(plan.x, service.x_user_id or ""))
    return BroadcastSender(
        gateway, service, plan.x.clock, SETTLE, broadcasts, plan.inbox_every, WORDS, at_once=1, check_every=0
    )


def _run(plan: Plan) -> bool:
    """One run of every service, as far as it gets; whether nothing is left to do."""
    plan.was_resumed = False
    ends = [_send(plan, service) for service in plan.services]
    is_held_up = bool(plan.x.blocked) or _is_paused()
    is_out = all(end and end.end is End.OUT for end in ends) and not plan.was_resumed
    if is_out and not is_held_up and not _is_left_behind():
        return True
    act_between(plan, is_held_up=is_held_up)
    is_cut_short = any(end is None or end.end is End.BLOCKED for end in ends)
    until = None if is_cut_short else min((end.until for end in ends if end and end.until), default=None)
    plan.x.pass_time(until)
    return False


def _send(plan: Plan, service: Service) -> Progress | None:
    try:
        return send_what_is_due(_desk(plan, service))
    except (Killed, XError):
        return None


def _is_paused() -> bool:
    with read_session() as session:
        return DeliveryState.PAUSED in session.scalars(_STATES).all()


def _meddle(plan: Plan, another: float, is_done: bool) -> None:
    """What others do while a call is under way; there may be another sender among them."""
    meddle(plan)
    if not plan.depth and plan.x.strikes(another):
        _send_beside(plan, is_done=is_done)


def _send_beside(plan: Plan, *, is_done: bool) -> None:
    """Another process sends meanwhile, though there is a claim against it; what X did already may be slow to arrive."""
    x, service = plan.x, plan.dice.choice(plan.services)
    x.happened.append("(")
    x.has_two_senders = True
    plan.depth += 1
    _send(plan, service)
    if is_done and plan.dice.random() < 0.5:
        x.pass_time(x.now + SETTLE)
        _send(plan, service)
    plan.depth -= 1
    x.happened.append(")")


def _is_unsettled() -> bool:
    """Returns whether a lost reading reserved money, which the next one settles."""
    with read_session() as session:
        return session.scalar(_ASIDE) is not None


def _is_left_behind() -> bool:
    """Whether a sender that was killed beside another one left something to the next run."""
    with read_session() as session:
        return session.scalar(_LEFT) is not None


def _read_once_more(plan: Plan) -> None:
    """Checks that nothing is left to do; the next reading settles what a lost one reserved."""
    plan.x.trouble, before = 0, plan.x.sent
    plan.x.unauthorized_until = plan.x.now
    plan.x.pass_time(plan.x.now + timedelta(minutes=15))
    asked_at = plan.x.now
    for service in plan.services:
        end = _send(plan, service)
        assert end is not None, plan.story
        assert end.end is End.OUT, f"{end}: {plan.story}"
    assert plan.x.sent == before, plan.story
    check_opt_outs(plan, asked_at)

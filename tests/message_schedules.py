"""Schedules of faults, crashes and meddling against direct messages, each from a seed, and what must be true then."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from random import Random
from typing import Any, cast

from sqlalchemy import insert
from sqlmodel import SQLModel, col, select

from campaign.domain.broadcast_text import BroadcastText
from campaign.domain.broadcasts import SameWaves, Waves
from campaign.domain.budget import WindowName
from campaign.domain.waves import split
from campaign.errors import XError
from campaign.store import broadcasts, deliveries, delivery_states, messages, recipients, waves
from campaign.store.engine import reading, writing
from models import (
    ORIGIN,
    Charge,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
    Message,
    MessageState,
    Priority,
    Service,
    ServiceState,
    Suppression,
)
from tasks.desk import Desk, Letter, Record
from tasks.mailing import send_what_is_due
from tasks.progress import End, Progress
from tests import factories
from tests.factories import NOW
from tests.virtual_messages import LOOKING, SENDING, MessageGateway, VirtualMessages
from tests.virtual_x import Killed

#: Far more runs than any schedule has faults.
MOST_RUNS = 400
SETTLE = timedelta(seconds=60)
WORDS = frozenset({"stop", "unsubscribe"})
_ROWS = ("message", "wave", "audit_entry", "delivery_target", "delivery", "charge", "budget", "consent", "suppression")
_MORE_ROWS = ("unreachable", "inbox", "subscription", "past_subscription", "visitor", "service")
_TABLES = SQLModel.metadata.tables
_STATES = select(col(Delivery.state))
_LEFT = select(col(Message.id)).where(col(Message.state) == MessageState.SENDING).limit(1)


@dataclass
class Plan:
    """What a seed made: who sends what to whom."""

    seed: int
    dice: Random
    x: VirtualMessages
    services: list[Service] = field(default_factory=list)
    broadcasts: list[Delivery] = field(default_factory=list)
    stamps: dict[int, str] = field(default_factory=dict)
    people: dict[int, str] = field(default_factory=dict)
    """X user id by visitor id."""
    inbox_every: timedelta = timedelta(minutes=15)
    depth: int = 0

    @property
    def story(self) -> str:
        return f"seed {self.seed}: {', '.join(self.x.happened)}"


def run_message_schedule(seed: int) -> None:
    """Send one broadcast or two on one service or two, whatever the seed brings; fails with the seed in its message."""
    plan = _plan(seed)
    for _ in range(MOST_RUNS):
        if _run(plan):
            break
    else:
        raise AssertionError(f"never done: {plan.story}")
    if seed % 4 == 0 or plan.x.is_unsettled:
        _read_once_more(plan)
    _check(plan)


def _plan(seed: int) -> Plan:
    dice = Random(seed)
    x = VirtualMessages(seed, trouble=dice.choice([1, 1, 1, 2, 2, 2, 3, 3, 4, 7]))
    x.limits = {
        WindowName.QUARTER_HOUR: dice.choice([3, 15, 15, 15]),
        WindowName.USER_DAY: dice.choice([7, 1_440, 1_440]),
        WindowName.APP_DAY: dice.choice([9, 1_440, 1_440]),
    }
    x.tells = frozenset(dice.choice([x.limits, [WindowName.QUARTER_HOUR], [WindowName.QUARTER_HOUR], []]))
    x.page, x.skew = dice.choice([4, 100]), timedelta(seconds=dice.randint(-100, 100))
    x.app = dice.choice(["", "one-app"])
    plan = Plan(seed, dice, x)
    _write(plan, services=dice.choice([1, 1, 1, 1, 2]), deliveries_=dice.choice([1, 1, 1, 2]))
    x.is_slow, plan.inbox_every = dice.random() < 0.3, timedelta(seconds=dice.choice([20, 900, 900]))
    x.meddle = partial(_meddle, plan)
    x.check = partial(_check_permitted, plan)
    return plan


def _write(plan: Plan, services: int, deliveries_: int) -> None:
    dice = plan.dice
    with writing() as session:
        for table in (*_ROWS, *_MORE_ROWS):
            session.execute(_TABLES[table].delete())
        plan.services = [_service(plan, number) for number in range(services)]
        plan.broadcasts = [_delivery(plan, number) for number in range(deliveries_)]
        session.add_all([*plan.services, *plan.broadcasts])
        session.flush()
        _write_people(plan, session, dice.choice([3, 3, 3, 3, 4, 5, 12]))
        for delivery in plan.broadcasts:
            _aim(plan, session, delivery)
        session.flush()
        plan.stamps = {one.id: deliveries.stamp_of(session, one) for one in plan.broadcasts}


def _service(plan: Plan, number: int) -> Service:
    return factories.service(
        block_id=f"{plan.seed}-{number}",
        internal_name=f"a{number}",
        x_user_id=f"{number + 1}",
        app=plan.x.app,
        spend_cap=Decimal(1_000),
        frequency_cap=plan.dice.choice([0, 0, 5]),
        daily_limit=plan.dice.choice([0, 0, 0, 4]),
    )


def _delivery(plan: Plan, number: int) -> Delivery:
    text = plan.dice.choice(["News", "News", f"News {number}"])
    return Delivery(
        name=f"dm-{plan.seed}-{number}",
        label=text,
        kind=DeliveryKind.DM,
        content="{}",
        priority=plan.dice.choice(list(Priority)),
        validity_days=60,
        state=DeliveryState.IN_PROGRESS,
        created_at=NOW,
        started_at=NOW,
        confirmed_at=NOW,
    )


def _write_people(plan: Plan, session: Any, how_many: int) -> None:
    people = [
        {
            "id": number,
            "origin": ORIGIN,
            "external_id": f"{1_000 + number}",
            "full_name": f"Person {number}",
            "folder": "Visitors",
            "created_at": NOW,
            "updated_at": NOW,
        }
        for number in range(1, how_many + 1)
    ]
    follow = [
        {"service_id": service.id, "visitor_id": each["id"], "began_at": NOW}
        for service in plan.services
        for each in people
    ]
    session.execute(insert(_TABLES["visitor"]), people)
    session.execute(insert(_TABLES["subscription"]), follow)
    plan.people = {cast("int", each["id"]): cast("str", each["external_id"]) for each in people}
    plan.x.closed = {one for one in plan.people.values() if plan.dice.random() < 0.1}


def _aim(plan: Plan, session: Any, delivery: Delivery) -> None:
    """Everybody gets it from one of the services, in one to three waves."""
    share_of = {visitor_id: plan.dice.choice(plan.services).id for visitor_id in plan.people}
    constants = dict(recipients._MESSAGE_CONSTANTS)
    rows = [
        {"delivery_id": delivery.id, "service_id": service.id, "visitor_id": visitor_id, **constants}
        for service in plan.services
        for visitor_id in plan.people
        if share_of[visitor_id] == service.id
    ]
    session.execute(insert(_TABLES["message"]), rows)
    counts = [sum(row["service_id"] == service.id for row in rows) for service in plan.services]
    amount, period = plan.dice.choice([100, 100, 100, 50, 34]), plan.dice.choice([60, 900, 7_200])
    shares = split(Waves(same=SameWaves(amount=amount, is_percentage=True, period_seconds=period)), counts)
    for service, share in zip(plan.services, shares, strict=True):
        session.add(DeliveryTarget(delivery_id=delivery.id, service_id=service.id))
        waves.write(session, delivery.id, service.id, share)


@lru_cache
def _text(label: str) -> BroadcastText:
    return BroadcastText(label + " for {{ visitor.full_name }}", {"label": "Acme"}, "Reply STOP.", WORDS)


def _desk(plan: Plan, service: Service) -> Desk:
    """What a new process begins with."""
    ids = [one.id for one in plan.services]
    with reading() as session:
        letters = {
            one.id: Letter(
                one.id,
                one.name,
                plan.stamps[one.id],
                _text(one.label),
                record=Record(broadcasts.last_outcomes(session, one.id, ids) if plan.seed % 8 == 0 else ()),
            )
            for one in plan.broadcasts
        }
    gateway = cast("Any", MessageGateway(plan.x, service.x_user_id or ""))
    options = {"look_every": 0.0} if "look_every" in Desk.__dataclass_fields__ else {}
    return Desk(
        gateway, service, letters, plan.x.clock, SETTLE, plan.inbox_every, WORDS, at_once=1, **cast("Any", options)
    )


def _run(plan: Plan) -> bool:
    """One run of every service, as far as it gets; whether nothing is left to do."""
    ends = [_send(plan, service) for service in plan.services]
    is_held_up = bool(plan.x.blocked) or _is_paused()
    if all(end and end.end is End.OUT for end in ends) and not is_held_up and not _is_left_behind():
        return True
    _act_between(plan, is_held_up=is_held_up)
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
    with reading() as session:
        return DeliveryState.PAUSED in session.scalars(_STATES).all()


def _meddle(plan: Plan, another: float, is_done: bool) -> None:
    """What others do while a call is under way."""
    dice, x = plan.dice, plan.x
    if dice.random() < 0.06:
        _somebody_writes(plan)
    if x.strikes(0.02):
        _move(plan, DeliveryState.IN_PROGRESS, dice.choice([DeliveryState.PAUSED, DeliveryState.STOPPED]))
    if x.strikes(0.01):
        _move(plan, DeliveryState.PAUSED, DeliveryState.IN_PROGRESS)
    if not plan.depth and x.strikes(another):
        _send_beside(plan, is_done=is_done)


def _send_beside(plan: Plan, *, is_done: bool) -> None:
    """Another process sends meanwhile, though there is a claim against it; what X did already may be slow to arrive."""
    x, service = plan.x, plan.dice.choice(plan.services)
    x.happened.append("(")
    plan.depth += 1
    _send(plan, service)
    if is_done and plan.dice.random() < 0.5:
        x.pass_time(x.now + SETTLE)
        _send(plan, service)
    plan.depth -= 1
    x.happened.append(")")


def _somebody_writes(plan: Plan) -> None:
    account = plan.dice.choice(plan.services).x_user_id or ""
    sender = plan.dice.choice(list(plan.people.values()))
    text = plan.dice.choice(["STOP", "Stop!", "Hello", "When do you open?"])
    plan.x.say(account, sender, account, text, late=True)
    plan.x.happened.append(f"{sender}: {text}")


def _move(plan: Plan, before: DeliveryState, after: DeliveryState) -> None:
    chosen = plan.dice.choice(plan.broadcasts)
    with writing() as session:
        delivery = deliveries.get(session, chosen.id)
        if delivery.state is not before:
            return
        plan.x.happened.append(f"{delivery.name} {after.value}")
        delivery_states.move(session, delivery, after, "ana", plan.x.now)
        if delivery.is_over:
            messages.cancel_pending(session, delivery, plan.x.now, "The delivery was stopped.")


def _is_left_behind() -> bool:
    """Whether a sender that was killed beside another one left something to the next run."""
    with reading() as session:
        return session.scalar(_LEFT) is not None


def _act_between(plan: Plan, *, is_held_up: bool) -> None:
    """Between two runs people write, and sooner or later somebody puts right what waits for it."""
    if plan.dice.random() < 0.15:
        _somebody_writes(plan)
    if is_held_up and plan.dice.random() < 0.7:
        plan.x.blocked.clear()
        with writing() as session:
            for delivery in session.scalars(select(Delivery).where(col(Delivery.state) == DeliveryState.PAUSED)):
                delivery_states.move(session, delivery, DeliveryState.IN_PROGRESS, "ana", plan.x.now)
            for service in session.scalars(select(Service)):
                service.state, service.blocked = ServiceState.OK, False


def _read_once_more(plan: Plan) -> None:
    """Nothing is left, whoever looks; and what a lost reading set aside is settled by the next."""
    plan.x.trouble, before = 0, plan.x.sent
    plan.x.pass_time(plan.x.now + timedelta(minutes=15))
    asked_at = plan.x.now
    for service in plan.services:
        end = _send(plan, service)
        assert end is not None, plan.story
        assert end.end is End.OUT, f"{end}: {plan.story}"
    assert plan.x.sent == before, plan.story
    _check_opt_outs(plan, asked_at)


def _check_opt_outs(plan: Plan, asked_at: datetime) -> None:
    """Everybody's word was read in the end."""
    said = [one for one in plan.x.events if one.event.text.upper().startswith("STOP")]
    shown = {(one.account, one.event.sender) for one in said if one.shown_at <= asked_at}
    accounts = {service.id: service.x_user_id for service in plan.services}
    with reading() as session:
        known = {
            (accounts[one.service_id], plan.people[one.visitor_id]) for one in session.scalars(select(Suppression))
        }
    assert shown <= known <= {(one.account, one.event.sender) for one in said}, plan.story


def _check_permitted(plan: Plan, account: str, recipient: str) -> None:
    """Nobody is written to after an opt-out that was read."""
    if not any(each.event.sender == recipient for each in plan.x.events):
        return
    service_id = next(one.id for one in plan.services if one.x_user_id == account)
    visitor_id = next(key for key, value in plan.people.items() if value == recipient)
    with reading() as session:
        assert session.get(Suppression, (service_id, visitor_id)) is None, f"opted out {recipient}: {plan.story}"


def _check(plan: Plan) -> None:
    """Nobody twice, nobody skipped, the log and the ledger equal to the truth, no limit exceeded."""
    story = plan.story
    assert not plan.x.exceeded, f"{plan.x.exceeded}: {story}"
    with reading() as session:
        rows = list(session.scalars(select(Message)))
        assert len(rows) == len(plan.broadcasts) * len(plan.people), story
        for service in plan.services:
            own = [row for row in rows if row.service_id == service.id]
            truth = plan.x.sent_by(service.x_user_id or "")
            told = Counter((row.x_id, plan.people[row.visitor_id], row.text) for row in own if row.x_id)
            assert told == Counter((one.x_id, one.recipient, one.text) for one in truth), story
            assert [row.x_id for row in own if row.state is MessageState.SENT].count(None) == 0, story
            once = Counter((row.visitor_id, row.text) for row in own if row.state is MessageState.SENT)
            assert all(number <= len(plan.broadcasts) for number in once.values()), story
            _check_money(plan, session.scalars(select(Charge).where(col(Charge.service_id) == service.id)), service)
        for row in rows:
            _check_end(plan, session, row)


def _check_end(plan: Plan, session: Any, row: Message) -> None:
    """Each message ended, and for a reason."""
    recipient = plan.people[row.visitor_id]
    if row.state is MessageState.REFUSED:
        assert recipient in plan.x.closed, plan.story
    elif row.state is MessageState.CANCELLED:
        is_stopped = deliveries.get(session, row.delivery_id).state is DeliveryState.STOPPED
        opted_out = session.get(Suppression, (row.service_id, row.visitor_id))
        assert is_stopped or opted_out or recipient in plan.x.closed, plan.story
    else:
        assert row.state is MessageState.SENT, f"{row.state}: {plan.story}"
        assert row.x_id, plan.story


def _check_money(plan: Plan, charges: Any, service: Service) -> None:
    booked = list(charges)
    account = service.x_user_id or ""
    spent = Counter({SENDING: Decimal(0), LOOKING: Decimal(0)})
    for charge in booked:
        spent[charge.endpoint] += charge.amount
    assert all(charge.settled for charge in booked), f"{booked}: {plan.story}"
    assert spent[SENDING] == Decimal("0.015") * len(plan.x.sent_by(account)), plan.story
    # What a lost reading cost is counted with the next one, so high rather than low.
    read = (spent[LOOKING] + spent["reading message events"]) / Decimal("0.010")
    assert sum(one[0] == account for one in plan.x.charged) <= read, plan.story
    assert spent[LOOKING] <= Decimal("0.010") * plan.x.shown[account], plan.story

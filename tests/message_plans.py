"""What a schedule of direct messages is about, made from its seed: services, broadcasts, people, waves, X's limits."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, cast

from sqlalchemy import insert
from sqlmodel import SQLModel

from campaign.broadcasts import recipients, waves
from campaign.broadcasts.schedule import split
from campaign.db.engine import transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import SameWaves, Waves
from models import ORIGIN, Delivery, DeliveryKind, DeliveryState, DeliveryTarget, Priority, Service, WindowName
from tests import factories
from tests.factories import NOW
from tests.virtual_messages import VirtualMessages

_ROWS = ("message", "wave", "audit_entry", "delivery_target", "delivery", "charge", "budget", "consent", "suppression")
_MORE_ROWS = ("short_link", "link", "unreachable", "inbox", "subscription", "past_subscription", "visitor", "service")
_TABLES = SQLModel.metadata.tables
#: Straight to the driver, for there are many.
_EMPTYING = [f"DELETE FROM {name}" for name in (*_ROWS, *_MORE_ROWS)]


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
    was_resumed: bool = False
    """A person resumed a broadcast during this run, which starts another one."""

    @property
    def has_links(self) -> bool:
        """In some schedules the messages have a link, whose place another one takes for each person."""
        return self.seed % 4 == 1

    @property
    def story(self) -> str:
        return f"seed {self.seed}: {', '.join(self.x.happened)}"


def plan_of(seed: int) -> Plan:
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
    x.is_slow, plan.inbox_every = dice.random() < 0.3, timedelta(seconds=dice.choice([20, 900, 900, 900]))
    return plan


def _write(plan: Plan, services: int, deliveries_: int) -> None:
    dice = plan.dice
    with transaction() as session:
        driver: Any = session.connection().connection.dbapi_connection
        for statement in _EMPTYING:
            driver.execute(statement)
        plan.services = [_service(plan, number) for number in range(services)]
        plan.broadcasts = [_delivery(plan, number) for number in range(deliveries_)]
        session.add_all([*plan.services, *plan.broadcasts])
        session.flush()
        _write_people(plan, session, dice.choice([2, 3, 3, 3, 4, 5, 12]))
        for delivery in plan.broadcasts:
            _aim(plan, session, delivery)
        session.flush()
        plan.stamps = {one.id: deliveries.version_of(session, one) for one in plan.broadcasts}


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
    """Gives each person one of the services to get it from, in one to three waves."""
    share_of = {visitor_id: plan.dice.choice(plan.services).id for visitor_id in plan.people}
    constants = recipients.MESSAGE_CONSTANTS
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

"""What people and operators do to a schedule of direct messages: they write, pause, resume and stop."""

from sqlmodel import col, select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.deliveries import store as deliveries
from models import Delivery, DeliveryState, Message, MessageState, Service, ServiceState
from tests.message_plans import Plan


def meddle(plan: Plan) -> None:
    """Does what people and operators do while a call is under way."""
    dice, x = plan.dice, plan.x
    if dice.random() < 0.06:
        _write_to_account(plan)
    if x.strikes(0.02):
        _move(plan, DeliveryState.IN_PROGRESS, dice.choice([DeliveryState.PAUSED, DeliveryState.STOPPED]))
    if x.strikes(0.01):
        _move(plan, DeliveryState.PAUSED, DeliveryState.IN_PROGRESS)
    if len(plan.broadcasts) > 1 and x.strikes(0.03):
        _encrypt(plan)


def act_between(plan: Plan, *, is_held_up: bool) -> None:
    """Lets people write between two runs, and the operator put right, sooner or later, what waits for it."""
    if plan.dice.random() < 0.15:
        _write_to_account(plan)
    if is_held_up and plan.dice.random() < 0.7:
        plan.x.blocked.clear()
        with transaction() as session:
            for delivery in session.scalars(select(Delivery).where(col(Delivery.state) == DeliveryState.PAUSED)):
                deliveries.move(session, delivery, DeliveryState.IN_PROGRESS, "ana", plan.x.now)
            for service in session.scalars(select(Service)):
                service.state, service.blocked = ServiceState.OK, False


def _write_to_account(plan: Plan) -> None:
    account = plan.dice.choice(plan.services).x_user_id or ""
    sender = plan.dice.choice(list(plan.people.values()))
    text = plan.dice.choice(["STOP", "Stop!", "Hello", "When do you open?"])
    plan.x.say(account, sender, account, text, late=True)
    plan.x.happened.append(f"{sender}: {text}")


def _encrypt(plan: Plan) -> None:
    """Moves a conversation in which a message of ours arrived to X Chat, out of every list of events."""
    with read_session() as session:
        sent = session.execute(
            select(col(Message.service_id), col(Message.visitor_id)).where(col(Message.state) == MessageState.SENT)
        ).all()
    if sent:
        service_id, visitor_id = plan.dice.choice(sent)
        account = next(one.x_user_id or "" for one in plan.services if one.id == service_id)
        plan.x.quiet.add((account, plan.people[visitor_id]))
        plan.x.happened.append(f"{plan.people[visitor_id]} is encrypted")


def _move(plan: Plan, before: DeliveryState, after: DeliveryState) -> None:
    chosen = plan.dice.choice(plan.broadcasts)
    with transaction() as session:
        delivery = deliveries.get(session, chosen.id)
        if delivery.state is not before:
            return
        plan.x.happened.append(f"{delivery.name} {after.value}")
        deliveries.move(session, delivery, after, "ana", plan.x.now)
        plan.was_resumed |= after is DeliveryState.IN_PROGRESS
        if delivery.is_over:
            log.cancel_pending(session, delivery, plan.x.now, "The delivery was stopped.")

"""What must be true of a schedule of direct messages, whatever happened in it: the virtual X tells the truth."""

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session, col, select

from campaign.db.engine import read_session
from campaign.deliveries import links
from campaign.deliveries import store as deliveries
from campaign.deliveries.log import FOR_A_PERSON
from models import Charge, DeliveryState, Message, MessageState, Service, Suppression
from tests.message_plans import Plan
from tests.virtual_messages import LOOKING, SENDING

LINK = "https://shop.example.com/sale"


def check_opt_outs(plan: Plan, asked_at: datetime) -> None:
    """Checks that every opt-out that X showed was read in the end, and that no other was recorded."""
    said = [one for one in plan.x.events if one.event.text.upper().startswith("STOP")]
    shown = {
        (one.account, one.event.sender)
        for one in said
        if one.shown_at <= asked_at
        and one.event.x_id not in plan.x.beyond_first.get(one.account, ())
        and (one.account, one.event.sender) not in plan.x.quiet
    }
    accounts = {service.id: service.x_user_id for service in plan.services}
    with read_session() as session:
        known = {
            (accounts[one.service_id], plan.people[one.visitor_id]) for one in session.scalars(select(Suppression))
        }
    assert shown <= known <= {(one.account, one.event.sender) for one in said}, plan.story


def check_permitted(plan: Plan, account: str, recipient: str) -> None:
    """Checks that no message goes to a person after an opt-out that was read."""
    if not any(each.event.sender == recipient for each in plan.x.events):
        return
    service_id = next(one.id for one in plan.services if one.x_user_id == account)
    visitor_id = next(key for key, value in plan.people.items() if value == recipient)
    with read_session() as session:
        assert session.get(Suppression, (service_id, visitor_id)) is None, f"opted out {recipient}: {plan.story}"


def check(plan: Plan) -> None:
    """Checks that each person gets each message once, that log and ledger are true, and no limit was exceeded."""
    story = plan.story
    assert not plan.x.exceeded, f"{plan.x.exceeded}: {story}"
    with read_session() as session:
        rows = list(session.scalars(select(Message)))
        assert len(rows) == len(plan.broadcasts) * len(plan.people), story
        for service in plan.services:
            own = [row for row in rows if row.service_id == service.id]
            truth = plan.x.sent_by(service.x_user_id or "")
            logged = Counter((row.x_id, plan.people[row.visitor_id], row.text) for row in own if row.x_id)
            unlogged = Counter((one.x_id, one.recipient, one.text) for one in truth)
            assert logged <= unlogged, story
            unlogged -= logged
            # What a person has to decide may be out, once.
            unknown = Counter(
                (plan.people[row.visitor_id], row.text) for row in own if row.state is MessageState.UNCERTAIN
            )
            assert Counter(key[1:] for key in unlogged.elements()) <= unknown, story
            assert [row.x_id for row in own if row.state is MessageState.SENT].count(None) == 0, story
            once = Counter((row.visitor_id, row.text) for row in own if row.state is MessageState.SENT)
            assert all(number <= len(plan.broadcasts) for number in once.values()), story
            charges = session.scalars(select(Charge).where(col(Charge.service_id) == service.id))
            _check_money(plan, charges, service, unknown.total())
        for row in rows:
            _check_end(plan, session, row)
        _check_links(plan, session, [row for row in rows if row.text])


def _check_links(plan: Plan, session: Session, rows: list[Message]) -> None:
    """What was tried to be sent has one short link each, which is the message's own."""
    tokens = links.tokens_of(session, [row.id for row in rows])
    assert len(tokens) == len(rows) * plan.has_links, plan.story
    for row in rows if plan.has_links else ():
        assert f"/r/{tokens[row.id, LINK]}" in row.text, plan.story
        assert LINK not in row.text, plan.story


def _check_end(plan: Plan, session: Any, row: Message) -> None:
    """Checks that a message ended for a reason."""
    recipient = plan.people[row.visitor_id]
    if row.state is MessageState.REFUSED:
        assert recipient in plan.x.closed, plan.story
    elif row.state is MessageState.CANCELLED:
        is_stopped = deliveries.get(session, row.delivery_id).state is DeliveryState.STOPPED
        opted_out = session.get(Suppression, (row.service_id, row.visitor_id))
        assert is_stopped or opted_out or recipient in plan.x.closed, plan.story
    elif row.state is MessageState.UNCERTAIN:
        assert row.reason_code == FOR_A_PERSON, f"{row.reason_code}: {plan.story}"
        assert _is_undecidable(session, row), f"{row.reason}: {plan.story}"
    else:
        assert row.state is MessageState.SENT, f"{row.state}: {plan.story}"
        assert row.x_id, plan.story


def _is_undecidable(session: Session, row: Message) -> bool:
    """Returns whether the service sent the person another message: the conversation may be encrypted."""
    others = select(col(Message.id)).where(
        col(Message.service_id) == row.service_id,
        col(Message.visitor_id) == row.visitor_id,
        col(Message.state) == MessageState.SENT,
    )
    return session.scalar(others) is not None


def _check_money(plan: Plan, charges: Any, service: Service, undecided: int) -> None:
    booked = list(charges)
    account = service.x_user_id or ""
    spent = Counter({SENDING: Decimal(0), LOOKING: Decimal(0)})
    for charge in booked:
        spent[charge.endpoint] += charge.amount
    # What a person has to decide stays reserved, whether it is out or not.
    reserved = [charge for charge in booked if not charge.settled]
    assert len(reserved) == undecided, f"{booked}: {plan.story}"
    cost, price, sent = spent[SENDING], Decimal("0.015"), len(plan.x.sent_by(account))
    if plan.x.quiet:
        # What no look-up showed keeps the name under which it was reserved.
        cost += sum(charge.amount for charge in booked if charge.settled and charge.endpoint.startswith("publishing"))
    assert price * (sent - undecided) <= cost <= price * (sent + undecided), plan.story
    # What a lost reading cost is counted with the next one, so high rather than low: that of a second sender may have
    # come before the first one was killed.
    read = (spent[LOOKING] + spent["reading message events"]) / Decimal("0.010")
    assert plan.x.has_two_senders or sum(one[0] == account for one in plan.x.charged) <= read, plan.story
    assert spent[LOOKING] <= Decimal("0.010") * plan.x.shown[account], plan.story

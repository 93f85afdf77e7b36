"""The message events of a service: what a look proves, by whose clock, and how far back it reaches."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from sqlmodel import col, select

from campaign.audience import visitors
from campaign.broadcasts import send, waves
from campaign.broadcasts.context import Armed, BroadcastSender, OutgoingBroadcast, arm
from campaign.broadcasts.inbox import read_inbox, waits_until
from campaign.broadcasts.waves import Span
from campaign.consent import lists
from campaign.consent import store as consents
from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.deliveries import store as deliveries
from campaign.deliveries.kind import End
from campaign.deliveries.log import FOR_A_PERSON, Outcome
from campaign.deliveries.templating import BroadcastText
from campaign.errors import NotPossible
from campaign.x.types import Answer, MessageEvents, NewMessage, first_id_at
from models import Consent, Delivery, Inbox, Message, MessageState, Service, Suppression, Visitor
from tests import planned
from tests.crowds import people
from tests.databases import Database
from tests.factories import NOW
from tests.readings import saved_service
from tests.virtual_message_gateway import MessageGateway
from tests.virtual_messages import VirtualMessages

SETTLE, A_SECOND = timedelta(seconds=60), timedelta(seconds=1)
STOP = frozenset({"stop"})


class Slow(MessageGateway):
    """X takes 20 seconds to show everything it knew when it was asked."""

    def message_events(self, user_id: str, after_id: str, at_most: int) -> Answer[MessageEvents]:
        answer = super().message_events(user_id, after_id, at_most)
        self.x.now += 20 * A_SECOND
        return answer


class Counting(MessageGateway):
    """X takes a hundredth of a second for a call."""

    calls = 0

    def send_message(self, message: NewMessage) -> Answer[str]:
        self.calls += 1
        time.sleep(0.01)
        return super().send_message(message)


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service(x_user_id="1")


@pytest.fixture
def x() -> VirtualMessages:
    return VirtualMessages(seed=1, trouble=0)


def desk(
    acme: Service, x: VirtualMessages, gateway: type[MessageGateway] = MessageGateway, **changes: Any
) -> BroadcastSender:
    options: dict[str, Any] = {"broadcasts": {}, "inbox_every": timedelta(0), "at_once": 1, **changes}
    found = cast("Any", gateway(x, "1"))
    return BroadcastSender(found, acme, clock=x.clock, settle_after=SETTLE, opt_out_words=STOP, **options)


def a_lost_message(acme: Service, at: datetime = NOW) -> int:
    (person,) = people(1, acme)
    message_id = planned.message_to(planned.broadcast(acme), acme, person)
    with transaction() as session:
        waves.arm(session, {message_id: "Hello"}, [], at)
        log.record_outcomes(session, [Outcome(message_id, at, MessageState.UNCERTAIN)], at)
    return message_id


def row(message_id: int) -> Message:
    with read_session() as session:
        return session.get_one(Message, message_id)


def visitor_of(message_id: int) -> str:
    with read_session() as session:
        return session.get_one(Visitor, row(message_id).visitor_id).external_id


def opted_out() -> int:
    with read_session() as session:
        return len(session.scalars(select(Suppression)).all())


def test_a_look_is_as_old_as_its_question(acme: Service, x: VirtualMessages) -> None:
    lost = a_lost_message(acme)
    x.now = NOW + SETTLE - 5 * A_SECOND
    assert read_inbox(desk(acme, x, Slow)) is None
    assert row(lost).state is MessageState.UNCERTAIN
    assert read_inbox(desk(acme, x, Slow)) is None
    assert row(lost).state is MessageState.PENDING


def test_what_x_shows_late_is_read_though_its_clock_is_slow(acme: Service, x: VirtualMessages) -> None:
    x.skew = -100 * A_SECOND
    x.say("1", "2001", "1", "STOP", late=True)
    x.now += A_SECOND
    x.say("1", "2002", "1", "Hello")
    read_inbox(desk(acme, x))
    assert opted_out() == 0
    x.now += SETTLE
    read_inbox(desk(acme, x))
    assert opted_out() == 1


@pytest.mark.parametrize(
    ("newer", "cap", "found"),
    [(1, "50", 1), (9, "50", 1), (10, "50", 0), (9, "0.02", 0)],
    ids=["two pages", "all that are read", "more than are read", "more than is paid for"],
)
def test_the_first_reading_goes_back_page_by_page(
    acme: Service, x: VirtualMessages, newer: int, cap: str, found: int
) -> None:
    x.page, lines = 1, list[str]()
    with transaction() as session:
        session.get_one(Service, acme.id).spend_cap = Decimal(cap)
    x.say("1", "2001", "1", "STOP")
    for _ in range(newer):
        x.say("1", "2002", "1", "Hello")
    x.now += 5 * SETTLE
    assert read_inbox(desk(acme, x, log=lines.append)) is None
    assert opted_out() == found
    assert any("older ones are not read for opt-outs" in line for line in lines) is not bool(found)
    # What it did not reach is never taken for news, nor paid for again.
    shown = x.shown["1"]
    x.now += 5 * SETTLE
    assert read_inbox(desk(acme, x)) is None
    assert (opted_out(), x.shown["1"] - shown <= 1) == (found, True)


def test_an_empty_inbox_is_known_to_be_empty_up_to_then(acme: Service, x: VirtualMessages) -> None:
    """What comes after the first reading is never taken for what was there before."""
    x.page = 2
    read_inbox(desk(acme, x))
    x.now += 10 * SETTLE
    for text in ("STOP", "Hello", "Hello", "Hello"):
        x.say("1", "2001", "1", text)
    read_inbox(desk(acme, x))
    assert opted_out() == 1


def test_what_no_look_can_tell_is_left_to_a_person(acme: Service, x: VirtualMessages) -> None:
    x.page = 1
    read_inbox(desk(acme, x))
    lost = a_lost_message(acme)
    for _ in range(20):
        x.say("1", "2001", "1", "Hello")
    x.now += 2 * SETTLE
    read_inbox(desk(acme, x))
    assert [row(lost).state, row(lost).reason_code] == [MessageState.UNCERTAIN, FOR_A_PERSON]
    assert waits_until(desk(acme, x)) is None


class Lacking(MessageGateway):
    """X leaves out the sender of the oldest event, which cannot be read then."""

    def message_events(self, user_id: str, after_id: str, at_most: int) -> Answer[MessageEvents]:
        answer = super().message_events(user_id, after_id, at_most)
        *others, odd = sorted(answer.value.events, key=lambda event: int(event.x_id), reverse=True)
        return replace(answer, value=replace(answer.value, events=others), left_out=(odd.x_id,))


def test_an_odd_event_is_left_out_and_the_others_are_read(acme: Service, x: VirtualMessages) -> None:
    odd = x.say("1", "2002", "1", "STOP")
    x.now += A_SECOND
    x.say("1", "2001", "1", "STOP")
    x.now += 5 * SETTLE
    lines: list[str] = []
    sender = desk(acme, x, Lacking, log=lines.append)
    end = send.send_what_is_due(sender)
    assert (end.end, end.left_out) == (End.OUT, 1)
    assert opted_out() == 1
    assert [line for line in lines if odd in line] == [
        f"Message {odd} is left out: X did not show everything that is needed to read it."
    ]


def test_what_x_shows_whole_when_it_is_read_again_is_read(acme: Service, x: VirtualMessages) -> None:
    read_inbox(desk(acme, x))
    x.now += 100 * SETTLE
    x.say("1", "2001", "1", "STOP")
    lost = a_lost_message(acme, x.now)
    x.now += 90 * SETTLE
    read_inbox(desk(acme, x, Lacking))
    assert (opted_out(), row(lost).state, row(lost).reason_code) == (0, MessageState.UNCERTAIN, "")
    x.now += 90 * SETTLE
    read_inbox(desk(acme, x))
    assert (opted_out(), row(lost).state) == (1, MessageState.PENDING)


def test_what_x_never_shows_whole_is_read_no_more(acme: Service, x: VirtualMessages) -> None:
    read_inbox(desk(acme, x))
    x.now += SETTLE
    odd = x.say("1", "2001", "1", "STOP")
    for _ in range(3):
        x.now += 90 * SETTLE
        read_inbox(desk(acme, x, Lacking))
        with read_session() as session:
            read_to = int(session.get_one(Inbox, acme.id).read_to_id)
    assert read_to < int(odd)
    x.now += A_SECOND
    x.say("1", "2002", "1", "Hello")
    x.now += 90 * SETTLE
    read_inbox(desk(acme, x, Lacking))
    with read_session() as session:
        assert int(session.get_one(Inbox, acme.id).read_to_id) > int(odd)


def test_a_lost_message_is_left_to_a_person_where_x_left_something_out(acme: Service, x: VirtualMessages) -> None:
    lost = a_lost_message(acme)
    x.now += A_SECOND
    x.say("1", "1", "2001", "Hello")
    x.now += 90 * SETTLE
    read_inbox(desk(acme, x, Lacking))
    assert [row(lost).state, row(lost).reason_code] == [MessageState.UNCERTAIN, FOR_A_PERSON]
    assert row(lost).reason == (
        "Whether it is out is unknown: X left something out of messages of that time. `campaign delivery settle`"
        " decides."
    )
    assert waits_until(desk(acme, x)) is None


def test_what_x_leaves_out_of_a_known_message_leaves_nothing_unknown(acme: Service, x: VirtualMessages) -> None:
    lost = a_lost_message(acme)
    x.now += A_SECOND
    (person,) = people(1, acme)
    known = planned.message_to(planned.broadcast(acme), acme, person)
    x_id = x.say("1", "1", visitor_of(known), "Hello")
    with transaction() as session:
        waves.arm(session, {known: "Hello"}, [], x.now)
        log.record_outcomes(session, [Outcome(known, x.now, MessageState.SENT, x_id)], x.now)
    x.now += 90 * SETTLE
    read_inbox(desk(acme, x, Lacking))
    assert row(lost).state is MessageState.PENDING


def test_a_look_up_is_repeated_where_x_left_out_what_was_read_before(acme: Service, x: VirtualMessages) -> None:
    x.say("1", "2001", "1", "Hello")
    x.now += A_SECOND
    x.say("1", "2002", "1", "Hello")
    lost = a_lost_message(acme)
    x.now += 10 * SETTLE
    with transaction() as session:
        session.add(Inbox(service_id=acme.id, read_to_id=first_id_at(x.now - 5 * SETTLE), read_at=x.now - SETTLE))
    read_inbox(desk(acme, x, Lacking))
    assert (row(lost).state, row(lost).reason_code) == (MessageState.UNCERTAIN, "")
    x.now += 15 * SETTLE
    read_inbox(desk(acme, x))
    assert row(lost).state is MessageState.PENDING


def test_a_lost_message_in_a_quiet_conversation_is_left_to_a_person(acme: Service, x: VirtualMessages) -> None:
    (person,) = people(1, acme)
    before = planned.message_to(planned.broadcast(acme), acme, person)
    lost = planned.message_to(planned.broadcast(acme), acme, person)
    with transaction() as session:
        for message_id, at in [(before, NOW - timedelta(days=7)), (lost, NOW)]:
            waves.arm(session, {message_id: "Hello"}, [], at)
        log.record_outcomes(session, [Outcome(before, NOW - timedelta(days=7), MessageState.SENT, "99")], NOW)
        log.record_outcomes(session, [Outcome(lost, NOW, MessageState.UNCERTAIN)], NOW)
    x.now += 2 * SETTLE
    read_inbox(desk(acme, x))
    assert [row(lost).state, row(lost).reason_code] == [MessageState.UNCERTAIN, FOR_A_PERSON]


@pytest.mark.parametrize(
    ("is_first", "is_shown", "state"),
    [
        (True, False, MessageState.REFUSED),
        (True, True, MessageState.SENT),
        (False, True, MessageState.SENT),
        (False, False, MessageState.UNCERTAIN),
    ],
    ids=["an old text again", "it is out", "the lost attempt is out", "the lost attempt may be out"],
)
def test_a_text_that_x_says_was_sent_before_is_looked_for(
    acme: Service, x: VirtualMessages, is_first: bool, is_shown: bool, state: MessageState
) -> None:
    lost = a_lost_message(acme)
    again = NOW + 5 * SETTLE
    with transaction() as session:
        known = session.get_one(Message, lost)
        known.armed_at, known.reason_code, known.reason = again, "already_said", "Sent before."
        known.first_armed_at = again if is_first else NOW
    if is_shown:
        x.now = again if is_first else NOW
        x.say("1", "1", visitor_of(lost), "Hello")
    x.now = again + 2 * SETTLE
    read_inbox(desk(acme, x))
    assert row(lost).state is state
    assert (row(lost).reason_code == FOR_A_PERSON) is (state is MessageState.UNCERTAIN)


def test_an_attempt_that_x_never_received_leaves_no_trace(acme: Service) -> None:
    (person,) = people(1, acme)
    message_id = planned.message_to(planned.broadcast(acme), acme, person)
    for place, (state, is_tried) in enumerate([(MessageState.PENDING, False), (MessageState.UNCERTAIN, True)]):
        at = NOW + place * SETTLE
        with transaction() as session:
            waves.arm(session, {message_id: "Hello"}, [], at)
            log.record_outcomes(session, [Outcome(message_id, at, state, is_tried=is_tried)], at)
    known = row(message_id)
    assert (known.first_armed_at, known.armed_at, known.attempts) == (NOW + SETTLE, NOW + SETTLE, 1)


def test_a_look_need_not_reach_further_back_than_what_it_is_for(acme: Service, x: VirtualMessages) -> None:
    x.page = 1
    for _ in range(20):
        x.say("1", "2001", "1", "Hello")
    with transaction() as session:
        session.add(Inbox(service_id=acme.id, read_to_id="1", read_at=NOW - SETTLE))
    x.now += 200 * A_SECOND
    (person,) = people(1, acme)
    lost = planned.message_to(planned.broadcast(acme), acme, person)
    with transaction() as session:
        waves.arm(session, {lost: "Hello"}, [], x.now)
        log.record_outcomes(session, [Outcome(lost, x.now, MessageState.UNCERTAIN)], x.now)
    x.now += SETTLE
    read_inbox(desk(acme, x))
    assert row(lost).state is MessageState.PENDING


def test_an_earlier_message_is_not_new(acme: Service, x: VirtualMessages) -> None:
    x.say("1", "2001", "1", "STOP")
    for _ in range(2):
        x.now += 5 * SETTLE
        read_inbox(desk(acme, x))
    with transaction() as session:
        session.delete(session.scalars(select(Suppression)).one())
    a_lost_message(acme)
    read_inbox(desk(acme, x))
    assert opted_out() == 0


def test_nothing_is_kept_of_messages_of_an_erased_person(acme: Service, x: VirtualMessages) -> None:
    with transaction() as session:
        visitors.record(session, ["2001"], NOW)
    x.say("1", "2001", "1", "STOP")
    x.say("1", "2002", "1", "Hello")
    x.now += SETTLE
    said: list[str] = []
    read_inbox(desk(acme, x, log=said.append))
    assert opted_out() == 0
    with read_session() as session:
        assert [visitor.external_id for visitor in session.scalars(select(Visitor))] == ["2002"]
    assert not any("2001" in line for line in said)


def armed_for(acme: Service, news: Delivery, at: BroadcastSender) -> Armed:
    with read_session() as session:
        stamp = deliveries.version_of(session, news)
    letter = OutgoingBroadcast(news.id, news.name, stamp, BroadcastText("Hello", {}, "", STOP))
    found = arm(at, letter, Span(news.id, acme.id))
    assert isinstance(found, Armed)
    return found


def test_no_call_begins_when_no_person_can_note_what_came_of_it(acme: Service, x: VirtualMessages) -> None:
    news = planned.broadcast(acme)
    for person in people(100, acme):
        planned.message_to(news, acme, person)
    at = desk(acme, x, Counting, at_once=2, check_every=0)
    armed = armed_for(acme, news, at)

    def gone() -> datetime:
        raise NotPossible("Lost the database connection.")

    with pytest.raises(NotPossible):
        send.send(replace(at, clock=gone), armed, None)
    assert 0 < cast("Any", at.gateway).calls < len(armed.texts)


class Repeating(MessageGateway):
    """X answers every call with the id of the first message."""

    def send_message(self, message: NewMessage) -> Answer[str]:
        answer = super().send_message(message)
        return replace(answer, value=self.x.sent_by("1")[0].x_id)


@pytest.mark.parametrize("at_once", [1, 3])
def test_an_answer_with_the_id_of_another_message_proves_nothing(
    acme: Service, x: VirtualMessages, at_once: int
) -> None:
    news = planned.broadcast(acme)
    for person in people(2, acme):
        planned.message_to(news, acme, person)
    sender = desk(acme, x, Repeating, at_once=at_once)
    assert send.send(sender, armed_for(acme, news, sender), None) is None
    x.now += 5 * SETTLE
    read_inbox(desk(acme, x))
    with read_session() as session:
        log = session.scalars(select(Message).where(col(Message.delivery_id) == news.id)).all()
    assert {(one.state, one.x_id) for one in log} == {(MessageState.SENT, one.x_id) for one in x.sent_by("1")}
    assert len(x.sent_by("1")) == 2


def test_messages_sent_side_by_side_are_each_settled_once(acme: Service, x: VirtualMessages) -> None:
    news = planned.broadcast(acme)
    for person in people(60, acme):
        planned.message_to(news, acme, person)
    at = desk(acme, x, at_once=4)
    assert send.send(at, armed_for(acme, news, at), None) is None
    with read_session() as session:
        log = session.scalars(select(Message).where(col(Message.delivery_id) == news.id)).all()
    assert {one.x_id for one in log if one.state is MessageState.SENT} == {one.x_id for one in x.sent_by("1")}
    assert len(x.sent_by("1")) == 60


def consents_by_sender() -> dict[str, str]:
    rows = select(Visitor.external_id, Consent.source).join(Consent, col(Consent.visitor_id) == col(Visitor.id))
    with read_session() as session:
        return {external_id: str(source) for external_id, source in session.exec(rows)}


def test_a_message_that_may_be_an_opt_out_is_no_consent_nor_is_a_later_one(acme: Service, x: VirtualMessages) -> None:
    x.say("1", "2001", "1", "No thanks")
    x.say("1", "2002", "1", "Do you have size 42?")
    x.say("1", "2003", "1", "please stop it")
    x.now += 5 * SETTLE
    read_inbox(desk(acme, x))
    assert (consents_by_sender(), opted_out()) == ({"2002": "wrote_first"}, 1)
    x.say("1", "2001", "1", "And size 43?")
    x.now += 5 * SETTLE
    read_inbox(desk(acme, x))
    assert consents_by_sender() == {"2002": "wrote_first"}
    with read_session() as session:
        (waiting,) = lists.unclear_messages(session, acme.id)
    assert (waiting.external_id, waiting.conversation) == ("2001", "https://x.com/messages/1-2001")


def test_a_decided_unclear_message_does_not_come_back(acme: Service, x: VirtualMessages) -> None:
    x.say("1", "2001", "1", "no")
    x.now += A_SECOND
    read_inbox(desk(acme, x))
    with transaction() as session:
        person = session.scalars(select(Visitor.id)).one()
        assert consents.decide(session, acme.id, person, x.now)
    x.now += A_SECOND
    read_inbox(desk(acme, x))
    with read_session() as session:
        assert list(lists.unclear_messages(session)) == []
    x.say("1", "2001", "1", "No!")
    x.now += A_SECOND
    read_inbox(desk(acme, x))
    with read_session() as session:
        assert lists.count_unclear(session) == 1


def test_an_opt_out_decides_what_was_unclear(acme: Service, x: VirtualMessages) -> None:
    x.say("1", "2001", "1", "no")
    x.say("1", "2001", "1", "STOP")
    x.say("1", "2001", "1", "no")
    x.now += A_SECOND
    read_inbox(desk(acme, x))
    with read_session() as session:
        assert (lists.count_unclear(session), opted_out()) == (0, 1)

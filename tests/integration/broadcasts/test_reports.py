"""What is counted for the report of a broadcast, on both databases."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

import pytest
from sqlalchemy import update
from sqlmodel import Session, col, select

from campaign.broadcasts import log, waves
from campaign.broadcasts import report as broadcast_reports
from campaign.broadcasts.report import ReasonCount, document_of, report_on, standing_of
from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from campaign.deliveries.findings import Analysis, WavePlan
from campaign.deliveries.kind import End, Progress
from campaign.deliveries.log import FOR_A_PERSON
from models import Delivery, DeliveryState, Message, MessageState, Service, Visitor, Wave
from tests.broadcasting import broadcast
from tests.databases import Database
from tests.factories import NOW, service

HOUR = timedelta(hours=1)
SENT, REFUSED, PENDING, CANCELLED, UNCERTAIN = (
    MessageState.SENT,
    MessageState.REFUSED,
    MessageState.PENDING,
    MessageState.CANCELLED,
    MessageState.UNCERTAIN,
)
#: Of acme in two waves of three, then of acme_de.
STATES = [SENT, REFUSED, SENT, SENT, PENDING, CANCELLED, SENT, MessageState.UNCERTAIN]


@pytest.fixture
def sent(database: Database) -> Delivery:
    """A broadcast on two services, half out, beside another one and its own proof."""
    assert database
    with transaction() as session:
        acme, german = service(), service(block_id="block-de", internal_name="acme_de")
        session.add_all([acme, german])
        session.flush()
        delivery = _made(session, broadcast(label="Autumn"), "dm-autumn", [acme, german])
        other = _made(session, broadcast(label="Winter"), "dm-winter", [acme])
        for place, state in enumerate(STATES):
            _message(session, delivery, acme if place < 6 else german, place, state)
        _message(session, other, acme, 0, SENT)
        _message(session, delivery, acme, 0, SENT, proof_number=1)
        first = {place: _id_of(session, delivery, place) for place in (0, 3, 6)}
        for service_id, number, place, after in [(acme.id, 1, 0, 0), (acme.id, 2, 3, 3600), (german.id, 1, 6, 0)]:
            session.add(
                Wave(
                    delivery_id=delivery.id,
                    service_id=service_id,
                    number=number,
                    first_message_id=first[place],
                    recipients=3 if service_id == acme.id else 2,
                    offset_seconds=after,
                )
            )
    return delivery


def _made(session: Session, draft: Draft, name: str, services: list[Service]) -> Delivery:
    delivery = deliveries.create(session, draft, name, services, None, actor="a test", now=NOW)
    delivery.state, delivery.started_at = DeliveryState.IN_PROGRESS, NOW
    wave = WavePlan(service="acme", number=1, recipients=8, begins_at=NOW, ends_at=NOW + HOUR)
    analysis = Analysis(targeted=10, excluded={"opted_out": 2}, waves=[wave], ends_at=NOW + HOUR)
    delivery.analysis = analysis.model_dump_json()
    return delivery


def _message(
    session: Session, delivery: Delivery, account: Service, place: int, state: MessageState, proof_number: int = 0
) -> None:
    visitor = session.get(Visitor, place + 1) or Visitor(
        id=place + 1,
        external_id=str(100 + place),
        username=f"person_{place}",
        full_name=f"Person {place}",
        folder="V",
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(visitor)
    refused = state is REFUSED
    session.add(
        Message(
            delivery_id=delivery.id,
            service_id=account.id,
            visitor_id=visitor.id,
            proof_number=proof_number,
            state=state,
            text="",
            x_id=f"{delivery.id}{proof_number}{place}" if state is SENT else None,
            reason_code="dm_closed" if refused else "",
            reason="X does not deliver." if refused else "",
            settled_at=None if state is PENDING else NOW + place * timedelta(minutes=20),
        )
    )
    session.flush()


def _id_of(session: Session, delivery: Delivery, place: int) -> int:
    wanted = select(Message.id).where(
        Message.delivery_id == delivery.id, Message.visitor_id == place + 1, Message.proof_number == 0
    )
    return session.exec(wanted).one()


def test_messages_are_counted_by_service_and_state(sent: Delivery) -> None:
    with read_session() as session:
        acme, german = deliveries.targets_of(session, sent)
        counted = waves.count_by_service(session, sent.id)
        assert counted[acme.id] == Counter({SENT: 3, REFUSED: 1, PENDING: 1, CANCELLED: 1})
        assert counted[german.id] == Counter({SENT: 1, MessageState.UNCERTAIN: 1})
        assert waves.count_by_state(session, sent.id) == counted[acme.id] + counted[german.id]


def test_refusals_are_counted_by_their_reason(sent: Delivery) -> None:
    with read_session() as session:
        assert broadcast_reports.reasons(session, sent.id, REFUSED) == (
            ReasonCount("dm_closed", "X does not deliver.", 1),
        )


def test_what_was_sent_is_counted_by_the_hour(sent: Delivery) -> None:
    seven = datetime(2026, 11, 26, 7, tzinfo=UTC)
    with read_session() as session:
        # At 7:30, 8:10, 8:30 and 9:30.
        assert broadcast_reports.sent_per_hour(session, sent.id) == (
            (seven, 1),
            (seven + HOUR, 2),
            (seven + 2 * HOUR, 1),
        )


def test_what_was_sent_is_counted_by_wave(sent: Delivery) -> None:
    with read_session() as session:
        counted = broadcast_reports.sent_by_wave(session, sent.id)
    assert [(wave.number, wave.recipients, count) for wave, count in counted] == [(1, 3, 2), (2, 3, 1), (1, 2, 1)]


def test_the_log_has_a_line_for_each_message_in_their_order(sent: Delivery) -> None:
    with read_session() as session:
        lines = list(log.lines(session, sent))
    assert [line.state for line in lines] == [state.value for state in STATES]
    assert [line.wave for line in lines] == [1, 1, 1, 2, 2, 2, 1, 1]
    assert [line.service for line in lines] == ["acme"] * 6 + ["acme_de"] * 2
    first = lines[1]
    assert (first.external_id, first.username, first.full_name) == ("101", "person_1", "Person 1")
    assert (first.reason, first.at, first.x_id) == ("X does not deliver.", NOW + timedelta(minutes=20), None)


def test_the_log_of_those_who_got_nothing_is_shorter(sent: Delivery) -> None:
    with read_session() as session:
        states = [MessageState.REFUSED, MessageState.UNCERTAIN, MessageState.CANCELLED]
        failed = [line.state for line in log.lines(session, sent, states=states)]
        assert failed == ["refused", "cancelled", "uncertain"]
        assert len(list(islice(log.lines(session, sent), 2))) == 2


def test_the_report_has_all_of_it(sent: Delivery) -> None:
    with read_session() as session:
        acme, german = deliveries.targets_of(session, sent)
    ends = [
        Progress(acme.id, End.WAITING, "X allows no more messages for now.", NOW + HOUR, left_out=2),
        Progress(german.id, End.CAPPED),
        Progress(999, End.WAITING, until=NOW + timedelta(minutes=1), left_out=5),
    ]
    report = report_on(sent, ends)
    assert (report.targeted, report.excluded) == (10, {"opted_out": 2})
    assert report.numbers.summary() == "sent 4, refused 1, uncertain 1, cancelled 1, pending 1 of 8"
    assert (report.cost, report.spend_cap) == (Decimal("0.060"), Decimal(100))
    assert [(one.service, one.cost) for one in report.services] == [
        ("acme", Decimal("0.045")),
        ("acme_de", Decimal("0.015")),
    ]
    assert (report.started_at, report.goes_on_at, report.left_out) == (NOW, NOW + HOUR, 2)
    assert report.goes_on_because == "X allows no more messages for now."
    assert len(report.waves) == 3
    assert document_of(report)


@pytest.mark.parametrize("state", [DeliveryState.PAUSED, DeliveryState.STOPPED, DeliveryState.FAILED])
def test_a_report_promises_nothing_of_a_broadcast_that_does_not_go_out(sent: Delivery, state: DeliveryState) -> None:
    with transaction() as session:
        known = deliveries.get(session, sent.id)
        known.state = state
        ends = [Progress(one.id, End.WAITING, until=NOW + HOUR) for one in deliveries.targets_of(session, known)]
    assert report_on(sent, ends).goes_on_at is None


def test_what_is_left_to_a_person_is_reported_with_each_reason(sent: Delivery) -> None:
    reasons = ["the account had too many messages since", "X left something out", "X left something out"]
    with transaction() as session:
        session.execute(update(Message).where(col(Message.state) == PENDING).values(state=SENT))
        rows = select(Message).where(col(Message.delivery_id) == sent.id, col(Message.proof_number) == 0)
        for message, reason in zip(session.scalars(rows.order_by(col(Message.id))), reasons, strict=False):
            message.state, message.reason, message.reason_code = UNCERTAIN, reason, FOR_A_PERSON
    report = report_on(sent)
    assert [(one.sentence, one.count) for one in report.unknown if one.code == FOR_A_PERSON] == [
        ("X left something out", 2),
        ("the account had too many messages since", 1),
    ]
    assert report.is_unhappy
    assert report.sentence == (
        "3 messages may be out or not. Look on X, then decide each with: campaign delivery settle dm-autumn --to HANDLE"
    )


def test_a_broadcast_that_did_not_start_has_a_report_too(database: Database) -> None:
    assert database
    with transaction() as session:
        delivery = deliveries.create(session, broadcast(), "dm-new", [], None, actor="a test", now=NOW)
    report = report_on(delivery)
    assert (report.numbers.total, report.per_hour, report.duration, report.ends_about) == (0, (), timedelta(), None)
    assert document_of(report)


def test_what_does_not_change_on_the_way_is_read_once(sent: Delivery) -> None:
    with read_session() as session:
        standing = standing_of(session, sent)
    assert (standing.price, standing.spend_cap) == (Decimal("0.015"), Decimal(100))
    assert list(standing.waves) == [NOW, NOW + HOUR]
    assert standing.planned_end == NOW + HOUR

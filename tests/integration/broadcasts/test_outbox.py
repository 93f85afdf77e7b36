"""Direct messages on their way out, on both databases: chosen, armed once, settled by their own attempt only."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from campaign.broadcasts import settle, waves
from campaign.broadcasts.waves import Candidate, Span
from campaign.consent import permission
from campaign.consent import store as consent
from campaign.db.engine import engine, read_session, transaction
from campaign.deliveries import log
from campaign.deliveries.log import Outcome
from campaign.limits import rate_limits
from models import (
    Consent,
    ConsentSource,
    Delivery,
    DeliveryState,
    ExclusionReason,
    Message,
    MessagePolicy,
    MessageState,
    Service,
    Unreachable,
)
from tests import planned
from tests.crowds import add, do, people, reached, unfollow
from tests.databases import Database
from tests.factories import NOW
from tests.integration.db.test_concurrency import at_once
from tests.planned import state_of
from tests.readings import saved_service

A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service(message_policy=MessagePolicy.CONSENTED_ONLY, frequency_cap=2)


@pytest.fixture
def news(acme: Service) -> Delivery:
    return planned.broadcast(acme)


def willing(service: Service, how_many: int) -> list[int]:
    """People who follow and agreed."""
    found = people(how_many, service)
    by = ConsentSource.OPERATOR
    add(*(Consent(service_id=service.id, visitor_id=one, source=by, proof="a note", given_at=NOW) for one in found))
    return found


def messages_to(delivery: Delivery, service: Service, visitors: list[int]) -> list[int]:
    return [planned.message_to(delivery, service, each) for each in visitors]


def armed(service: Service, message_ids: list[int], after: timedelta = timedelta()) -> set[int]:
    with transaction() as session:
        texts = {message_id: f"Hello {message_id}" for message_id in message_ids}
        return waves.arm(session, texts, permission.of_broadcast(service, NOW), NOW + after)


def settled(*known: Outcome) -> list[tuple[MessageState, Outcome]]:
    with transaction() as session:
        return log.record_outcomes(session, known, NOW + A_MINUTE)


def row(message_id: int) -> Message:
    with read_session() as session:
        return session.get_one(Message, message_id)


def chosen(span: Span, service: Service) -> list[Candidate]:
    with read_session() as session:
        return waves.candidates(session, span, permission.of_broadcast(service, NOW), 100)


def test_what_is_armed_has_its_text_and_its_moment(acme: Service, news: Delivery) -> None:
    first, second = messages_to(news, acme, willing(acme, 2))
    assert armed(acme, [first, second]) == {first, second}
    assert [row(first).text, row(first).attempts] == [f"Hello {first}", 1]
    assert row(second).armed_at == row(second).first_armed_at == NOW


def test_no_person_is_armed_who_may_not_be_written_to_any_more(acme: Service, news: Delivery) -> None:
    ok, opted_out, denied, gone, shut, unasked, full = visitors = willing(acme, 7)
    ids = dict(zip(visitors, messages_to(news, acme, visitors), strict=True))
    other = planned.broadcast(acme)
    do(partial(consent.opt_out, service_id=acme.id, visitor_id=opted_out, proof="9", at=NOW))
    do(partial(consent.suppress, visitor_id=denied, proof="a note", at=NOW))
    with transaction() as session:  # as if they had been armed and given back meanwhile
        for message in session.scalars(select(Message).where(col(Message.visitor_id).in_([opted_out, denied]))):
            message.state = MessageState.PENDING
        session.get_one(
            Consent, session.scalars(select(col(Consent.id)).where(col(Consent.visitor_id) == unasked)).one()
        ).ended_at = NOW
    unfollow(acme, gone)
    add(Unreachable(service_id=acme.id, visitor_id=shut, reason="closed", at=NOW))
    for days_ago in (1, 2):
        reached(planned.broadcast(acme), acme, full, days_ago=days_ago)
    reached(other, acme, ok, days_ago=30)
    told = {one.visitor_id: one.reason for one in chosen(Span(news.id, acme.id), acme)}
    assert told == {
        ok: None,
        opted_out: ExclusionReason.OPTED_OUT,
        denied: ExclusionReason.SUPPRESSED,
        gone: ExclusionReason.NOT_A_FOLLOWER,
        shut: ExclusionReason.DOES_NOT_RECEIVE,
        unasked: ExclusionReason.NO_CONSENT,
        full: ExclusionReason.FREQUENCY_CAP,
    }
    assert armed(acme, list(ids.values())) == {ids[ok]}


def test_a_message_that_is_not_pending_is_not_armed(acme: Service, news: Delivery) -> None:
    visitors = willing(acme, len(MessageState))
    ids = {
        state: planned.message_to(news, acme, visitor, state)
        for state, visitor in zip(MessageState, visitors, strict=True)
    }
    assert armed(acme, list(ids.values())) == {ids[MessageState.PENDING]}


def test_a_span_is_a_part_of_a_broadcast_in_order(acme: Service, news: Delivery) -> None:
    ids = messages_to(news, acme, willing(acme, 5))
    messages_to(planned.broadcast(acme), acme, willing(acme, 2))
    span = Span(news.id, acme.id, ids[1], ids[4])
    assert [one.message_id for one in chosen(span, acme)] == ids[1:4]
    armed(acme, ids[1:2])
    with read_session() as session:
        assert waves.pending(session, span) == ids[2]
        assert waves.pending(session, Span(news.id, acme.id, ids[4] + 1)) is None


def armed_in_turn(service: Service, news: Delivery, message_ids: list[int], after: timedelta) -> set[int]:
    """As a sender does it: who stops the broadcast, or sends from another service, waits."""
    with transaction() as session:
        waves.lock(session, news.id)
        texts = dict.fromkeys(message_ids, "Hello")
        return waves.arm(session, texts, permission.of_broadcast(service, NOW), NOW + after)


def test_several_who_arm_the_same_batch_never_get_the_same_message(acme: Service, news: Delivery) -> None:
    ids = messages_to(news, acme, willing(acme, 40))
    for turn in range(5):
        after = turn * A_MINUTE
        got = at_once(*[partial(armed_in_turn, acme, news, ids[part:], after) for part in (0, 10, 20, 30)])
        assert sorted(one for each in got for one in each) == sorted(ids)  # type: ignore[attr-defined]
        settled(*(Outcome(one, NOW + after, MessageState.PENDING) for one in ids))


def test_even_without_a_turn_one_of_several_gets_a_message(acme: Service, news: Delivery) -> None:
    for message_id in messages_to(news, acme, willing(acme, 5)):
        got = at_once(*[partial(armed, acme, [message_id])] * 4)
        assert sorted(map(len, got)) == [0, 0, 0, 1]  # type: ignore[arg-type]


def test_outcomes_are_written_as_they_are(acme: Service, news: Delivery) -> None:
    sent, refused, lost, back = ids = messages_to(news, acme, willing(acme, 4))
    armed(acme, ids)
    written = settled(
        Outcome(sent, NOW, MessageState.SENT, "77"),
        Outcome(refused, NOW, MessageState.REFUSED, None, "No.", "dm_closed"),
        Outcome(lost, NOW, MessageState.UNCERTAIN, None, "X did not answer.", "no_answer"),
        Outcome(back, NOW, MessageState.PENDING, is_tried=False),
    )
    assert [before for before, _ in written] == [MessageState.SENDING] * 4
    assert [row(one).state.value for one in ids] == ["sent", "refused", "uncertain", "pending"]
    assert [row(one).reason_code for one in ids] == ["", "dm_closed", "no_answer", ""]
    assert row(sent).x_id == "77"
    assert [row(one).attempts for one in ids] == [1, 1, 1, 0]
    assert [row(one).armed_at for one in (lost, back)] == [NOW, None]


def test_a_settled_message_is_not_settled_again(acme: Service, news: Delivery) -> None:
    (one,) = messages_to(news, acme, willing(acme, 1))
    armed(acme, [one])
    settled(Outcome(one, NOW, MessageState.SENT, "77"))
    assert settled(Outcome(one, NOW, MessageState.PENDING)) == []
    assert row(one).state is MessageState.SENT


def test_an_earlier_attempt_does_not_settle_a_later_one(acme: Service, news: Delivery) -> None:
    (one,) = messages_to(news, acme, willing(acme, 1))
    armed(acme, [one])
    settled(Outcome(one, NOW, MessageState.PENDING))
    armed(acme, [one], after=A_MINUTE)
    assert settled(Outcome(one, NOW, MessageState.PENDING)) == []
    assert row(one).state is MessageState.SENDING
    assert row(one).attempts == 2
    assert row(one).first_armed_at == NOW


@pytest.mark.parametrize("state", [DeliveryState.STOPPED, DeliveryState.EXPIRED, DeliveryState.FINISHED])
def test_what_did_not_go_out_of_a_broadcast_that_is_over_never_does(
    acme: Service, news: Delivery, state: DeliveryState
) -> None:
    (one,) = messages_to(news, acme, willing(acme, 1))
    armed(acme, [one])
    with transaction() as session:
        session.get_one(Delivery, news.id).state = state
    settled(Outcome(one, NOW, MessageState.PENDING))
    assert row(one).state is MessageState.CANCELLED


def test_what_a_process_left_behind_is_uncertain_from_then_on(acme: Service, news: Delivery) -> None:
    beta = saved_service(internal_name="beta", block_id="block-beta")
    left, other = willing(acme, 2)
    mine = planned.message_to(news, acme, left)
    armed(acme, [mine])
    planned.message_to(news, acme, other)
    planned.message_to(news, beta, other, MessageState.SENDING)
    with transaction() as session:
        assert settle.lose(session, acme.id, NOW + A_MINUTE) == [(mine, news.id, 0)]
    with read_session() as session:
        (found,) = settle.uncertain(session, acme.id)
    assert [found.message_id, found.text] == [mine, f"Hello {mine}"]
    assert [found.armed_at, found.called_by] == [NOW, NOW + A_MINUTE]


def test_who_is_left_out_at_the_last_moment_is_reported_why(acme: Service, news: Delivery) -> None:
    first, second, third = ids = messages_to(news, acme, willing(acme, 3))
    armed(acme, [third])
    with transaction() as session:
        assert waves.drop(session, dict.fromkeys(ids, ("opted_out", 'She said: "stop".')), NOW) == 2
    assert [state_of(one).value for one in ids] == ["cancelled", "cancelled", "sending"]
    assert [row(first).reason, row(second).reason_code] == ['She said: "stop".', "opted_out"]


def test_attempts_count_from_their_end_and_each_time(acme: Service, news: Delivery) -> None:
    one, two, three = ids = messages_to(news, acme, willing(acme, 3))
    armed(acme, ids)
    settled(Outcome(one, NOW, MessageState.PENDING), Outcome(two, NOW, MessageState.PENDING, is_tried=False))
    armed(acme, [one], after=2 * A_MINUTE)
    with read_session() as session:
        since = rate_limits.tried_since(session, [acme.id], NOW - A_MINUTE)
        assert rate_limits.being_sent(session, [acme.id]) == {acme.id: 2}
        assert rate_limits.may_go_on(session, {three}, NOW)
        assert not rate_limits.may_go_on(session, {one, three}, NOW)
        assert rate_limits.with_unsettled(session) == [acme.id]
    assert sorted(since) == [NOW, NOW + 2 * A_MINUTE, NOW + 2 * A_MINUTE]


def test_an_attempt_that_x_did_not_receive_does_not_hide_the_one_before_it(acme: Service, news: Delivery) -> None:
    (one,) = messages_to(news, acme, willing(acme, 1))
    armed(acme, [one])
    settled(Outcome(one, NOW, MessageState.PENDING))
    armed(acme, [one], after=2 * A_MINUTE)
    settled(Outcome(one, NOW + 2 * A_MINUTE, MessageState.PENDING, is_tried=False))
    with read_session() as session:
        # Once, and no earlier than it can have been.
        (counted,) = rate_limits.tried_since(session, [acme.id], NOW - A_MINUTE)
    assert counted >= NOW
    assert row(one).first_armed_at == NOW


def test_a_batch_of_a_hundred_takes_a_statement_each(acme: Service, news: Delivery) -> None:
    ids = messages_to(news, acme, willing(acme, 100))
    statements: list[str] = []
    event.listen(engine(), "before_cursor_execute", lambda _c, _cur, said, *_: statements.append(said))
    assert len(chosen(Span(news.id, acme.id), acme)) == 100
    assert len(armed(acme, ids)) == 100
    settled(*(Outcome(one, NOW, MessageState.SENT, str(one)) for one in ids))
    asked = [said for said in statements if not said.startswith(("PRAGMA", "BEGIN"))]
    assert len(asked) == 4, asked


def test_services_of_one_app_are_known_by_its_mark(database: Database) -> None:  # noqa: ARG001
    one, two, other, without = (
        saved_service(internal_name=f"s{number}", block_id=f"b{number}", app=app)
        for number, app in enumerate(["app", "app", "another", ""])
    )
    saved_service(internal_name="s9", block_id="b9", app="")
    with transaction() as session:
        assert rate_limits.of_same_app(session, one) == [one.id, two.id]
        assert rate_limits.of_same_app(session, other) == [other.id]
        assert rate_limits.of_same_app(session, without) == [without.id]
        rate_limits.lock_app(session, one)

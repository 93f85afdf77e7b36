"""Consents and suppressions on both databases: given once, taken back for good, and nothing goes out after that."""

from datetime import timedelta
from functools import partial
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from campaign.consent import permission
from campaign.consent import store as consents
from campaign.consent.store import GivenConsent
from campaign.db.engine import read_session, transaction
from models import (
    EVERY_SERVICE,
    Consent,
    ConsentSource,
    DeliveryState,
    Message,
    MessageState,
    Service,
    Suppression,
    SuppressionReason,
    Unreachable,
    Visitor,
)
from tests.databases import Database
from tests.factories import NOW, follower, page
from tests.integration.db.test_concurrency import at_once
from tests.planned import broadcast, message_to, state_of
from tests.readings import everybody, read_all, saved_service

A_DAY = timedelta(days=1)
FORM = ConsentSource.OPT_IN_FORM
_numbers = count(1)


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service()


@pytest.fixture
def ana(acme: Service) -> int:
    return met(acme, "1")


def met(service: Service, external_id: str) -> int:
    with transaction() as session:
        visitor_id = consents.visitor_of(session, external_id, service.visitor_folder, NOW)
        assert visitor_id
        return visitor_id


def agree(service: Service, person: int, after: timedelta = timedelta()) -> bool:
    with transaction() as session:
        return consents.agree(session, service.id, person, FORM, "the form", NOW + after)


def opt_out(service: Service, person: int, after: timedelta = timedelta(), proof: str = "a message") -> int:
    with transaction() as session:
        return consents.opt_out(session, service.id, person, proof, NOW + after)


def consents_of(service: Service, person: int) -> list[Consent]:
    wanted = select(Consent).where(col(Consent.service_id) == service.id, col(Consent.visitor_id) == person)
    with read_session() as session:
        return list(session.exec(wanted.order_by(col(Consent.id))))


def suppression_of(service_id: int, person: int) -> Suppression | None:
    with read_session() as session:
        return session.get(Suppression, (service_id, person))


def test_a_writer_who_does_not_follow_is_a_visitor_with_an_id_only(acme: Service) -> None:
    assert met(acme, "77") == met(acme, "77")
    row = everybody()["77"]
    assert (row.origin, row.username, row.folder, row.created_at) == ("Twitter", None, "Visitors", NOW)


def test_who_follows_is_the_visitor_that_the_sync_met(acme: Service) -> None:
    read_all(acme, [page([1])])
    assert met(acme, "1") == everybody()["1"].id
    assert everybody()["1"].username == "person_1"


def test_two_that_meet_a_person_at_once_meet_one_visitor(acme: Service) -> None:
    for turn in range(8):
        first, second = at_once(*[partial(met, acme, f"9{turn}")] * 2)
        assert first == second
        assert isinstance(first, int)


def test_a_consent_is_given_once(acme: Service, ana: int) -> None:
    assert [agree(acme, ana), agree(acme, ana, A_DAY)] == [True, False]
    (consent,) = consents_of(acme, ana)
    assert (consent.source, consent.proof, consent.given_at) == (FORM, "the form", NOW)
    assert (consent.ended_at, consent.ended_because) == (None, "")


def test_a_consent_given_twice_at_once_is_one(acme: Service) -> None:
    for turn in range(8):
        assert sorted(at_once(*[partial(agree, acme, 100 + turn)] * 2), key=str) == [False, True]


def test_a_consent_to_one_service_is_none_to_another(acme: Service, ana: int) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    agree(acme, ana)
    assert consents_of(other, ana) == []
    assert agree(other, ana)


def test_many_agree_at_once_and_the_same_list_again_changes_nothing(acme: Service) -> None:
    given = [GivenConsent(number, ConsentSource.IMPORT, 'a "list"\x00 \\ :x', NOW) for number in (3, 1, 2, 1)]
    with transaction() as session:
        assert consents.agree_all(session, acme.id, given) == 3
        assert consents.agree_all(session, acme.id, given) == 0
        assert consents.agree_all(session, acme.id, []) == 0
    (consent,) = consents_of(acme, 1)
    assert (consent.source, consent.proof, consent.given_at) == (ConsentSource.IMPORT, 'a "list" \\ :x', NOW)


def test_an_opt_out_ends_the_consent_and_suppresses(acme: Service, ana: int) -> None:
    agree(acme, ana)
    opt_out(acme, ana, A_DAY, "1234")
    (consent,) = consents_of(acme, ana)
    assert (consent.ended_at, consent.ended_because) == (NOW + A_DAY, "1234")
    found = suppression_of(acme.id, ana)
    assert found
    assert (found.reason, found.proof, found.at) == (SuppressionReason.OPT_OUT, "1234", NOW + A_DAY)


def test_an_opt_out_twice_is_the_first_one(acme: Service, ana: int) -> None:
    opt_out(acme, ana, proof="first")
    first = suppression_of(acme.id, ana)
    assert opt_out(acme, ana, A_DAY, "second") == 0
    assert suppression_of(acme.id, ana) == first


def test_what_gave_a_consent_before_it_was_taken_back_gives_none_after(acme: Service, ana: int) -> None:
    agree(acme, ana)
    opt_out(acme, ana, A_DAY)
    assert not agree(acme, ana)
    assert agree(acme, ana, 2 * A_DAY)
    assert suppression_of(acme.id, ana)


def test_an_opt_out_cancels_what_is_pending_and_only_that(acme: Service, ana: int) -> None:
    delivery, states = broadcast(acme, proofs=len(MessageState)), list(MessageState)
    rows = {state: message_to(delivery, acme, ana, state, proof_number=place) for place, state in enumerate(states)}
    assert opt_out(acme, ana) == 1
    after = {state: state_of(row) for state, row in rows.items()}
    assert after == {state: state for state in states} | {MessageState.PENDING: MessageState.CANCELLED}
    with read_session() as session:
        cancelled = session.get_one(Message, rows[MessageState.PENDING])
    assert cancelled.reason_code == "opted_out"
    assert cancelled.reason == "The person wants no more messages from this service."


@pytest.mark.parametrize("state", list(DeliveryState))
def test_an_opt_out_looks_at_every_broadcast_that_is_not_over(acme: Service, ana: int, state: DeliveryState) -> None:
    is_over = state in {DeliveryState.FINISHED, DeliveryState.STOPPED, DeliveryState.EXPIRED}
    row = message_to(broadcast(acme, state), acme, ana)
    assert opt_out(acme, ana) == (0 if is_over else 1)
    assert state_of(row) is (MessageState.PENDING if is_over else MessageState.CANCELLED)


def test_an_opt_out_leaves_other_people_and_other_services_alone(acme: Service, ana: int) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    delivery = broadcast(acme)
    rows = [message_to(delivery, other, ana), message_to(delivery, acme, met(acme, "2"))]
    assert opt_out(acme, ana) == 0
    assert {state_of(row) for row in rows} == {MessageState.PENDING}


def test_the_denylist_cancels_what_is_pending_on_all_services(acme: Service, ana: int) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    rows = [message_to(broadcast(acme), service, ana) for service in (acme, other)]
    with transaction() as session:
        assert consents.suppress(session, ana, "by letter", NOW) == 2
        assert consents.is_suppressed(session, acme.id, ana)
        assert consents.is_suppressed(session, other.id, ana)
    assert {state_of(row) for row in rows} == {MessageState.CANCELLED}
    found = suppression_of(EVERY_SERVICE, ana)
    assert found
    assert (found.reason, found.proof) == (SuppressionReason.DENYLIST, "by letter")


def test_the_persons_own_word_stands_above_an_operators(acme: Service, ana: int) -> None:
    with transaction() as session:
        consents.suppress(session, ana, "by letter", NOW, acme.id)
    opt_out(acme, ana, proof="1234")
    with transaction() as session:
        consents.suppress(session, ana, "again", NOW, acme.id)
    found = suppression_of(acme.id, ana)
    assert found
    assert (found.reason, found.proof) == (SuppressionReason.OPT_OUT, "1234")


def test_what_an_operator_lifts_is_gone_and_nothing_else(acme: Service, ana: int) -> None:
    opt_out(acme, ana)
    with transaction() as session:
        consents.suppress(session, ana, "by letter", NOW)
        assert consents.lift_suppression(session, ana, EVERY_SERVICE)
        assert not consents.lift_suppression(session, ana, EVERY_SERVICE)
        assert consents.is_suppressed(session, acme.id, ana)
        assert consents.lift_suppression(session, ana, acme.id)
        assert not consents.is_suppressed(session, acme.id, ana)


def test_the_last_reason_for_which_a_person_is_unreachable_counts(acme: Service, ana: int) -> None:
    with transaction() as session:
        consents.record_unreachable(session, acme.id, ana, "dm_closed", NOW)
        consents.record_unreachable(session, acme.id, ana, "blocked", NOW + A_DAY)
    with read_session() as session:
        row = session.get_one(Unreachable, (acme.id, ana))
    assert (row.reason, row.at) == ("blocked", NOW + A_DAY)


def test_a_message_is_armed_or_cancelled_when_both_happen_at_once(acme: Service) -> None:
    delivery = broadcast(acme)

    def arm(row: int) -> bool:
        with transaction() as session:
            message = session.get_one(Message, row, with_for_update=True)
            if message.state is MessageState.PENDING:
                message.become(MessageState.SENDING)
            return message.state is MessageState.SENDING

    for turn in range(8):
        person = met(acme, str(turn))
        row = message_to(delivery, acme, person)
        is_armed, cancelled = at_once(partial(arm, row), partial(opt_out, acme, person))
        assert (is_armed, cancelled) in {(True, 0), (False, 1)}
        assert state_of(row) is (MessageState.SENDING if is_armed else MessageState.CANCELLED)


def plan(service: Service, person: int, rows: list[int]) -> None:
    rows.append(message_to(broadcast(service), service, person))


def let_happen(what: str, service: Service, person: int, after: timedelta, rows: list[int]) -> None:
    """One of the things that may happen to a person, at a moment in no order."""
    with transaction() as session:
        match what:
            case "agree":
                consents.agree(session, service.id, person, ConsentSource.WROTE_FIRST, "a message", NOW + after)
            case "import":
                agreed = GivenConsent(person, ConsentSource.IMPORT, "a list", NOW + after)
                consents.agree_all(session, service.id, [agreed] * 2)
            case "opt out":
                consents.opt_out(session, service.id, person, f"message {after}", NOW + after)
            case "denylist":
                consents.suppress(session, person, "by letter", NOW + after)
            case "lift the denylist":
                consents.lift_suppression(session, person, EVERY_SERVICE)
            case "refuse":
                consents.record_unreachable(session, service.id, person, "blocked", NOW + after)
    if what == "plan":
        plan(service, person, rows)
    if what == "sync":
        read_all(service, [page([follower(1, receives_messages=True)])], now=NOW + after)


words = ["agree", "import", "plan", "opt out", "denylist", "lift the denylist", "refuse", "sync"]
happenings = st.lists(st.tuples(st.sampled_from(words), st.integers(min_value=0, max_value=5)), max_size=8)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings, happenings)
def test_after_an_opt_out_nothing_pending_goes_on(
    database: Database,  # noqa: ARG001
    before: list[tuple[str, int]],
    after: list[tuple[str, int]],
) -> None:
    number = next(_numbers)
    service = saved_service(internal_name=f"service_{number}", block_id=f"block-{number}")
    person, rows = met(service, "1"), list[int]()
    plan(service, person, rows)
    for what, days in before:
        let_happen(what, service, person, days * A_DAY, rows)
    opt_out(service, person)
    pending, first = list(rows), suppression_of(service.id, person)
    for what, days in after:
        let_happen(what, service, person, days * A_DAY, rows)
        assert {state_of(row) for row in pending} == {MessageState.CANCELLED}
        assert suppression_of(service.id, person) == first
        assert sum(one.ended_at is None for one in consents_of(service, person)) <= 1
    with read_session() as session:
        assert consents.is_suppressed(session, service.id, person)


def agreed_by(person: int, source: ConsentSource, service: Service, after: timedelta = timedelta()) -> bool:
    with transaction() as session:
        return consents.agree(session, service.id, person, source, source.value, NOW + after)


def test_a_marketing_consent_replaces_a_first_message_never_the_reverse(acme: Service, ana: int) -> None:
    assert agreed_by(ana, ConsentSource.WROTE_FIRST, acme)
    assert agreed_by(ana, FORM, acme, A_DAY)
    assert not agreed_by(ana, ConsentSource.WROTE_FIRST, acme, 2 * A_DAY)
    assert not agreed_by(ana, ConsentSource.IMPORT, acme, 2 * A_DAY)
    (consent,) = consents_of(acme, ana)
    assert (consent.source, consent.proof, consent.given_at) == (FORM, "opt_in_form", NOW + A_DAY)


@pytest.mark.parametrize("counts", [True, False])
def test_writing_first_counts_as_consent_only_where_the_service_says_so(acme: Service, ana: int, counts: bool) -> None:
    agreed_by(ana, ConsentSource.WROTE_FIRST, acme)
    bo = met(acme, "2")
    agreed_by(bo, FORM, acme)
    acme.wrote_first_counts = counts
    with read_session() as session:
        consented = set(session.scalars(select(Visitor.id).where(permission.consented(acme))))
        in_range = set(session.scalars(select(Visitor.id).where(permission.consented(acme, (ana, bo + 1)))))
    assert consented == in_range == ({ana, bo} if counts else {bo})

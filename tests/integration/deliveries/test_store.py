"""Deliveries on both databases: every change through one door, into the audit, and only what was confirmed goes out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval
from campaign.deliveries import log as messages
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Content, Draft, Part, RenderedPart
from campaign.errors import InvalidTransition, NotPossible, WrongUsage
from models import Delivery, DeliveryState, MessageState, Service
from tests.databases import Database
from tests.factories import NOW
from tests.readings import saved_service

DRAFT = Draft(label="Launch", content=Content(parts=[Part(text="One"), Part(text="Two")]))
A_MINUTE, A_DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service()


def made(service: Service, draft: Draft = DRAFT, name: str = "post-launch") -> Delivery:
    with transaction() as session:
        return deliveries.create(session, draft, name, [service], None, actor="ana", now=NOW)


def analysed(service: Service, fingerprint: str = "f1") -> Delivery:
    delivery = made(service)
    with transaction() as session:
        known = deliveries.get(session, delivery.id)
        approval.record_analysis(session, known, "{}", fingerprint, is_ok=True, actor="ana", now=NOW)
        return known


def confirm(delivery: Delivery, fingerprint: str = "f1") -> Delivery:
    with transaction() as session:
        known = deliveries.get(session, delivery.id)
        approval.confirm(session, known, fingerprint, "bo", "fine", NOW)
        return known


def known(delivery: Delivery) -> Delivery:
    with read_session() as session:
        return deliveries.get(session, delivery.id)


def history(delivery: Delivery) -> list[tuple[str, str]]:
    with read_session() as session:
        return [(entry.actor, entry.action) for entry in deliveries.audit_of(session, delivery)]


def parts(service: Service, *texts: str) -> list[RenderedPart]:
    return [RenderedPart(service.id, number, each) for number, each in enumerate(texts, 1)]


def test_a_delivery_is_read_back_as_it_was_described(acme: Service) -> None:
    described = DRAFT.model_copy(update={"services": ["acme"], "contact_date": NOW + A_DAY, "validity_days": 2})
    delivery = made(acme, described)
    with read_session() as session:
        assert deliveries.draft_of(session, deliveries.named(session, delivery.name)) == described


def test_every_change_is_in_the_audit_with_who_did_it(acme: Service) -> None:
    delivery = confirm(analysed(acme))
    assert history(delivery) == [
        ("ana", "created"),
        ("ana", "analysis"),
        ("ana", "analysed"),
        ("bo", "confirmed"),
        ("bo", "comment"),
    ]
    assert (delivery.confirmed_by, delivery.confirmed_at) == ("bo", NOW)


def test_a_change_voids_the_analysis_and_the_confirmation(acme: Service) -> None:
    delivery = confirm(analysed(acme))
    with transaction() as session:
        deliveries.change(
            session, deliveries.get(session, delivery.id), DRAFT, [acme], None, actor="ana", now=NOW + A_MINUTE
        )
    after = known(delivery)
    assert after.state is DeliveryState.BEING_EDITED
    assert (after.analysed_fingerprint, after.confirmed_fingerprint) == (None, None)


def test_an_analysis_with_errors_leaves_the_delivery_in_editing(acme: Service) -> None:
    delivery = made(acme)
    with transaction() as session:
        approval.record_analysis(
            session, deliveries.get(session, delivery.id), "{}", "f1", is_ok=False, actor="ana", now=NOW
        )
    assert known(delivery).state is DeliveryState.BEING_EDITED


def test_only_what_was_analysed_can_be_confirmed(acme: Service) -> None:
    with pytest.raises(NotPossible, match="only an analysed delivery can be confirmed"):
        confirm(made(acme))


def test_what_changed_since_its_analysis_cannot_be_confirmed(acme: Service) -> None:
    with pytest.raises(NotPossible, match="has changed since its analysis"):
        confirm(analysed(acme, "f1"), "f2")


def test_the_first_answer_is_final(acme: Service) -> None:
    delivery = confirm(analysed(acme))
    with pytest.raises(NotPossible, match="was confirmed by bo already"):
        confirm(delivery)
    with pytest.raises(NotPossible):
        approval.reject(delivery.name, "ana")


@pytest.mark.parametrize(("after", "state"), [(3, DeliveryState.BEING_EDITED), (2, DeliveryState.ANALYSED)])
def test_a_question_no_person_answered_for_three_days_is_taken_back(
    acme: Service, after: int, state: DeliveryState
) -> None:
    delivery = analysed(acme)
    with transaction() as session:
        approval.ask(session, deliveries.get(session, delivery.id), "a run", NOW)
    with transaction() as session:
        approval.return_unanswered(session, NOW + after * A_DAY)
    assert known(delivery).state is state


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE delivery SET content = replace(content, 'One', 'Won')",
        "UPDATE delivery SET validity_days = 9",
        "DELETE FROM delivery_target",
    ],
)
def test_the_stamp_changes_whichever_way_the_delivery_was_changed(acme: Service, change: str) -> None:
    delivery = confirm(analysed(acme))
    with transaction() as session:
        before = deliveries.version_of(session, deliveries.get(session, delivery.id))
        session.connection().execute(text(change))
    with read_session() as session:
        assert deliveries.version_of(session, deliveries.get(session, delivery.id)) != before


@pytest.mark.parametrize(
    ("contact_date", "now", "is_due"),
    [(None, NOW, True), (NOW + A_DAY, NOW, False), (NOW + A_DAY, NOW + A_DAY, True)],
)
def test_what_is_confirmed_is_due_from_its_contact_date_on(
    acme: Service, contact_date: datetime | None, now: datetime, is_due: bool
) -> None:
    delivery = confirm(analysed(acme))
    with transaction() as session:
        deliveries.get(session, delivery.id).contact_date = contact_date
    with read_session() as session:
        assert [one.name for one in deliveries.due(session, now)] == ([delivery.name] if is_due else [])


def test_a_state_that_is_not_next_is_refused(acme: Service) -> None:
    delivery = made(acme)
    with transaction() as session, pytest.raises(InvalidTransition):
        deliveries.move(session, deliveries.get(session, delivery.id), DeliveryState.IN_PROGRESS, "ana", NOW)


def test_an_unknown_name_is_reported_in_one_sentence(acme: Service) -> None:  # noqa: ARG001
    with read_session() as session, pytest.raises(WrongUsage, match="There is no delivery 'nothing'"):
        deliveries.named(session, "nothing")


def plan(delivery: Delivery, *rendered: RenderedPart) -> None:
    with transaction() as session:
        messages.plan(session, deliveries.get(session, delivery.id), rendered)


def log(delivery: Delivery) -> list[tuple[int, str, MessageState]]:
    with read_session() as session:
        rows = messages.of_delivery(session, deliveries.get(session, delivery.id))
        return [(row.part, row.text, row.state) for row in rows]


def test_a_correction_changes_only_what_is_not_out(acme: Service) -> None:
    delivery = made(acme)
    plan(delivery, *parts(acme, "One", "Two", "Three"))
    with transaction() as session:
        first, second, _ = messages.of_delivery(session, deliveries.get(session, delivery.id))
        for message, state, x_id in ((first, MessageState.SENT, "1"), (second, MessageState.REFUSED, None)):
            messages.arm(session, message, NOW)
            messages.record_outcome(session, message, state, NOW, x_id=x_id)
    plan(delivery, *parts(acme, "One!", "Two!"))
    assert log(delivery) == [
        (1, "One", MessageState.SENT),
        (2, "Two!", MessageState.PENDING),
        (3, "Three", MessageState.CANCELLED),
    ]


def test_one_post_on_x_is_one_message(acme: Service) -> None:
    delivery = made(acme)
    plan(delivery, *parts(acme, "One", "Two"))

    def claim_the_same(session: Session) -> None:
        for message in messages.of_delivery(session, deliveries.get(session, delivery.id)):
            messages.arm(session, message, NOW)
            messages.record_outcome(session, message, MessageState.SENT, NOW, x_id="1")

    with pytest.raises(IntegrityError), transaction() as session:
        claim_the_same(session)
    assert [state for _, _, state in log(delivery)] == [MessageState.PENDING] * 2


def test_of_two_writers_at_once_only_one_changes_what_both_read(acme: Service) -> None:
    delivery = made(acme)
    with read_session() as session:
        known = deliveries.revision_of(session, deliveries.get(session, delivery.id))
    starts = Barrier(4)

    def change(label: str) -> bool:
        starts.wait()
        try:
            approval.recompose(delivery.name, DRAFT.model_copy(update={"label": label}), actor=label, known=known)
        except approval.ChangedMeanwhile:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        saved = list(pool.map(change, ["a", "b", "c", "d"]))
    assert saved.count(True) == 1
    assert history(delivery)[-1] == ("abcd"[saved.index(True)], "changed")

"""One person forgotten, on both databases: nothing is held any more, the numbers stay, and nobody comes back."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import Session, SQLModel, col, select

from campaign.audience import visitors as erasures
from campaign.broadcasts import log, waves
from campaign.consent import store as consent
from campaign.contacts import erasure
from campaign.contacts import store as contacts
from campaign.contacts.erasure import Erased
from campaign.contacts.store import Person
from campaign.db.engine import read_session, transaction
from campaign.deliveries.draft import Audience, Broadcast
from campaign.deliveries.findings import Analysis, Sample
from campaign.errors import NotPossible, WrongUsage
from models import (
    MAIN,
    NO_VISITOR,
    Agreement,
    AuditEntry,
    Click,
    Consent,
    ConsentSource,
    Contact,
    Delivery,
    DeliveryState,
    ErasedPerson,
    Exclusion,
    ExclusionReason,
    InvitationOpening,
    Link,
    Message,
    MessageState,
    PastSubscription,
    Service,
    ShortLink,
    Subscription,
    SuppressedHandle,
    Suppression,
    SuppressionReason,
    UnclearMessage,
    Unreachable,
    Visitor,
)
from tests.crowds import add, people
from tests.databases import Database
from tests.factories import NOW, follower, page
from tests.planned import broadcast, message_to, state_of
from tests.readings import everybody, read_all, saved_service

HELD: list[type[SQLModel]] = [
    Visitor,
    Subscription,
    PastSubscription,
    Contact,
    Agreement,
    Consent,
    Suppression,
    Unreachable,
    ShortLink,
    Click,
    InvitationOpening,
    Exclusion,
]


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    """Followed by ana (1), bo (2) and cy (3)."""
    acme = saved_service()
    names = {1: "Ana", 2: "bo", 3: "cy"}
    read_all(acme, [page([follower(number, username=name) for number, name in names.items()])])
    return acme


def everything_of(service: Service, external_id: str) -> dict[str, int]:
    """Give a person a row in every table; returns the ids of the messages."""
    visitor = everybody()[external_id]
    done, going = broadcast(service, DeliveryState.FINISHED, proofs=1), broadcast(service)
    sent = message_to(done, service, visitor.id, MessageState.SENT)
    proof = message_to(done, service, visitor.id, MessageState.SENT, proof_number=1)
    pending = message_to(going, service, visitor.id)
    pair: dict[str, Any] = {"service_id": service.id, "visitor_id": visitor.id}
    token = f"token{external_id}"
    add(
        PastSubscription(began_at=NOW, ended_at=NOW, **pair),
        Contact(
            external_id=external_id,
            visitor_id=visitor.id,
            email=f"{external_id}@example.com",
            created_at=NOW,
            updated_at=NOW,
        ),
        Agreement(
            service_id=service.id, external_id=external_id, text="All", text_version="1", scopes="", agreed_at=NOW
        ),
        Consent(source=ConsentSource.OPERATOR, proof="card", given_at=NOW, **pair),
        Suppression(reason=SuppressionReason.DENYLIST, proof="note", at=NOW, **pair),
        SuppressedHandle(service_id=service.id, handle=(visitor.username or "").lower(), proof="note", at=NOW),
        UnclearMessage(event_id="77", at=NOW, **pair),
        Unreachable(reason="closed", at=NOW, **pair),
        InvitationOpening(delivery_id=done.id, visitor_id=visitor.id, opened_at=NOW),
        Exclusion(delivery_id=going.id, reason=ExclusionReason.LIMIT, **pair),
        ShortLink(token=token, link_id=1, message_id=sent, expires_at=NOW),
        Click(link_id=1, message_id=sent, clicked_at=NOW, agent="Firefox", is_robot=False),
    )
    with transaction() as session:
        row = session.get_one(Message, sent)
        row.text, row.x_id = f"Hello {visitor.username}", f"9{external_id}"
    return {"sent": sent, "proof": proof, "pending": pending}


def erase(**named: str) -> Erased:
    with transaction(durable=True) as session:
        erasure.lock(session)
        return erasure.erase(session, contacts.find(session, **named), NOW)


def count(session: Session, table: type[SQLModel]) -> int:
    return len(session.exec(select(table)).all())


def find(**named: str) -> Person:
    with read_session() as session:
        return contacts.find(session, **named)


def test_everything_goes_and_what_is_held_of_others_stays(acme: Service) -> None:
    everything_of(acme, "1")
    everything_of(acme, "2")

    erased = erase(external_id="1")

    assert erased.has_token
    with read_session() as session:
        left = {table.__name__: count(session, table) for table in HELD}
    assert left == dict.fromkeys(left, 1) | {"Visitor": 2, "Subscription": 2}
    assert set(everybody()) == {"2", "3"}
    with pytest.raises(WrongUsage, match="No data is kept"):
        find(external_id="1")


def test_the_log_keeps_its_numbers_without_a_text_and_without_the_person(acme: Service) -> None:
    messages = everything_of(acme, "1")
    visitor_id = everybody()["1"].id

    erase(external_id="1")

    with read_session() as session:
        rows = {name: session.get_one(Message, message_id) for name, message_id in messages.items()}
        counted = waves.count_by_state(session, rows["sent"].delivery_id)
    assert {name: row.state for name, row in rows.items()} == {
        "sent": MessageState.SENT,
        "proof": MessageState.SENT,
        "pending": MessageState.CANCELLED,
    }
    assert counted == {MessageState.SENT: 1}
    assert rows["pending"].reason_code == "erased"
    assert all((row.text, row.x_id) == ("", None) for row in rows.values())
    strangers = [row.visitor_id for row in rows.values()]
    assert len(set(strangers)) == len(strangers)
    assert not {NO_VISITOR, visitor_id} & set(strangers)
    assert max(strangers) < 0


@pytest.mark.parametrize("state", [MessageState.SENDING, MessageState.UNCERTAIN])
def test_a_message_on_its_way_is_settled_first(acme: Service, state: MessageState) -> None:
    delivery = broadcast(acme)
    message_to(delivery, acme, everybody()["1"].id, state)
    with pytest.raises(NotPossible, match=f"campaign delivery settle {delivery.name}"):
        erase(username="ANA")
    assert "1" in everybody()


def test_a_sync_an_inbox_and_a_list_do_not_bring_the_person_back(acme: Service) -> None:
    erase(external_id="1")
    read_all(acme, [page([follower(1, username="ana_anew"), follower(2), follower(4)])])
    with transaction() as session:
        assert consent.visitor_of(session, "1", "Visitors", NOW) is None
    assert set(everybody()) == {"2", "3", "4"}


def test_a_whole_page_of_erased_people_is_read_without_them(acme: Service) -> None:
    erase(external_id="1")
    erase(external_id="2")
    read_all(acme, [page([1, 2])])
    assert set(everybody()) == {"3"}


def test_no_person_reads_from_the_mark_who_it_was(acme: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    everything_of(acme, "1")
    erase(external_id="1")
    with read_session() as session:
        marks = [row.mark for row in session.exec(select(ErasedPerson))]
        assert erasures.is_erased(session, "1")
        assert erasures.is_erased(session, erasures.email_name("1@EXAMPLE.com"))
        assert erasures.is_erased(session, erasures.handle_name("@ANA"))
        assert not erasures.is_erased(session, "2")
    assert all(len(mark) == 64 for mark in marks)
    assert "Ana" not in caplog.text


def test_who_is_met_while_being_erased_is_gone_too(acme: Service) -> None:
    with ThreadPoolExecutor() as pool:
        with transaction() as session:
            assert consent.visitor_of(session, "9", acme.visitor_folder, NOW)
            erasing = pool.submit(erase, external_id="9")
            time.sleep(0.3)
            assert not erasing.done()
        erasing.result(timeout=60)
    assert set(everybody()) == {"1", "2", "3"}
    read_all(acme, [page([1, 9])])
    assert "9" not in everybody()


def test_the_lines_of_proofs_stay_without_a_name(acme: Service) -> None:
    messages = everything_of(acme, "1")
    erase(external_id="1")
    with read_session() as session:
        proof = session.get_one(Message, messages["proof"])
        lines = list(log.of_proofs(session, session.get_one(Delivery, proof.delivery_id)))
    assert [(number, line.state, line.external_id, line.username) for number, line in lines] == [(1, "sent", "", "")]


def test_who_is_erased_twice_is_remembered_once(acme: Service) -> None:
    erase(external_id="1")
    add(Contact(external_id="1", username="ana", created_at=NOW, updated_at=NOW))
    erase(external_id="1")
    with read_session() as session:
        assert not session.exec(select(Contact)).all()
        assert count(session, ErasedPerson) == 2
    assert state_of(message_to(broadcast(acme), acme, everybody()["2"].id)) is MessageState.PENDING


def named_in(service: Service, state: DeliveryState) -> Delivery:
    made = broadcast(service, state)
    described = Broadcast(audience=Audience(people=["@ANA", "bo"]), proof_recipients=["ana"])
    samples = [
        Sample(why="random", service="acme", handle=handle, full_name=handle, text=f"Hello {handle}")
        for handle in ("Ana", "bo")
    ]
    with transaction() as session:
        row = session.get_one(Delivery, made.id)
        row.broadcast, row.analysis = described.model_dump_json(), Analysis(samples=samples).model_dump_json()
        session.add(AuditEntry(at=NOW, actor="bo", delivery_id=row.id, action="proof", detail="Proof #1 to ana, bo."))
        return row


def test_lists_samples_and_notes_with_the_person_are_changed_or_listed(acme: Service) -> None:
    over, going = named_in(acme, DeliveryState.FINISHED), named_in(acme, DeliveryState.PAUSED)

    erased = erase(external_id="1")

    assert erased.still_named_in == [going.name]
    with read_session() as session:
        rows = [session.get_one(Delivery, one.id) for one in (over, going)]
        notes = {note.detail for note in session.exec(select(AuditEntry).where(col(AuditEntry.action) == "proof"))}
    assert [[sample.handle for sample in Analysis.model_validate_json(row.analysis).samples] for row in rows] == [
        ["bo"],
        ["bo"],
    ]
    lists = [Broadcast.model_validate_json(row.broadcast) for row in rows]
    assert [one.audience.people for one in lists] == [["bo"], ["@ANA", "bo"]]
    assert [one.proof_recipients for one in lists] == [[], ["ana"]]
    assert notes == {"Proof #1 to an erased person, bo."}


def test_an_export_has_all_of_one_person_and_nothing_of_another(acme: Service) -> None:
    add(Link(id=1, delivery_id=1, number=1, url="https://example.com/offer"))
    everything_of(acme, "1")
    everything_of(acme, "2")
    with read_session() as session:
        document = contacts.as_document(session, contacts.find(session, email="1@example.com"))
    assert all(document[section] for section in contacts.SECTIONS)
    assert [len(document[name]) for name in ("messages", "clicks", "agreements")] == [3, 1, 1]
    assert {row["service"] for row in document["messages"]} == {"acme"}
    assert document["short_links"][0]["link"] == "https://example.com/offer"
    assert document["visitor"][0]["username"] == "Ana"
    assert "2@example.com" not in str(document)


def test_a_person_is_found_by_any_of_the_three(acme: Service) -> None:
    everything_of(acme, "1")
    found = [find(external_id="1"), find(username="@ana"), find(email="1@EXAMPLE.com")]
    assert {(one.external_id, one.visitor_id, len(one.contacts)) for one in found} == {("1", everybody()["1"].id, 1)}


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({}, "Name one person"),
        ({"external_id": "1", "email": "a@example.com"}, "Name one person"),
        ({"external_id": "77"}, "No data is kept"),
        ({"username": "nobody"}, "No data is kept"),
        ({"email": "twice@example.com"}, "several people"),
    ],
)
def test_no_person_and_several_are_refused(named: dict[str, str], sentence: str) -> None:
    twice: dict[str, Any] = {"email": "twice@example.com", "created_at": NOW, "updated_at": NOW}
    add(Contact(external_id="8", **twice), Contact(external_id="9", **twice))
    with pytest.raises(WrongUsage, match=sentence):
        find(**named)


def test_a_contact_who_is_not_on_x_is_forgotten_too(acme: Service) -> None:
    add(Contact(email="eve@example.com", created_at=NOW, updated_at=NOW))
    people(1, acme)
    erase(email="eve@example.com")
    with read_session() as session:
        assert not session.exec(select(Contact)).all()
        assert erasures.is_erased(session, erasures.email_name("eve@example.com"))
        assert not session.exec(select(Message).where(col(Message.proof_number) == MAIN)).all()

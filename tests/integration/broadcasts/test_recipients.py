"""Who gets a broadcast and who does not, on both databases: every reason, each person once, and the figures."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from sqlmodel import col, select

from campaign.audience import visitors as persons
from campaign.audience.conditions import parse
from campaign.audience.visitors import count_unknown, where
from campaign.broadcasts import recipients, waves
from campaign.broadcasts.recipients import AT_ONCE, write_recipients
from campaign.broadcasts.schedule import WaveShare
from campaign.consent import permission
from campaign.consent import store as consent
from campaign.db.engine import read_session, transaction
from campaign.deliveries.draft import Audience
from models import (
    Consent,
    ConsentSource,
    Delivery,
    DeliveryState,
    MessagePolicy,
    MessageState,
    Service,
    Unreachable,
    Visitor,
    Wave,
)
from tests import planned
from tests.crowds import add, aimed, do, outcome, people, reached, unfollow, write
from tests.databases import Database
from tests.factories import NOW
from tests.readings import saved_service


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service()


@pytest.fixture
def beta(acme: Service) -> Service:  # noqa: ARG001
    return saved_service(internal_name="beta", block_id="block-beta")


@pytest.fixture
def news(acme: Service) -> Delivery:
    return planned.broadcast(acme, DeliveryState.BEING_EDITED)


def agreed(service: Service, visitors: Sequence[int], source: ConsentSource = ConsentSource.OPERATOR) -> None:
    given: dict[str, Any] = {"source": source, "proof": "a note", "given_at": NOW}
    add(*(Consent(service_id=service.id, visitor_id=each, **given) for each in visitors))


def condition(text: str, service: Service) -> Any:
    return where(parse(text), NOW, consented=permission.consented(service))


def test_all_people_who_follows_gets_it(acme: Service, beta: Service, news: Delivery) -> None:
    mine, gone = people(2, acme)
    people(1, beta)
    unfollow(acme, gone)
    assert write(aimed(news, acme)) == {mine: "pending"}


def test_people_who_may_not_be_written_to_are_left_out_with_the_reason(acme: Service, news: Delivery) -> None:
    ok, opted_out, denied, everywhere, shut = people(5, acme)
    do(partial(consent.opt_out, service_id=acme.id, visitor_id=opted_out, proof="9", at=NOW))
    do(partial(consent.suppress, visitor_id=denied, proof="a note", at=NOW, service_id=acme.id))
    do(partial(consent.suppress, visitor_id=everywhere, proof="a note", at=NOW))
    add(Unreachable(service_id=acme.id, visitor_id=shut, reason="closed", at=NOW))
    assert write(aimed(news, acme)) == {
        ok: "pending",
        opted_out: "opted_out",
        denied: "suppressed",
        everywhere: "suppressed",
        shut: "does_not_receive",
    }


def test_what_holds_for_one_service_does_not_for_another(acme: Service, beta: Service, news: Delivery) -> None:
    (one,) = people(1, acme, beta)
    do(partial(consent.opt_out, service_id=beta.id, visitor_id=one, proof="9", at=NOW))
    add(Unreachable(service_id=beta.id, visitor_id=one, reason="closed", at=NOW))
    assert write(aimed(news, acme)) == {one: "pending"}


def test_only_those_who_agreed_where_the_service_wants_it_so(database: Database) -> None:  # noqa: ARG001
    acme = saved_service(message_policy=MessagePolicy.CONSENTED_ONLY)
    news = planned.broadcast(acme, DeliveryState.BEING_EDITED)
    yes, no, taken_back = people(3, acme)
    agreed(acme, [yes, taken_back])
    do(partial(consent.opt_out, service_id=acme.id, visitor_id=taken_back, proof="9", at=NOW))
    assert write(aimed(news, acme)) == {yes: "pending", no: "no_consent", taken_back: "opted_out"}


def test_a_condition_chooses_and_another_one_leaves_out(acme: Service, news: Delivery) -> None:
    (paris,) = people(1, acme, location="Paris")
    (famous,) = people(1, acme, location="Paris", followers_count=5_000)
    people(2, acme, location="Lyon")
    target = aimed(
        news,
        acme,
        where=condition("location = 'Paris'", acme),
        except_where=condition("followers_count > 1000", acme),
    )
    assert write(target) == {paris: "pending", famous: "excluded_condition"}


def test_a_list_names_people_by_handle_or_id_whether_or_not_they_follow(acme: Service, news: Delivery) -> None:
    by_handle, by_id, stranger, _ = people(4, acme)
    unfollow(acme, stranger)
    with read_session() as session:
        known = {each.id: each for each in session.scalars(select(Visitor))}
    named = [f"@{(known[by_handle].username or '').upper()}", known[by_id].external_id, known[stranger].username or ""]
    found = write(aimed(news, acme, Audience(people=[*named, "nobody_at_all", "99999"])))
    assert found == {by_handle: "pending", by_id: "pending", stranger: "not_a_follower"}
    with read_session() as session:
        assert count_unknown(session, [*named, "nobody_at_all", "99999"]) == 2


def test_those_who_got_another_broadcast_get_this_one_too(acme: Service, news: Delivery) -> None:
    sent, lost, refused, _ = people(4, acme)
    before = planned.broadcast(acme, DeliveryState.FINISHED)
    reached(before, acme, sent)
    reached(before, acme, lost, state=MessageState.UNCERTAIN)
    reached(before, acme, refused, state=MessageState.REFUSED)
    assert write(aimed(news, acme, recipients_of=before.id)) == {sent: "pending", lost: "pending"}


def test_who_got_an_earlier_broadcast_from_whichever_service_is_left_out(
    acme: Service, beta: Service, news: Delivery
) -> None:
    one, two, three = people(3, acme, beta)
    earlier, other = planned.broadcast(acme), planned.broadcast(beta)
    reached(earlier, acme, one)
    reached(other, beta, two)
    found = write(aimed(news, acme, not_if_received=[earlier.id, other.id]))
    assert found == {one: "not_if_received", two: "not_if_received", three: "pending"}


def test_recent_and_planned_messages_count_for_the_frequency_cap(database: Database) -> None:  # noqa: ARG001
    acme = saved_service(frequency_cap=2, frequency_days=7)
    news = planned.broadcast(acme, DeliveryState.BEING_EDITED)
    two_lately, one_lately, long_ago, one_and_one, proofs = people(5, acme)
    first, second, under_way = (planned.broadcast(acme) for _ in range(3))
    for delivery in (first, second):
        reached(delivery, acme, two_lately, days_ago=6)
        reached(delivery, acme, long_ago, days_ago=8)
        reached(delivery, acme, proofs, proof_number=1)
    reached(first, acme, one_lately)
    reached(first, acme, one_and_one, state=MessageState.UNCERTAIN)
    planned.message_to(under_way, acme, one_and_one)
    assert write(aimed(news, acme)) == {
        two_lately: "frequency_cap",
        one_and_one: "frequency_cap",
        one_lately: "pending",
        long_ago: "pending",
        proofs: "pending",
    }


def test_no_person_gets_it_from_two_services(acme: Service, beta: Service, news: Delivery) -> None:
    (both,) = people(1, acme, beta)
    (only,) = people(1, beta)
    refused, *_ = people(1, acme, beta)
    do(partial(consent.opt_out, service_id=acme.id, visitor_id=refused, proof="9", at=NOW))
    write(aimed(news, acme, other_services=True))
    found = write(aimed(news, beta, other_services=True))
    assert found == {both: "duplicate", only: "pending", refused: "pending"}


def test_people_without_a_name_are_reported_apart(acme: Service, news: Delivery) -> None:
    (named,) = people(1, acme)
    (nameless,) = people(1, acme, full_name=None)
    (blank,) = people(1, acme, full_name="  ")
    target = aimed(news, acme)
    with read_session() as session:
        within = (named, blank + 1)
        lacking = [row[0] for row in recipients.lacking(session, target, within, {"full_name"})]
    assert sorted(lacking) == [nameless, blank]
    found = write(target, unrenderable=(nameless, blank))
    assert found == {named: "pending", nameless: "field_missing", blank: "field_missing"}


@pytest.mark.parametrize(("room", "chosen"), [(2, 2), (3, 3), (9, 4), (0, 0)])
def test_a_limit_takes_the_first_who_may_be_written_to(acme: Service, news: Delivery, room: int, chosen: int) -> None:
    opted_out, *others = people(5, acme)
    do(partial(consent.opt_out, service_id=acme.id, visitor_id=opted_out, proof="9", at=NOW))
    found = write(aimed(news, acme), room=room)
    wanted = {each: "pending" if place < chosen else "limit" for place, each in enumerate(others)}
    assert found == wanted | {opted_out: "opted_out"}


def test_the_first_reason_in_order_is_reported(acme: Service, news: Delivery) -> None:
    (one,) = people(1, acme)
    unfollow(acme, one)
    add(Unreachable(service_id=acme.id, visitor_id=one, reason="closed", at=NOW))
    with read_session() as session:
        name = session.get_one(Visitor, one).username or ""
    target = aimed(news, acme, Audience(people=[name]), except_where=condition("followers_count is empty", acme))
    assert write(target) == {one: "not_a_follower"}


def test_an_analysis_replaces_the_one_before_and_leaves_alone_what_is_out(acme: Service, news: Delivery) -> None:
    sent, refused, waiting = people(3, acme)
    reached(news, acme, sent)
    reached(news, acme, refused, state=MessageState.REFUSED)
    write(aimed(news, acme, is_begun=True))
    with transaction() as session:
        recipients.delete_analysis(session, news.id)
        assert recipients.is_begun(session, news.id)
    again = write(aimed(news, acme, is_begun=True))
    assert again == {sent: "already_received", refused: "already_received", waiting: "pending"}


def test_waves_share_the_recipients_in_order(acme: Service, news: Delivery) -> None:
    people(5, acme)
    write(aimed(news, acme))
    with transaction() as session:
        waves.write(session, news.id, acme.id, [WaveShare(1, 2, 0), WaveShare(3, 3, 60)])
        first, second = waves.of_service(session, news.id, acme.id)
        assert [first.number, second.number, second.offset_seconds] == [1, 3, 60]
        assert second.first_message_id - first.first_message_id == 2
        assert waves.recipients(session, news.id, acme.id) == 5
        assert waves.count_by_state(session, news.id) == {MessageState.PENDING: 5}
        recipients.delete_analysis(session, news.id)
        assert session.scalars(select(Wave).where(col(Wave.delivery_id) == news.id)).all() == []


def test_those_who_agreed_and_those_who_only_wrote_first_are_counted(
    acme: Service, beta: Service, news: Delivery
) -> None:
    yes, also, first, ended, _, elsewhere = people(6, acme)
    agreed(acme, [yes, also])
    agreed(acme, [first, ended], source=ConsentSource.WROTE_FIRST)
    agreed(beta, [elsewhere])
    with transaction() as session:
        session.scalars(select(Consent).where(col(Consent.visitor_id) == ended)).one().ended_at = NOW
    write(aimed(news, acme))
    with read_session() as session:
        assert waves.count_consents(session, news.id, acme.id) == (2, 1)


def test_samples_are_the_shortest_and_the_longest_name_and_any(acme: Service, news: Delivery) -> None:
    people(1, acme, full_name="Al", username="al")
    people(1, acme, full_name="Maximiliana Bartholomea", username="max_the_great")
    people(3, acme)
    write(aimed(news, acme))
    with read_session() as session:
        found = waves.samples(session, news.id, acme.id, seed=7)
        assert found == waves.samples(session, news.id, acme.id, seed=7)
        assert waves.samples(session, news.id + 1, acme.id, seed=7) == []
    names = {why: persons.values_of(person)["full_name"] for why, person in found}
    assert [names["shortest"], names["longest"]] == ["Al", "Maximiliana Bartholomea"]
    assert names.keys() == {"shortest", "longest", "random"}


@pytest.mark.parametrize(("limit", "recipients_of_all"), [(None, 4), (3, 3), (1, 1)])
def test_who_stands_far_apart_is_found_range_by_range(
    acme: Service, news: Delivery, limit: int | None, recipients_of_all: int
) -> None:
    near = people(2, acme)
    far = [people(1, acme, id=place * AT_ONCE)[0] for place in (1, 3)]
    opted_out = people(1, acme, id=4 * AT_ONCE + 1)[0]
    do(partial(consent.opt_out, service_id=acme.id, visitor_id=opted_out, proof="9", at=NOW))
    (aimed_at,) = write_recipients(news, [acme], Audience(limit=limit), [None], NOW)
    assert (aimed_at.recipients, aimed_at.targeted) == (recipients_of_all, 5)
    found = outcome(aimed(news, acme))
    in_order = sorted([*near, *far])
    chosen = {each: "pending" if place < recipients_of_all else "limit" for place, each in enumerate(in_order)}
    assert found == chosen | {opted_out: "opted_out"}

"""What a draft would be, on both databases: the same numbers as its analysis, and nothing is written."""

from datetime import timedelta
from functools import partial
from typing import Any

import pendulum
import pytest
from sqlmodel import func, select

from campaign.broadcasts import prepare
from campaign.broadcasts.prepare import NOT_IN_TARGET, estimate, list_people, message_to
from campaign.consent import store as consent
from campaign.db.engine import read_session
from campaign.deliveries import approval
from campaign.deliveries.draft import Audience, Broadcast, Draft, SameWaves, Waves
from campaign.errors import WrongUsage
from models import Consent, ConsentSource, Exclusion, Message, Service, ServiceState
from tests.broadcasting import broadcast
from tests.crowds import add, do, people, unfollow
from tests.databases import Database
from tests.factories import NOW
from tests.readings import saved_service


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    # The app may write no messages, so that an analysis asks X nothing.
    return saved_service(state=ServiceState.OK, checked_at=pendulum.now("UTC"), access_level="read")


@pytest.fixture
def crowd(acme: Service) -> list[int]:
    """Ten people of Gent, one without a name, and some against whom there is a reason."""
    ids = people(10, acme, location="Gent", followers_count=70)
    ids += people(2, acme, location="Gent", full_name=None)
    unfollow(acme, ids[0])
    do(partial(consent.opt_out, service_id=acme.id, visitor_id=ids[1], proof="9", at=NOW))
    given: dict[str, Any] = {"proof": "a note", "given_at": NOW}
    add(
        Consent(service_id=acme.id, visitor_id=ids[2], source=ConsentSource.OPERATOR, **given),
        Consent(service_id=acme.id, visitor_id=ids[3], source=ConsentSource.WROTE_FIRST, **given),
    )
    return ids


def draft(audience: Audience, *services: str, **changes: object) -> Draft:
    waves = Waves(same=SameWaves(amount=2, period_seconds=3_600))
    described = Broadcast(audience=audience, waves=waves)
    found: Draft = broadcast("Hello {{ visitor.full_name }}", services=list(services), broadcast=described)
    return found.model_copy(update=changes)


AUDIENCES = {
    "all": Audience(),
    "condition": Audience(where="location contains 'gent'", except_where="username = 'person_5'"),
    "limit": Audience(limit=4),
    "list": Audience(people=["person_3", "@PERSON_3", "nobody", "1004"]),
}


@pytest.mark.parametrize("name", AUDIENCES)
def test_the_estimate_has_the_numbers_of_the_analysis(name: str, acme: Service, crowd: list[int]) -> None:
    assert crowd
    beta = saved_service(internal_name="beta", block_id=None, state=ServiceState.OK, access_level="read")
    do(lambda session: session.get_one(Service, beta.id).sqlmodel_update({"checked_at": pendulum.now("UTC")}))
    people(2, beta, location="Gent")
    described = draft(AUDIENCES[name], "acme", "beta")
    found = estimate(described, [acme, beta], 0, NOW + timedelta(minutes=1))
    with read_session() as session:
        written = [session.scalar(select(func.count()).select_from(table)) for table in (Message, Exclusion)]
    assert written == [0, 0]
    saved = approval.compose(described, actor="ann")
    analysed = prepare.analyse_delivery(saved.name, "ann").analysis
    names = ("targeted", "messages", "excluded", "unconsented", "agreed", "wrote_first", "cost")
    assert {one: getattr(found, one) for one in names} == {one: getattr(analysed, one) for one in names}
    assert [wave.recipients for wave in found.waves] == [wave.recipients for wave in analysed.waves]


def test_the_people_are_listed_page_by_page(acme: Service, crowd: list[int]) -> None:
    described, seen, after = draft(Audience(), "acme"), list[int](), 0
    while page := list_people(described, acme, 0, NOW, after=after, limit=3):
        seen += [one.visitor_id for one in page]
        after = seen[-1]
    assert seen == crowd[2:10]
    out = list_people(described, acme, 0, NOW, left_out=True)
    assert [(one.visitor_id, one.reason) for one in out][:2] == [
        (crowd[1], "The person opted out."),
        (crowd[10], "The text needs something that X does not show of the person."),
    ]


def test_the_message_to_one_person_says_why_it_is_left_out(acme: Service, crowd: list[int]) -> None:
    described = draft(Audience(where="location = 'Gent'"), "acme")
    sample, reason = message_to(described, acme, 0, NOW, "@person_3")
    assert sample.text.startswith("Hello Person 3\n")
    assert reason == ""
    assert message_to(described, acme, 0, NOW, "person_2")[1] == "The person opted out."
    unfollow(acme, crowd[4])
    assert message_to(described, acme, 0, NOW, "person_5")[1] == NOT_IN_TARGET
    with pytest.raises(WrongUsage, match="no visitor 'nobody'"):
        message_to(described, acme, 0, NOW, "nobody")


def test_an_unknown_delivery_or_a_wrong_condition_is_one_sentence(acme: Service) -> None:
    with pytest.raises(WrongUsage, match="at character 1"):
        estimate(draft(Audience(where="x > 5"), "acme"), [acme], 0, NOW)
    with pytest.raises(WrongUsage, match="no delivery"):
        estimate(draft(Audience(recipients_of="gone"), "acme"), [acme], 0, NOW)

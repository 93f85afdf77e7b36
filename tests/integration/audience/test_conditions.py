"""Conditions on both databases: whom they choose is what a plain reading of them in Python chooses."""

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings

from campaign.audience import visitors
from campaign.audience.conditions import BY_NAME, Condition, parse
from campaign.audience.visitors import Selection
from campaign.db.engine import read_session, transaction
from models import Consent, ConsentSource, Subscription, Visitor
from tests.condition_trees import TREES
from tests.databases import Database
from tests.factories import NOW
from tests.plain_conditions import PEOPLE, Person, fulfils
from tests.readings import saved_service


def a_consent(service_id: int, visitor_id: int, ended_at: datetime | None) -> Consent:
    source = ConsentSource.OPERATOR
    return Consent(
        service_id=service_id, visitor_id=visitor_id, source=source, proof="a note", given_at=NOW, ended_at=ended_at
    )


@pytest.fixture
def people(database: Database) -> list[Person]:  # noqa: ARG001
    service = saved_service()
    with transaction() as session:
        for person in PEOPLE:
            profile = {name: person[name] for name in BY_NAME if name in Visitor.model_fields}
            visitor = Visitor(**profile, folder="Visitors", created_at=person["first_known"])
            session.add(visitor)
            session.flush()
            session.add(Subscription(service_id=service.id, visitor_id=visitor.id, began_at=person["follows_since"]))
            session.add(a_consent(service.id, visitor.id, None if person["consented"] else NOW))
    return PEOPLE


def chosen(condition: Condition) -> list[str]:
    with read_session() as session:
        selection = visitors.narrowed(Selection(None, None, ended=False), condition, NOW)
        rows = [row.external_id for row in visitors.select_visitors(session, selection)]
        assert visitors.count_visitors(session, selection) == len(rows)
        return sorted(rows, key=int)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES)
def test_whom_any_condition_chooses_is_the_same_everywhere(people: list[Person], condition: Condition) -> None:
    assert chosen(condition) == [person["external_id"] for person in people if fulfils(person, condition)]


WRITTEN = [
    "full_name = 'ÜNÏ'",
    "full_name in ('u\u0308ni\u0308', 'x')",
    "full_name = 'strasse' or location contains 'STRAẞ'",
    "location like 'istan%'",
    "location starts with 'ISTANBUL'",
    "location = 'gent'",
    "full_name = 'ΣΊΣΥΦΟΣ'",
    "username contains '_b%'",
    "full_name contains 'ÉLAN'",
    "full_name contains 'жУК'",
    "username like '%''S'",
    "username = 'be_GENT'",
    "not username = 'be_gent'",
    "username <> 'be_gent'",
    "username does not start with 'BE_'",
    "location is empty",
    "location is not empty and location not in ('gent', '100%')",
    "followers_count between 49 and 51",
    "followers_count not between 49 and 51",
    "followers_count <> 50 and followers_count is not empty",
    "not verified",
    "verified = false",
    "verified <> true",
    "consented and not verified or not consented and verified",
    "first_known = '2026-11-01'",
    "first_known > '2026-11-01' and first_known <= '2026-11-26'",
    "updated_at between '2026-11-01' and today",
    "follows_since >= 30 days ago",
    "follows_since < now - 30 days or follows_since > today",
]


def test_a_typed_condition_chooses_some_people(people: list[Person]) -> None:
    for text in WRITTEN:
        condition = parse(text)
        found = chosen(condition)
        assert found == [person["external_id"] for person in people if fulfils(person, condition)], text
        assert 0 < len(found) < len(people), text


def test_a_condition_and_its_opposite_are_all_people(people: list[Person]) -> None:
    for text in WRITTEN:
        assert len(chosen(parse(text))) + len(chosen(parse(f"not ({text})"))) == len(people), text


@pytest.mark.usefixtures("people")
def test_months_and_years_are_those_of_the_calendar() -> None:
    assert chosen(parse("first_known > 1 month ago")) == chosen(parse("first_known > '2026-10-26 07:30'"))
    assert chosen(parse("first_known < today - 1 year")) == chosen(parse("first_known < '2025-11-26'"))


@pytest.mark.usefixtures("people")
def test_the_longest_ways_to_say_it_are_understood() -> None:
    many = ",".join(map(str, range(480)))
    assert chosen(parse(f"followers_count in ({many})")) == chosen(parse("followers_count between 0 and 479"))
    assert chosen(parse(" or ".join(["not verified"] * 120))) == chosen(parse("not verified"))
    assert chosen(parse("not (" * 10 + "verified" + ")" * 10)) == chosen(parse("verified"))
    assert chosen(parse("first_known > now - 1000 years and first_known < now + 1000 years")) == chosen(
        parse("not location = 'nowhere'")
    )

"""Answers that people give in Prefect's form follow the same rules as those at the desk."""

import pytest

from campaign.errors import NotPossible
from campaign.kinds import kind_of
from models import DeliveryState, Role
from tasks.deliveries import APPROVE, SEND_BACK, Answer, take_answer
from tests.databases import Database
from tests.desk_site import make_person
from tests.integration.web.test_desk_delivery import change_rules, of, post
from tests.simulated_x import Connect


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return sqlite_database


@pytest.fixture
def name(connect: Connect) -> str:
    connect("acme")
    for person in ("wim", "ann", "bo"):
        make_person(person, Role.APPROVER)
    made = post()
    kind_of(made).analyse(made, "wim")
    return made


def answer(name: str, person: str, answer: str = APPROVE) -> str:
    return take_answer(name, Answer.model_validate({"answer": answer, "confirm_as": person}))


def test_a_second_person_approves_and_writer_and_strangers_are_refused(name: str) -> None:
    change_rules(approval_by_another=True, two_approvers_cost=0.001)
    assert "wim wrote it" in answer(name, "Wim")
    assert "a person who may approve for @acme at the desk" in answer(name, "")
    assert answer(name, "ann") == "**ann approved it.** A second person has to approve it too."
    assert "ann approved it already" in answer(name, "Ann")
    assert of(name).state is DeliveryState.ANALYSED
    assert answer(name, "bo") == ""
    assert of(name).confirmed_by == "ann and bo"


def test_without_rules_one_answer_with_any_name_is_enough(name: str) -> None:
    assert answer(name, "Ana") == ""
    assert of(name).confirmed_by == "Ana"


def test_sent_back_nothing_goes_out(name: str) -> None:
    with pytest.raises(NotPossible, match="was sent back by Bo; nothing went out"):
        answer(name, "Bo", SEND_BACK)
    assert of(name).state is DeliveryState.BEING_EDITED

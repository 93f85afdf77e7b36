"""The form of a new broadcast, as a marketer fills it in, and the answer to its question."""

from typing import Any

import pytest
from pydantic import SecretStr

from campaign.deliveries.draft import PlannedWave, SameWaves
from campaign.errors import WrongUsage
from tasks.deliveries import APPROVE, ASKED_AGAIN, NO_ANSWER, SEND_BACK, Answer, AnswerForUnconsented
from tasks.forms import BroadcastForm, PostForm
from tasks.services import XAccount

SERVICE = XAccount(
    label="Acme",
    internal_name="acme",
    consumer_key=SecretStr("the-consumer-key"),
    consumer_secret=SecretStr("the-consumer-secret"),
    access_token=SecretStr("the-access-token"),
    access_token_secret=SecretStr("the-access-token-secret"),
)


def form(**fields: Any) -> BroadcastForm:
    return BroadcastForm.model_validate({"label": "Sale", "services": [SERVICE], "text": "Hello"} | fields)


@pytest.mark.parametrize(
    ("field", "title"), [("where", "Only those who meet this condition"), ("except_where", "Except those who meet")]
)
def test_an_invalid_condition_is_named_by_the_title_of_its_field(field: str, title: str) -> None:
    filled_in = form(**{field: "followers_count > fifty"})
    with pytest.raises(WrongUsage, match=rf"^{title}.*: Invalid value 'fifty' at character 19;"):
        filled_in.draft()


def test_people_are_named_by_handle_id_or_address() -> None:
    filled_in = form(people=["ana", "https://x.com/Bob", " ", "x.com/i/user/7"], proof_recipients=["twitter.com/me"])
    broadcast = filled_in.draft().broadcast
    assert broadcast.audience.people == ["ana", "Bob", "7"]
    assert broadcast.proof_recipients == ["me"]


@pytest.mark.parametrize("field", ["people", "proof_recipients"])
def test_a_person_that_cannot_be_read_is_named_by_the_title_of_its_field(field: str) -> None:
    title = BroadcastForm.model_fields[field].title
    with pytest.raises(WrongUsage, match=f"^{title}: 'a b' is not a handle on X"):
        form(**{field: ["a b"]}).draft()


def test_an_empty_condition_is_none() -> None:
    assert form(where=" ", except_where="").draft().broadcast.audience.except_where == ""


def test_waves_are_counted_in_hours() -> None:
    every = form(waves={"size": 100, "every_hours": 2}).draft().broadcast.waves
    assert every.same == SameWaves(amount=100, period_seconds=7_200)
    planned = form(calendar=[{"after_hours": 24, "size": 10, "per_cent": True}]).draft().broadcast.waves
    assert planned.calendar == [PlannedWave(amount=10, is_percentage=True, after_seconds=86_400)]


def test_whatever_may_be_left_out_is_offered_by_a_word_that_people_know() -> None:
    fields = BroadcastForm.model_json_schema()["properties"]
    offered = [one for field in fields.values() for one in field.get("anyOf", []) if one.get("type") != "null"]
    assert [one["title"] for one in offered if "$ref" not in one] == ["Number", "Date and time"]


@pytest.mark.parametrize("field", BroadcastForm.model_fields)
def test_every_field_has_a_title_and_says_what_it_is(field: str) -> None:
    said = BroadcastForm.model_fields[field]
    assert said.title
    assert said.description


def test_a_person_chooses_the_answer_and_accepts_the_unconsented_apart() -> None:
    assert Answer().lacking == NO_ANSWER
    assert Answer.model_json_schema()["properties"]["answer"]["enum"] == ["", APPROVE, SEND_BACK]
    assert AnswerForUnconsented(answer=APPROVE).lacking == ASKED_AGAIN
    assert AnswerForUnconsented(accept_unconsented=True).lacking == NO_ANSWER
    assert not AnswerForUnconsented(answer=APPROVE, accept_unconsented=True).lacking
    assert not AnswerForUnconsented(answer=SEND_BACK).lacking
    assert not Answer(answer=APPROVE).lacking


def test_empty_needed_fields_are_named_in_one_sentence() -> None:
    with pytest.raises(WrongUsage, match=r"^Empty in the form: Label, Services, Text\."):
        BroadcastForm().draft()
    with pytest.raises(WrongUsage, match=r"^Empty in the form: Accounts\."):
        PostForm(label="Sale", text="Hello").draft()
    with pytest.raises(WrongUsage, match=r"^Empty in the form: Text\."):
        form(text=" ").draft()

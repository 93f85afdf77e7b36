import pytest

from campaign.errors import Refused, ServiceBlocked
from campaign.services.fields import Problem, is_ok, problems_of
from tests.factories import account, service


def test_a_service_whose_keys_belong_to_its_handle_has_no_problem() -> None:
    assert problems_of(service(), account(), None) == []


@pytest.mark.parametrize("access_level", [None, "read-write-directmessages"])
def test_full_or_untold_permission_is_no_problem(access_level: str | None) -> None:
    assert problems_of(service(), account(access_level=access_level), None) == []


def test_two_services_for_one_account_are_refused() -> None:
    assert problems_of(service(), account(), "other") == [
        Problem(
            "The keys belong to @acme, which the service other is connected to already; remove one of the two.",
            blocks=True,
        )
    ]


def test_a_handle_in_another_case_is_reported_but_does_not_stop_the_service() -> None:
    assert problems_of(service(), account(username="Acme"), None) == [
        Problem("X writes this handle Acme; change the internal name of the service to exactly that.")
    ]


def test_a_renamed_account_is_reported_and_does_not_stop_the_service() -> None:
    assert problems_of(service(x_user_id="42"), account(username="acme_new"), None) == [
        Problem("X writes this handle acme_new; change the internal name of the service to exactly that.")
    ]


def test_keys_of_another_person_stop_the_service() -> None:
    assert problems_of(service(), account(username="stranger"), None) == [
        Problem(
            "The keys belong to @stranger, not to @acme; save the keys of @acme, or change the internal name to"
            " stranger.",
            blocks=True,
        )
    ]


@pytest.mark.parametrize("access_level", ["read", "read-write"])
def test_a_missing_permission_is_reported_with_what_to_change(access_level: str) -> None:
    (problem,) = problems_of(service(), account(access_level=access_level), None)
    assert problem == Problem(
        f"The app's permission is {access_level}; set it to Read, Write and Direct Messages in the developer console,"
        " then regenerate the access token and its secret, because the old ones keep the old permission, and save them"
        " in the service."
    )


def test_a_public_proof_account_is_a_warning() -> None:
    assert problems_of(service(proof=True), account(protected=False), None) == [
        Problem(
            "Proofs sent to @acme are public; protect its posts on X (Privacy and safety, Audience and tagging).",
            is_warning=True,
        )
    ]
    assert problems_of(service(proof=True), account(protected=True), None) == []


def test_all_problems_are_reported_at_once() -> None:
    found = problems_of(service(proof=True), account(username="stranger", access_level="read"), "other")
    assert [(problem.blocks, problem.is_warning) for problem in found] == [
        (True, False),
        (True, False),
        (False, False),
        (False, True),
    ]


def test_only_warnings_leave_a_service_ok() -> None:
    warning, problem = Problem("Careful.", is_warning=True), Problem("Wrong.")
    assert is_ok([])
    assert is_ok([warning])
    assert not is_ok([warning, problem])


def test_a_refusal_by_x_is_reported_with_its_remedy_where_there_is_one() -> None:
    blocked = ServiceBlocked("The account is locked.", reason="locked", remedy="Unlock it on x.com.")
    assert blocked.sentence == "The account is locked. Unlock it on x.com."
    assert Refused("X knows no such page.", reason="page_token").sentence == "X knows no such page."

"""Services on both databases: rows follow the saved forms, and keep what a check found."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlmodel import select

from campaign.db.engine import reading, writing
from campaign.services import store as services
from campaign.services.check import Problem
from campaign.services.store import SavedService
from campaign.x.types import Account
from models import OPT_OUT_LINE, ApiVersion, MessagePolicy, Service, ServiceState
from tests.factories import NOW, account, form

ACME = form()
OTHER = form(block_id="block-other", internal_name="other", label="Other")

pytestmark = pytest.mark.usefixtures("database")


def remember(*forms: SavedService) -> list[Service]:
    with writing() as session:
        return services.remember(session, forms, [one.block_id for one in forms])


def rows() -> dict[str, Service]:
    with reading() as session:
        return {row.internal_name: row for row in session.exec(select(Service))}


def check(service: Service, found: Account | None, problems: Iterable[Problem] = ()) -> Service:
    with writing() as session:
        services.record_check(session, services.get(session, service.id), found, problems, NOW)
    return rows()[service.internal_name]


def test_a_saved_form_becomes_an_unchecked_service() -> None:
    (made,) = remember(form(api_version=ApiVersion.V1_1, spend_cap=Decimal("12.34"), owned=False, proof=True))
    assert rows() == {"acme": made}
    assert (made.block_id, made.label, made.visitor_folder) == ("block-acme", "Acme", "Visitors")
    assert (made.api_version, made.spend_cap, made.owned, made.proof) == (
        ApiVersion.V1_1,
        Decimal("12.34"),
        False,
        True,
    )
    assert (made.state, made.checked_at, made.saved_at) == (ServiceState.UNCHECKED, None, NOW)


def test_the_same_forms_again_change_nothing() -> None:
    remember(ACME, OTHER)
    before = rows()
    assert remember(ACME, OTHER) == list(before.values())
    assert rows() == before


def test_a_changed_form_changes_its_row() -> None:
    (before,) = remember(ACME)
    remember(replace(ACME, label="New", synchronize=False, spend_cap=Decimal(7), saved_at=NOW + timedelta(days=1)))
    row = rows()["acme"]
    assert (row.id, row.label, row.synchronize, row.spend_cap) == (before.id, "New", False, Decimal(7))
    assert row.saved_at == NOW + timedelta(days=1)


def test_what_a_form_says_of_direct_messages_follows_it() -> None:
    (made,) = remember(form(app="0123456789abcdef", opt_out_line="", quiet_hours="22:00-08:00", daily_limit=500))
    assert (made.app, made.opt_out_line, made.quiet_hours, made.daily_limit) == (
        "0123456789abcdef",
        "",
        "22:00-08:00",
        500,
    )
    policy = MessagePolicy.CONSENTED_ONLY
    remember(form(message_policy=policy, frequency_cap=2, frequency_days=30, timezone="Europe/Brussels"))
    row = rows()["acme"]
    assert (row.id, row.message_policy, row.timezone) == (made.id, policy, "Europe/Brussels")
    assert (row.frequency_cap, row.frequency_days, row.daily_limit) == (2, 30, 0)
    assert (row.app, row.opt_out_line, row.quiet_hours) == (ACME.app, OPT_OUT_LINE, "")


def test_a_form_keeps_its_row_through_a_change_of_its_internal_name() -> None:
    (before,) = remember(ACME)
    check(before, account())
    remember(replace(ACME, internal_name="renamed"))
    assert set(rows()) == {"renamed"}
    assert (rows()["renamed"].id, rows()["renamed"].x_user_id) == (before.id, "42")


def test_a_removed_form_leaves_its_row_and_lets_go_of_the_account() -> None:
    before, _ = remember(ACME, OTHER)
    check(before, account())
    assert [row.internal_name for row in remember(OTHER)] == ["other"]
    row = rows()["acme"]
    assert (row.id, row.block_id, row.x_user_id, row.state) == (before.id, None, None, ServiceState.UNCHECKED)
    assert rows()["other"].block_id == "block-other"


def test_the_last_form_may_be_removed_too() -> None:
    remember(ACME)
    assert remember() == []
    assert rows()["acme"].block_id is None


def test_a_form_made_again_gets_the_row_of_its_name_back() -> None:
    (before,) = remember(ACME)
    remember()
    (again,) = remember(replace(ACME, block_id="block-new", internal_name="Acme"))
    assert (again.id, again.block_id, again.internal_name) == (before.id, "block-new", "Acme")
    assert len(rows()) == 1


def test_a_form_may_take_the_name_of_a_removed_one() -> None:
    acme, _ = remember(ACME, OTHER)
    remember(replace(ACME, internal_name="other"))
    with reading() as session:
        other = services.find(session, "other")
    assert other is not None
    assert (other.id, other.block_id) == (acme.id, "block-acme")


def test_two_forms_may_swap_their_names() -> None:
    remember(ACME, OTHER)
    remember(replace(ACME, internal_name="other"), replace(OTHER, internal_name="acme"))
    assert {name: row.block_id for name, row in rows().items()} == {"acme": "block-other", "other": "block-acme"}


def test_a_new_form_may_take_the_name_that_another_one_gave_up() -> None:
    remember(ACME)
    remember(replace(OTHER, internal_name="acme"), replace(ACME, internal_name="renamed"))
    assert {name: row.block_id for name, row in rows().items()} == {"acme": "block-other", "renamed": "block-acme"}


def test_a_service_is_found_by_its_name_in_any_case() -> None:
    remember(form(internal_name="Acme"))
    with reading() as session:
        found = services.find(session, "aCME")
        assert found is not None
        assert found.internal_name == "Acme"
        assert services.find(session, "acme_") is None


def test_a_check_without_problems_keeps_the_account() -> None:
    (acme,) = remember(ACME)
    row = check(acme, account(followers_count=2**40, protected=True))
    assert (row.state, row.problems, row.checked_at) == (ServiceState.OK, "", NOW)
    assert (row.x_user_id, row.x_username, row.x_name) == ("42", "acme", "Acme")
    assert (row.followers_count, row.protected, row.access_level) == (2**40, True, "read-write-directmessages")


def test_a_check_with_problems_keeps_them_and_the_account() -> None:
    (acme,) = remember(ACME)
    row = check(acme, account(), [Problem("First."), Problem("Second.", is_warning=True)])
    assert (row.state, row.problems, row.x_user_id) == (ServiceState.NEEDS_ATTENTION, "First.\nSecond.", "42")


def test_a_warning_alone_leaves_a_service_ok() -> None:
    (acme,) = remember(ACME)
    row = check(acme, account(), [Problem("Careful.", is_warning=True)])
    assert (row.state, row.problems) == (ServiceState.OK, "Careful.")


def test_the_account_of_a_service_that_is_not_its_own_is_not_kept() -> None:
    (acme,) = remember(ACME)
    row = check(acme, account(user_id="43"), [Problem("Not yours.", blocks=True)])
    assert (row.state, row.x_user_id) == (ServiceState.NEEDS_ATTENTION, None)


def test_a_check_that_got_no_account_keeps_the_one_known() -> None:
    (acme,) = remember(ACME)
    check(acme, account())
    row = check(acme, None, [Problem("The keys are wrong.", blocks=True)])
    assert (row.state, row.x_user_id) == (ServiceState.NEEDS_ATTENTION, "42")


def test_a_check_that_finds_a_service_well_again_clears_its_problems() -> None:
    (acme,) = remember(ACME)
    with writing() as session:
        services.mark_blocked(session, services.get(session, acme.id), "Locked. Unlock it.")
    assert (rows()["acme"].state, rows()["acme"].problems) == (ServiceState.NEEDS_ATTENTION, "Locked. Unlock it.")
    assert (check(acme, account()).state, rows()["acme"].problems) == (ServiceState.OK, "")


def test_the_other_service_of_an_account_is_known_by_name() -> None:
    acme, other = remember(ACME, OTHER)
    check(acme, account())
    with reading() as session:
        assert services.connected_to(session, account(), other) == "acme"
        assert services.connected_to(session, account(), acme) is None
        assert services.connected_to(session, account(user_id="1"), other) is None


def test_an_account_let_go_can_be_connected_to_another_service() -> None:
    acme, other = remember(ACME, OTHER)
    check(acme, account())
    remember(OTHER)
    assert check(other, account()).x_user_id == "42"

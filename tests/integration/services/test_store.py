"""Services on both databases: connected, changed and removed, their keys in the vault, and what a check found."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import select

from campaign.db import vault
from campaign.db.engine import read_session, transaction
from campaign.errors import WrongUsage
from campaign.services import store as services
from campaign.services.fields import Problem, ServiceFields, read_fields
from campaign.x.types import Account
from models import OPT_OUT_LINE, ApiVersion, AuditEntry, MessagePolicy, SecretKind, Service, ServiceState
from tests.factories import NOW, account, form

pytestmark = pytest.mark.usefixtures("database")


def connect(fields: ServiceFields | None = None) -> Service:
    with transaction() as session:
        return services.create(session, fields or form(), NOW, "ann")


def change(service: Service, **changes: Any) -> Service:
    with transaction() as session:
        row = services.get(session, service.id)
        return services.change(session, row, read_fields(services.read_values(session, row) | changes), NOW, "ann")


def remove(service: Service) -> None:
    with transaction() as session:
        services.remove(session, services.get(session, service.id), NOW, "ann")


def secrets_of(service: Service) -> dict[str, str] | None:
    with read_session() as session:
        return vault.read(session, SecretKind.SERVICE_KEYS, service.id)


def rows() -> dict[str, Service]:
    with read_session() as session:
        return {row.internal_name: row for row in session.exec(select(Service))}


def check(service: Service, found: Account | None, problems: Iterable[Problem] = ()) -> Service:
    with transaction() as session:
        services.record_check(session, services.get(session, service.id), found, problems, NOW)
    return rows()[service.internal_name]


def test_each_act_on_a_service_stands_in_the_audit_without_a_key() -> None:
    made = connect()
    change(made)
    changed = change(made, label="Acme Ltd", access_token="1-another-token")
    remove(changed)
    with read_session() as session:
        entries = [
            (one.actor, one.subject, one.action, one.detail) for one in session.exec(select(AuditEntry).order_by("id"))
        ]
    assert entries == [
        ("ann", "service acme", "connected", ""),
        ("ann", "service acme", "changed", "Changed: label, access_token."),
        ("ann", "service acme", "disconnected", ""),
    ]


def test_a_new_service_is_unchecked() -> None:
    made = connect(form(api_version="1.1", spend_cap="12.34", owned=False, proof=True))
    assert rows() == {"acme": made}
    assert (made.label, made.visitor_folder, made.is_connected) == ("Acme", "Visitors", True)
    assert (made.api_version, made.spend_cap) == (ApiVersion.V1_1, Decimal("12.34"))
    assert (made.owned, made.proof) == (False, True)
    assert (made.state, made.checked_at, made.saved_at) == (ServiceState.UNCHECKED, None, NOW)


def test_the_keys_are_in_the_vault_and_nowhere_else() -> None:
    made = connect(form(client_id="the-client-id", client_secret="the-client-secret"))
    assert secrets_of(made) == {
        "consumer_key": "the-consumer-key",
        "consumer_secret": "the-consumer-secret",
        "access_token": "the-access-token",
        "access_token_secret": "the-access-token-secret",
        "client_id": "the-client-id",
        "client_secret": "the-client-secret",
    }
    assert made.has_oauth2
    assert "the-" not in repr(rows()["acme"])


def test_what_is_changed_changes_and_the_rest_stays_keys_included() -> None:
    before = connect(form(daily_limit=500, quiet_hours="22:00-08:00"))
    policy = MessagePolicy.CONSENTED_ONLY
    row = change(before, label="New", synchronize=False, spend_cap=7, message_policy=policy.value, frequency_cap=2)
    assert (row.id, row.label, row.synchronize, row.spend_cap) == (before.id, "New", False, Decimal(7))
    assert (row.message_policy, row.frequency_cap, row.daily_limit) == (policy, 2, 500)
    assert (row.quiet_hours, row.opt_out_line, row.app) == ("22:00-08:00", OPT_OUT_LINE, before.app)
    assert secrets_of(row) == secrets_of(before)


def test_new_keys_take_the_place_of_the_old_ones() -> None:
    before = connect()
    row = change(before, access_token="another-token", consumer_key="another-key")
    assert (secrets_of(row) or {})["access_token"] == "another-token"
    assert row.app != before.app


def test_a_service_keeps_its_row_when_its_account_is_renamed() -> None:
    before = connect()
    check(before, account())
    change(before, internal_name="renamed")
    assert set(rows()) == {"renamed"}
    assert (rows()["renamed"].id, rows()["renamed"].x_user_id) == (before.id, "42")


def test_two_connected_services_never_have_one_name() -> None:
    acme, other = connect(), connect(form(internal_name="other"))
    with pytest.raises(WrongUsage, match="The service acme exists; change it with: campaign service edit acme"):
        connect(form(internal_name="ACME"))
    with pytest.raises(WrongUsage, match=r"Two services have the internal name Acme; remove one of them."):
        change(other, internal_name="Acme")
    assert {name: row.id for name, row in rows().items()} == {"acme": acme.id, "other": other.id}


def test_a_removed_service_leaves_its_row_and_lets_go_of_account_and_keys() -> None:
    before, other = connect(), connect(form(internal_name="other"))
    check(before, account())
    remove(before)
    row = rows()["acme"]
    assert (row.id, row.removed_at, row.x_user_id, row.state) == (before.id, NOW, None, ServiceState.UNCHECKED)
    assert secrets_of(before) is None
    assert secrets_of(other) is not None
    assert [each.internal_name for each in services.connected_services().services] == ["other"]


def test_a_service_connected_again_gets_the_row_of_its_name_back() -> None:
    before = connect()
    remove(before)
    again = connect(form(internal_name="Acme"))
    assert (again.id, again.is_connected, again.internal_name) == (before.id, True, "Acme")
    assert len(rows()) == 1


def test_a_service_may_take_the_name_of_a_removed_one() -> None:
    acme, other = connect(), connect(form(internal_name="other"))
    remove(other)
    change(acme, internal_name="other")
    with read_session() as session:
        found = services.find(session, "other")
    assert found is not None
    assert found.id == acme.id


def test_a_service_is_found_by_its_name_in_any_case() -> None:
    connect(form(internal_name="Acme"))
    assert services.find_service("aCME").internal_name == "Acme"
    with pytest.raises(WrongUsage, match=r"There is no service acme_; there are: Acme."):
        services.find_service("acme_")


def test_a_check_without_problems_keeps_the_account() -> None:
    acme = connect()
    row = check(acme, account(followers_count=2**40, protected=True))
    assert (row.state, row.problems, row.checked_at) == (ServiceState.OK, "", NOW)
    assert (row.x_user_id, row.x_username, row.x_name) == ("42", "acme", "Acme")
    assert (row.followers_count, row.protected, row.access_level) == (2**40, True, "read-write-directmessages")


def test_a_check_with_problems_keeps_them_and_the_account() -> None:
    acme = connect()
    row = check(acme, account(), [Problem("First."), Problem("Second.", is_warning=True)])
    assert (row.state, row.problems, row.x_user_id) == (ServiceState.NEEDS_ATTENTION, "First.\nSecond.", "42")


def test_a_warning_alone_leaves_a_service_ok() -> None:
    acme = connect()
    row = check(acme, account(), [Problem("Careful.", is_warning=True)])
    assert (row.state, row.problems) == (ServiceState.OK, "Careful.")


def test_the_account_of_a_service_that_is_not_its_own_is_not_kept() -> None:
    acme = connect()
    row = check(acme, account(user_id="43"), [Problem("Not yours.", blocks=True)])
    assert (row.state, row.x_user_id) == (ServiceState.NEEDS_ATTENTION, None)


def test_a_check_that_got_no_account_keeps_the_one_known() -> None:
    acme = connect()
    check(acme, account())
    row = check(acme, None, [Problem("The keys are wrong.", blocks=True)])
    assert (row.state, row.x_user_id) == (ServiceState.NEEDS_ATTENTION, "42")


def test_a_check_that_finds_a_service_well_again_clears_its_problems() -> None:
    acme = connect()
    with transaction() as session:
        services.mark_blocked(session, services.get(session, acme.id), "Locked. Unlock it.")
    assert (rows()["acme"].state, rows()["acme"].problems) == (ServiceState.NEEDS_ATTENTION, "Locked. Unlock it.")
    assert (check(acme, account()).state, rows()["acme"].problems) == (ServiceState.OK, "")


def test_the_other_service_of_an_account_is_known_by_name() -> None:
    acme, other = connect(), connect(form(internal_name="other"))
    check(acme, account())
    with read_session() as session:
        assert services.connected_to(session, account(), other) == "acme"
        assert services.connected_to(session, account(), acme) is None
        assert services.connected_to(session, account(user_id="1"), other) is None


def test_an_account_let_go_can_be_connected_to_another_service() -> None:
    acme, other = connect(), connect(form(internal_name="other"))
    check(acme, account())
    remove(acme)
    assert check(other, account()).x_user_id == "42"

"""The pages of the accounts: connected, checked, changed, disconnected; the schedules of the workflows."""

import re
from collections.abc import Iterator
from typing import Any

import pendulum
import pytest
from sqlmodel import select

from campaign.db import vault
from campaign.db.engine import read_session, transaction
from campaign.services.store import find_service
from models import AuditEntry, Budget, Role, SecretKind, Service, WindowName
from tests.databases import Database
from tests.desk_site import Desk, open_desk
from tests.readings import saved_service
from tests.simulated_x import KEYS, SimulatedX


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return sqlite_database


@pytest.fixture
def desk(x: SimulatedX) -> Iterator[Desk]:  # noqa: ARG001
    with open_desk() as opened:
        yield opened


def made(x: SimulatedX, desk: Desk) -> dict[str, str]:
    """The keys of a new account @Acme on X, whose app names the callback of the desk."""
    callbacks = [f"{desk.url}/desk/accounts/callback"]
    keys: dict[str, Any] = x.command("POST", "accounts", username="Acme", name="Acme Corp", callbacks=callbacks)
    return {name: keys[name] for name in KEYS}


def connected(x: SimulatedX, desk: Desk) -> Any:
    boss = desk.person("boss", Role.OPERATOR)
    boss.send(boss.get("/desk/accounts/new"), internal_name="Acme", label="Acme", **made(x, desk))
    return boss


def test_an_account_is_connected_with_a_wrong_key_and_then_a_right_one(x: SimulatedX, desk: Desk) -> None:
    boss, keys = desk.person("boss", Role.OPERATOR), made(x, desk)
    wrong = keys | {"access_token_secret": "x" * 45}
    answer = boss.send(boss.get("/desk/accounts/new"), internal_name="@Acme", **wrong)
    assert answer.headers["location"] == "/desk/accounts/Acme"
    page = boss.get("/desk/accounts/Acme")
    assert "needs attention" in page.text
    right = {"access_token_secret": keys["access_token_secret"]}
    boss.send(page, action="/keys", **right)
    page = boss.get("/desk/accounts/Acme")
    assert "X accepts the keys." in page.text
    assert "Acme Corp" in page.text
    assert find_service("Acme").state == "ok"


def test_an_account_has_the_picture_that_x_shows_and_none_from_elsewhere(x: SimulatedX, desk: Desk) -> None:
    boss = connected(x, desk)
    for url, is_shown in [("https://pbs.twimg.com/a.jpg", True), ("https://pbs.twimg.com.evil.example/a.jpg", False)]:
        with transaction() as session:
            session.merge(find_service("Acme")).picture_url = url
        for path in ("/desk/accounts", "/desk/accounts/Acme", "/desk/posts/new"):
            page = boss.get(path)
            assert (f'<img class="initial" src="{url}"' in page.text) is is_shown
            assert "img-src 'self' data: https://pbs.twimg.com;" in page.headers["content-security-policy"]


def test_all_problems_are_named_beside_what_was_typed_but_no_key(x: SimulatedX, desk: Desk) -> None:
    boss, keys = desk.person("boss", Role.OPERATOR), made(x, desk)
    answer = boss.send(boss.get("/desk/accounts/new"), internal_name="no handle", **keys | {"consumer_key": ""})
    assert answer.status_code == 400
    for words in ("no handle", "consumer key is empty"):
        assert words in answer.text
    for key in KEYS[1:]:
        assert keys[key] not in answer.text


def test_an_account_is_connected_by_signing_in_with_x(x: SimulatedX, desk: Desk) -> None:
    boss, keys = desk.person("boss", Role.OPERATOR), made(x, desk)
    form = boss.get("/desk/accounts/new")
    given = {name: keys[name] for name in KEYS[:2]}
    screen = boss.send(form, action="/sign-in", **given).headers["location"]
    back = x.agree(screen, "Acme")
    answer = boss.get(back.removeprefix(desk.url))
    assert answer.headers["location"] == "/desk/accounts/Acme"
    assert "X accepts the keys." in boss.get("/desk/accounts/Acme").text
    # The same link opens nothing a second time, and no key waits any more.
    assert "Begin again" in boss.get(back.removeprefix(desk.url)).text
    with read_session() as session:
        assert vault.list_owners(session, SecretKind.PENDING_SIGN_IN) == []


def test_a_no_on_x_connects_nothing(x: SimulatedX, desk: Desk) -> None:
    boss, keys = desk.person("boss", Role.OPERATOR), made(x, desk)
    given = {name: keys[name] for name in KEYS[:2]}
    screen = boss.send(boss.get("/desk/accounts/new"), action="/sign-in", **given).headers["location"]
    assert "did not agree" in boss.get(x.decline(screen).removeprefix(desk.url)).text
    with read_session() as session:
        assert session.exec(select(Service)).all() == []


def test_settings_are_changed_and_wrong_ones_shown_again(x: SimulatedX, desk: Desk) -> None:
    boss = connected(x, desk)
    page = boss.get("/desk/accounts/Acme")
    fields = {"label": "Acme", "visitor_folder": "Visitors", "api_version": "2", "message_policy": "consented_only"}
    fields |= {"spend_cap": "12.50", "frequency_days": "7", "opt_out_line": "-", "reconciliation": "email"}
    answer = boss.send(page, action="/desk/accounts/Acme", **fields, quiet_hours="22-8:99")
    assert answer.status_code == 400
    assert 'value="22-8:99"' in answer.text
    boss.send(page, action="/desk/accounts/Acme", **fields, quiet_hours="22:00-08:00")
    service = find_service("Acme")
    assert (f"{service.spend_cap:.2f}", service.quiet_hours, service.opt_out_line) == ("12.50", "22:00-08:00", "")
    assert service.synchronize is False  # a box without its tick
    with read_session() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "changed")).one()
    assert "spend_cap" in entry.detail
    assert "consumer" not in entry.detail


def test_an_account_is_disconnected_only_with_the_tick(x: SimulatedX, desk: Desk) -> None:
    boss = connected(x, desk)
    page = boss.get("/desk/accounts/Acme")
    assert boss.send(page, action="/remove").status_code == 400
    assert boss.send(page, action="/remove", sure="yes").status_code == 303
    assert "No X account is connected yet" in boss.get("/desk/accounts").text


def test_a_workflow_and_a_sync_are_started_in_prefect(x: SimulatedX, desk: Desk) -> None:
    boss = connected(x, desk)
    boss.send(boss.get("/desk/accounts"), action="/desk/workflows/account-sync", do="start")
    assert desk.runs.schedules["account-sync"]
    boss.send(boss.get("/desk/accounts/Acme"), action="/sync")
    assert desk.runs.started == [("account-sync", "followers of Acme", {"services": ["Acme"]})]


def test_a_viewer_sees_the_account_and_changes_nothing(x: SimulatedX, desk: Desk) -> None:
    connected(x, desk)
    ann = desk.person("ann", {find_service("Acme").id: Role.APPROVER})
    page = ann.get("/desk/accounts/Acme")
    assert "Acme Corp" in page.text
    assert re.findall(r'action="/desk/accounts[^"]*"', page.text) == []
    assert ann.post("/desk/accounts/Acme/check").status_code == 403


def test_limits_are_named_by_their_work_the_narrowest_of_each(desk: Desk) -> None:
    acme, later = saved_service(), pendulum.now("UTC").add(minutes=9)
    left = {"initialize": 400, ":id/append": 30}
    endpoints = {f"POST /2/media/upload/{one}": rest for one, rest in left.items()} | {"POST /2/tweets": 0}
    with transaction() as session:
        for endpoint, rest in endpoints.items():
            window: dict[str, Any] = {
                "window": WindowName.QUARTER_HOUR,
                "limit": 1_500,
                "remaining": rest,
                "reset_at": later,
            }
            session.add(Budget(service_id=acme.id, endpoint=endpoint, **window))
    ann = desk.person("ann", Role.VIEWER)
    page = ann.get("/desk/accounts/acme").text
    assert page.count("<td>Uploading files</td>") == 1
    assert "30 of 1,500" in page
    assert "media/upload" not in page
    today = ann.get("/desk").text
    assert "Posts left: 0 of 1,500" in today
    assert "X allows no more of it now: Publishing posts (15 minutes)." in today

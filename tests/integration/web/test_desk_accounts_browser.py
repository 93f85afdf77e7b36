"""An account is connected in a real browser: with a wrong key and then a right one, and by signing in with X."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.services.store import find_service
from campaign.settings import load_settings
from models import Role, ServiceState
from tests.browsing import NEEDS_CHROMIUM, Window, open_browser
from tests.databases import Database
from tests.desk_site import Desk, open_desk
from tests.simulated_x import KEYS, SimulatedX

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def desk(sqlite_database: Database, simulator_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:  # noqa: ARG001
    monkeypatch.setenv("CAMPAIGN_X_API_URL", simulator_url)
    load_settings.cache_clear()
    SimulatedX(simulator_url).command("POST", "reset")
    with open_desk() as opened:
        yield opened


@pytest.fixture
def window(desk: Desk, tmp_path: Path) -> Iterator[Window]:
    boss = desk.person("boss", Role.OPERATOR)
    with open_browser(tmp_path / "browser") as found:
        found._ask("Network.setCookie", name="desk", value=boss.client.cookies["desk"], url=desk.url)
        found.open(f"{desk.url}/desk")
        yield found


def test_an_account_is_connected_by_a_right_key_and_by_x(window: Window, desk: Desk, simulator_url: str) -> None:
    x = SimulatedX(simulator_url)
    callbacks = [f"{desk.url}/desk/accounts/callback"]
    made = x.command("POST", "accounts", username="Acme", name="Acme Corp", callbacks=callbacks)
    window.forbid_scripts()
    window.click('a[href="/desk/accounts/new"]')
    window.arrive("/desk/accounts/new")
    window.click("#internal_name")
    window.write("Acme")
    window.press("Tab", "Tab")
    for name in KEYS:
        window.write("x" * 45 if name == "access_token_secret" else made[name])
        window.press("Tab")
    window.press("Tab", "Enter")
    window.arrive("/desk/accounts/Acme")
    window.see("needs attention")
    window.click("#k-access_token_secret")
    window.write(made["access_token_secret"])
    window.press("Tab", "Tab", "Tab", "Enter")
    window.see("X accepts the keys.")
    window.see("Acme Corp")
    assert find_service("Acme").state is ServiceState.OK
    # The same account once more, as X's own consent screen connects it.
    window.open(f"{desk.url}/desk/accounts/new")
    window.click("#s-consumer_key")
    for name in KEYS[:2]:
        window.write(made[name])
        window.press("Tab")
    window.press("Enter")
    window.arrive("/oauth/authorize")
    window.click("#username")
    window.write("Acme")
    window.press("Tab", "Enter")
    window.arrive("/desk/accounts/Acme")
    window.see("X accepts the keys.")

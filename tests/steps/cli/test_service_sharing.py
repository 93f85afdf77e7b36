"""What a service says of sharing profiles, on the command line."""

from typing import Any

import pytest

from tests.command import Done, here
from tests.simulated_x import Connect, SimulatedX
from tests.steps.cli.test_service import in_environment

PURPOSE = "To greet you by your name."


def sharing(done: Done) -> dict[str, Any]:
    assert done.status == 0, done.err
    [document] = done.document if isinstance(done.document, list) else [done.document]
    return {name: document[name] for name in ("join_purpose", "asks_email", "oauth2", "reconciliation")}


def test_a_service_with_keys_of_oauth2_shows_none_of_them(x: SimulatedX, monkeypatch: pytest.MonkeyPatch) -> None:
    brand = x.make("acme", 1)
    for name in ("client_id", "client_secret"):
        monkeypatch.setenv(f"CAMPAIGN_{name.upper()}", str(brand.made[name]))
    given = ["--join-purpose", PURPOSE, "--asks-email", "--reconciliation", "email,username"]
    created = here("service", "create", "acme", *given, "--json", **in_environment(brand.keys))
    wanted = {"join_purpose": PURPOSE, "asks_email": True, "oauth2": True, "reconciliation": "email, username"}
    assert sharing(created) == sharing(here("service", "list", "--json")) == wanted
    assert brand.made["client_secret"] not in created.out + created.err


def test_an_edit_adds_the_keys_and_keeps_the_others(connect: Connect) -> None:
    brand = connect("acme", 1)
    assert sharing(here("service", "list", "--json"))["oauth2"] is False
    given = ["--client-id", brand.made["client_id"], "--reconciliation", "-", "--json"]
    edited = here("service", "edit", "acme", *given, CAMPAIGN_CLIENT_SECRET=str(brand.made["client_secret"]))
    assert (sharing(edited)["oauth2"], sharing(edited)["reconciliation"]) == (True, "")
    checked = here("service", "check", "acme")
    assert checked.status == 0
    assert "Automated label, the operator named in the bio, and a linked account of a person" in " ".join(
        checked.err.split()
    )


def test_an_unknown_reconciliation_key_is_refused(connect: Connect) -> None:
    connect("acme", 1)
    refused = here("service", "edit", "acme", "--reconciliation", "phone")
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "x_user_id, email, username" in refused.err

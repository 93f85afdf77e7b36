"""The direct-message settings of a service on the command line."""

from typing import Any

import pytest

from models import OPT_OUT_LINE, MessagePolicy
from tests.command import Done, here
from tests.simulated_x import KEYS, Connect, SimulatedX
from tests.steps.cli.test_service import in_environment

BY_DEFAULT = {
    "message_policy": "all_followers",
    "wrote_first_counts": False,
    "opt_out_line": OPT_OUT_LINE,
    "frequency_cap": 0,
    "frequency_days": 7,
    "quiet_hours": "",
    "timezone": "",
    "daily_limit": 0,
}
GIVEN = {
    "message_policy": "consented_only",
    "wrote_first_counts": True,
    "opt_out_line": "Write STOP to end this.",
    "frequency_cap": 2,
    "frequency_days": 30,
    "quiet_hours": "22:00-08:00",
    "timezone": "Europe/Brussels",
    "daily_limit": 500,
}


def options(values: dict[str, Any]) -> list[str]:
    given = {f"--{name.replace('_', '-')}": value for name, value in values.items()}
    return [word for option, value in given.items() for word in ([option] if value is True else [option, str(value)])]


def messages(done: Done) -> dict[str, Any]:
    assert done.status == 0, done.err
    [document] = done.document if isinstance(done.document, list) else [done.document]
    return {name: document[name] for name in BY_DEFAULT}


def test_a_service_is_created_with_them_and_shows_them(x: SimulatedX) -> None:
    brand = x.make("acme", 10)

    created = here("service", "create", "acme", *options(GIVEN), "--json", **in_environment(brand.keys))

    assert messages(created) == messages(here("service", "list", "--json")) == GIVEN
    service = brand.service
    assert (service.message_policy, service.quiet_hours) == (MessagePolicy.CONSENTED_ONLY, "22:00-08:00")
    assert {name for name in KEYS if brand.keys[name] in created.out + created.err} == set()


def test_left_out_they_are_the_defaults(x: SimulatedX) -> None:
    brand = x.make("acme", 10)
    assert messages(here("service", "create", "acme", "--json", **in_environment(brand.keys))) == BY_DEFAULT


def test_an_edit_changes_what_is_given_and_empties_what_is_given_empty(connect: Connect) -> None:
    connect("acme", 10, **GIVEN)

    edited = here(
        "service", "edit", "acme", "--frequency-cap", "1", "--opt-out-line", "", "--quiet-hours", "", "--json"
    )

    assert messages(edited) == GIVEN | {"frequency_cap": 1, "opt_out_line": "", "quiet_hours": ""}
    assert messages(here("service", "edit", "acme", "--label", "Acme", "--json")) == messages(edited)


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--message-policy", "everybody", "'--message-policy'"),
        ("--opt-out-line", "x" * 501, "Opt-out line cannot be 'xxx"),
        ("--frequency-cap", "-1", "'--frequency-cap'"),
        ("--frequency-cap", "10001", "Frequency cap cannot be '10001'"),
        ("--frequency-days", "0", "'--frequency-days'"),
        ("--quiet-hours", "at night", "Invalid quiet hours 'at night'"),
        ("--timezone", "Brussels", "Unknown time zone 'Brussels'"),
        ("--daily-limit", "-5", "'--daily-limit'"),
    ],
)
def test_an_invalid_setting_is_refused_and_nothing_saved(connect: Connect, option: str, value: str, named: str) -> None:
    connect("acme", 10, **GIVEN)

    refused = here("service", "edit", "acme", option, value)

    assert (refused.status, refused.out) == (2, "")
    assert named in refused.sentence
    assert messages(here("service", "list", "--json")) == GIVEN

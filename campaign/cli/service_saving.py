"""`campaign service create` and `edit`: saving what the form says."""

import os
import sys
from decimal import Decimal
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from campaign.cli import output
from campaign.cli.connection import connected_to_prefect
from campaign.cli.service_options import (
    AccessToken,
    AccessTokenSecret,
    AsJson,
    AsksEmail,
    Cap,
    ClientId,
    ClientSecret,
    ConsumerKey,
    ConsumerSecret,
    DailyLimit,
    Folder,
    FrequencyCap,
    FrequencyDays,
    Handle,
    JoinPurpose,
    Label,
    NewKeys,
    OptOutLine,
    Owned,
    Policy,
    Proof,
    QuietHours,
    Reconciliation,
    Synchronize,
    TimeZone,
    Version,
)
from campaign.cli.service_showing import show
from campaign.domain.handles import check_handle
from campaign.errors import WrongUsage
from campaign.x.keys import Keys, problem_of

KEYS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")


def create(
    handle: Handle,
    label: Label = None,
    visitor_folder: Folder = None,
    synchronize: Synchronize = None,
    proof: Proof = None,
    api_version: Version = None,
    owned: Owned = None,
    spend_cap: Cap = None,
    message_policy: Policy = None,
    opt_out_line: OptOutLine = None,
    frequency_cap: FrequencyCap = None,
    frequency_days: FrequencyDays = None,
    quiet_hours: QuietHours = None,
    timezone: TimeZone = None,
    daily_limit: DailyLimit = None,
    join_purpose: JoinPurpose = None,
    asks_email: AsksEmail = None,
    reconciliation: Reconciliation = None,
    client_id: ClientId = None,
    client_secret: ClientSecret = None,
    consumer_key: ConsumerKey = None,
    consumer_secret: ConsumerSecret = None,
    access_token: AccessToken = None,
    access_token_secret: AccessTokenSecret = None,
    as_json: AsJson = False,
) -> None:
    """Connect an X account; keys come from options, from CAMPAIGN_CONSUMER_KEY and so on, or are asked for."""
    given = _given(locals())
    check_handle(handle)
    keys = _complete({name: given.get(name) for name in KEYS})
    with connected_to_prefect():
        from campaign.cli.forms import save_new

        row = save_new({"label": handle, "internal_name": handle} | given | keys)
    show(row.describe(), as_json=as_json)
    output.say(f"Saved. Now ask X about it: campaign service check {handle}")


def edit(
    handle: Handle,
    internal_name: Annotated[str | None, typer.Option(help="The new handle, after the account was renamed.")] = None,
    label: Label = None,
    visitor_folder: Folder = None,
    synchronize: Synchronize = None,
    proof: Proof = None,
    api_version: Version = None,
    owned: Owned = None,
    spend_cap: Cap = None,
    message_policy: Policy = None,
    opt_out_line: OptOutLine = None,
    frequency_cap: FrequencyCap = None,
    frequency_days: FrequencyDays = None,
    quiet_hours: QuietHours = None,
    timezone: TimeZone = None,
    daily_limit: DailyLimit = None,
    join_purpose: JoinPurpose = None,
    asks_email: AsksEmail = None,
    reconciliation: Reconciliation = None,
    client_id: ClientId = None,
    client_secret: ClientSecret = None,
    keys: NewKeys = False,
    as_json: AsJson = False,
) -> None:
    """Change what is given of a service and keep the rest."""
    given = _given(locals())
    check_handle(internal_name or handle)
    if keys:
        given |= _complete({name: os.environ.get(f"CAMPAIGN_{name.upper()}") for name in KEYS})
    with connected_to_prefect():
        from campaign.cli.forms import save_changed

        row = save_changed(handle, given)
    show(row.describe(), as_json=as_json)


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    left_out = {"handle", "keys", "as_json"}
    given = {name: value for name, value in arguments.items() if value is not None and name not in left_out}
    if "spend_cap" in given:
        given["spend_cap"] = Decimal(str(given["spend_cap"]))
    return given


def _complete(keys: dict[str, str | None]) -> dict[str, str]:
    """Ask for the keys that are missing; raises WrongUsage when they surely cannot work."""
    complete = {name: key or _ask_for(name) for name, key in keys.items()}
    if problem := problem_of(Keys(**{name: SecretStr(key) for name, key in complete.items()})):
        raise WrongUsage(problem)
    return complete


def _ask_for(name: str) -> str:
    words = name.replace("_", " ")
    if not sys.stdin.isatty():
        raise WrongUsage(f"The {words} is missing: set CAMPAIGN_{name.upper()} or give --{name.replace('_', '-')}.")
    return str(typer.prompt(words.capitalize(), hide_input=True, err=True))

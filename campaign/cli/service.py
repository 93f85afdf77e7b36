"""`campaign service`: the connected X accounts, the same forms as in the Prefect UI."""

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
    Cap,
    ConsumerKey,
    ConsumerSecret,
    Folder,
    Handle,
    Label,
    NewKeys,
    Owned,
    Proof,
    Synchronize,
    Version,
)
from campaign.domain.handles import check_handle
from campaign.domain.spending import usd
from campaign.errors import NotPossible, WrongUsage
from campaign.settings import load_settings
from campaign.x.keys import Keys, problem_of

service = typer.Typer(help="The connected X accounts.", no_args_is_help=True)

KEYS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")


@service.command()
def create(
    handle: Handle,
    label: Label = None,
    visitor_folder: Folder = None,
    synchronize: Synchronize = None,
    proof: Proof = None,
    api_version: Version = None,
    owned: Owned = None,
    spend_cap: Cap = None,
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
    _show(row.describe(), as_json=as_json)
    output.say(f"Saved. Now ask X about it: campaign service check {handle}")


@service.command()
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
    _show(row.describe(), as_json=as_json)


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


@service.command("list")
def list_services(as_json: AsJson = False) -> None:
    """List the services with what X said of their keys and what they cost this month."""
    with connected_to_prefect():
        from campaign.cli.forms import list_all

        rows, problems = list_all()
    if as_json:
        output.print_json([row.describe() for row in rows])
    else:
        output.print_table([row.as_row() for row in rows])
    for problem in problems or ([] if rows else ["There is no service yet; make one: campaign service create HANDLE"]):
        output.say(problem)


@service.command()
def check(handle: Handle, as_json: AsJson = False) -> None:
    """Ask X whether the keys work and say in plain words what is wrong; costs one user read ($0.01)."""
    from campaign.x.network import check_simulator

    check_handle(handle)
    check_simulator(load_settings().x_api_url)
    with connected_to_prefect():
        from campaign.cli.forms import check_one

        row = check_one(handle)
    if as_json:
        output.print_json(row.check_result())
    else:
        _say_account(row)
    if row.service.state != "ok":
        raise NotPossible(f"{handle} needs attention.")


@service.command()
def remove(
    handle: Handle,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Disconnect an X account and forget its keys; its visitors stay."""
    check_handle(handle)
    with connected_to_prefect():
        from campaign.cli.forms import forget, one_named

        row = one_named(handle)
        if not yes and not typer.confirm(f"Disconnect {row.service.internal_name}? Its visitors stay.", err=True):
            raise NotPossible("Nothing was changed.")
        forget(row)
    _show(row.describe() | {"state": "removed"}, as_json=as_json)


def _show(description: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_json(description)
    else:
        output.print_table([{"Service": description["service"], "Label": description["label"]}])


def _say_account(row: Any) -> None:
    account = row.service
    if account.x_username:
        protected = "protected" if account.protected else "public"
        output.say(
            f"@{account.x_username} ({account.x_name}): {account.followers_count:,} followers, {protected},"
            f" permission {account.access_level or 'not told'}, spend cap {usd(account.spend_cap)} a month."
        )
    for problem in account.problems.splitlines():
        output.say(problem)
    if account.state == "ok":
        output.say("X accepts the keys.")

"""`campaign service list` and `check`: what is known of services, and what X says of them."""

from typing import Any

from campaign.cli import output
from campaign.cli.connection import connected_to_prefect
from campaign.cli.service_options import AsJson, Handle
from campaign.domain.handles import check_handle
from campaign.domain.spending import usd
from campaign.errors import NotPossible
from campaign.settings import load_settings


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


def show(description: dict[str, Any], *, as_json: bool) -> None:
    """Print what is known of a service, or for people just which it is."""
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

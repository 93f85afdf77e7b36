"""`campaign service`: the connected X accounts, the same forms as in the Prefect UI."""

from typing import Annotated

import typer

from campaign.cli.connection import connected_to_prefect
from campaign.cli.service_options import AsJson, Handle
from campaign.cli.service_saving import create, edit
from campaign.cli.service_showing import check, list_services, show
from campaign.domain.handles import check_handle
from campaign.errors import NotPossible

service = typer.Typer(help="The connected X accounts.", no_args_is_help=True)
service.command()(create)
service.command()(edit)
service.command("list")(list_services)
service.command()(check)


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
    show(row.describe() | {"state": "removed"}, as_json=as_json)

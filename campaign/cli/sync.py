"""`campaign sync`: the account sync, here and now."""

from collections.abc import Sequence
from typing import Annotated

import typer

from campaign.audience.sync import SyncReport
from campaign.cli import output
from campaign.cli.output import progress
from campaign.cli.server import connected_to_prefect
from campaign.errors import NotPossible
from campaign.settings import load_settings
from campaign.x.types import check_handle
from models import SyncMode


def sync(
    handles: Annotated[
        list[str] | None, typer.Argument(metavar="[HANDLE]...", help="Services; none: all that are synchronized.")
    ] = None,
    mode: Annotated[SyncMode, typer.Option(help="How far to read.")] = SyncMode.FULL,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End where X allows no more calls.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Bring the followers of services into the visitors table; going on from where an earlier run ended."""
    from campaign.x.http import check_simulator

    for handle in handles or []:
        check_handle(handle)
    check_simulator(load_settings().x_api_url)
    with connected_to_prefect():
        reports, message = _run(handles or [], mode, no_wait=no_wait)
    if as_json:
        output.print_json([report.as_json() for report in reports])
    else:
        output.print_table([report.as_row() for report in reports])
    if message:
        raise NotPossible(message)


def _run(handles: Sequence[str], mode: SyncMode, *, no_wait: bool) -> tuple[list[SyncReport], str | None]:
    from prefect import tags
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.account_sync import account_sync
    from tasks.continuation import NO_WAIT
    from tasks.services import choose

    chosen = choose(handles)
    # Nobody watches the heart of a run without a deployment, and waiting for its last beat takes up to a second.
    without_heartbeat = temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with without_heartbeat, tags(*[NO_WAIT] if no_wait else []), progress(chosen.services):
        state = account_sync(list(handles), mode, return_state=True)
    reports = state.result(raise_on_failure=False)
    failed = None if state.is_completed() else state.message or "The sync failed."
    return (reports if isinstance(reports, list) else []), failed

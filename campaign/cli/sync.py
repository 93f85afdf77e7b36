"""`campaign sync`: the account sync, here and now."""

from collections.abc import Sequence
from typing import Annotated

import typer

from campaign.audience.sync import SyncReport, describe_outcome, synchronise_all
from campaign.cli import output
from campaign.cli.output import progress
from campaign.cli.runs import run_flow, server_in_use
from campaign.db.engine import make_ready
from campaign.errors import NotPossible
from campaign.services.store import choose_services
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
    make_ready()
    with server_in_use() as has_server:
        run = _run_flow if has_server else _run_here
        reports, message = run(handles or [], mode, no_wait=no_wait)
    if as_json:
        output.print_json([report.as_json() for report in reports])
    else:
        output.print_table([report.as_row() for report in reports])
    if message:
        raise NotPossible(message)


def _run_here(handles: Sequence[str], mode: SyncMode, *, no_wait: bool) -> tuple[list[SyncReport], str]:
    chosen = choose_services(handles)
    with progress(chosen.services):
        reports = synchronise_all(chosen.services, mode, "campaign sync", wait=not no_wait)
    is_well, sentence = describe_outcome(reports, chosen.problems)
    return reports, "" if is_well else sentence


def _run_flow(handles: Sequence[str], mode: SyncMode, *, no_wait: bool) -> tuple[list[SyncReport], str]:
    from flows.account_sync import account_sync
    from tasks.services import take_over

    take_over()
    with progress(choose_services(handles).services):
        state = run_flow(account_sync, list(handles), mode, no_wait=no_wait)
    reports = state.result(raise_on_failure=False)
    message = "" if state.is_completed() else state.message or "The sync failed."
    return (reports if isinstance(reports, list) else []), message

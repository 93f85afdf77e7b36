"""`campaign delivery send`: the workflow of a delivery's kind, here and now."""

from typing import Annotated, Any

import typer

from campaign.cli import broadcast_lines, output
from campaign.cli.broadcast_forms import show_report
from campaign.cli.broadcast_progress import sending
from campaign.cli.connection import connected_to_prefect
from campaign.cli.delivery_lines import show_log
from campaign.cli.delivery_options import AsJson, Name
from campaign.cli.delivery_ready import check_x, find
from campaign.domain.broadcast_reports import BroadcastReport
from campaign.errors import NotPossible
from campaign.store.engine import reading
from models import Delivery, DeliveryKind


def send(
    name: Name,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End where X allows no more calls.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a confirmed delivery here and now, everything exactly once; going on from where an earlier run ended."""
    check_x()
    delivery = find(name)
    with connected_to_prefect():
        reports, message, is_done = _run(delivery, no_wait=no_wait)
    if delivery.kind is DeliveryKind.DM:
        _show_broadcast(delivery, reports, as_json=as_json)
    else:
        show_log([line for report in reports for line in report.lines], as_json=as_json)
    if not is_done:
        raise NotPossible(message)
    if message:
        output.say(f"{message.removesuffix('.')}: with the schedule, or when you run this again.")


def _run(delivery: Delivery, *, no_wait: bool) -> tuple[list[Any], str, bool]:
    from prefect import tags
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from tasks.continuation import NO_WAIT

    flow = _flow_for(delivery.kind)
    # As for a sync: nobody watches the heart of a run without a deployment.
    without_heartbeat = temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with without_heartbeat, tags(*[NO_WAIT] if no_wait else []), sending(delivery):
        state = flow(delivery=delivery.name, return_state=True)
    reports = state.result(raise_on_failure=False)
    is_done = state.is_completed()
    message = state.message or ("" if is_done else f"{delivery.name} was not sent.")
    return (reports if isinstance(reports, list) else []), message, is_done


def _flow_for(kind: DeliveryKind) -> Any:
    if kind is DeliveryKind.DM:
        from flows.dm_broadcast import dm_broadcast

        return dm_broadcast
    from flows.post_publication import post_publication

    return post_publication


def _show_broadcast(delivery: Delivery, reports: list[BroadcastReport], *, as_json: bool) -> None:
    """Print the log for scripts, the figures for a person; nothing of a broadcast that did not begin."""
    if not as_json:
        for report in reports:
            show_report(report)
        return
    with reading() as session:
        lines = broadcast_lines.lines_of_broadcast(session, delivery) if reports else iter(())
        broadcast_lines.print_lines(lines, as_csv=False, as_json=True)

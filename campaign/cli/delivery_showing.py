"""`campaign delivery list` and `show`: what is known of deliveries; only the database is asked."""

from typing import Any

from sqlmodel import Session

from campaign.cli import broadcast_lines, output
from campaign.cli.broadcast_forms import broadcast_as_json, show_broadcast_findings, show_report
from campaign.cli.delivery_forms import (
    as_row,
    audit_as_json,
    audit_row,
    findings_as_json,
    in_short,
    moments,
    show_findings,
)
from campaign.cli.delivery_lines import lines_of, show_log
from campaign.cli.delivery_options import AsJson, Kind, Limit, Name, OneService, Since, State
from campaign.cli.delivery_ready import make_ready
from campaign.cli.delivery_settings import show_settings
from campaign.cli.delivery_times import moment
from campaign.domain.findings import Analysis
from campaign.errors import WrongUsage
from campaign.store import deliveries, delivery_states, drafts, messages, services
from campaign.store.engine import reading
from models import Delivery, DeliveryKind


def list_deliveries(
    state: State = None,
    kind: Kind = None,
    service: OneService = None,
    since: Since = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest deliveries and where they stand."""
    begins = moment(since) if since else None
    make_ready()
    with reading() as session:
        service_id = _id_of(session, service) if service else None
        found = deliveries.listed(session, state=state, kind=kind, service_id=service_id, since=begins, limit=limit)
        rows = [(one, [row.internal_name for row in deliveries.targets_of(session, one)]) for one in found]
    if as_json:
        output.print_json([in_short(one, names) for one, names in rows])
    else:
        output.print_table([as_row(one, names) for one, names in rows])
        if not rows:
            output.say("There is no such delivery; make one: campaign delivery create")


def show(name: Name, as_json: AsJson = False) -> None:
    """Show everything of a delivery: what it says, its state and why, its analysis, its history, its log."""
    make_ready()
    with reading() as session:
        delivery = deliveries.named(session, name)
        targets = [row.internal_name for row in deliveries.targets_of(session, delivery)]
        draft = drafts.draft_of(session, delivery)
        history = delivery_states.audit_of(session, delivery)
        if as_json:
            known = {"analysis": _analysis(delivery), "audit": [audit_as_json(entry) for entry in history]}
            document = in_short(delivery, targets) | draft.model_dump(mode="json") | moments(delivery) | known
            _end_json(session, delivery, document)
            return
    output.print_table([as_row(delivery, targets)])
    show_settings(draft)
    _show_analysis(delivery)
    output.print_table([audit_row(entry) for entry in history])
    _show_end(delivery)


def _analysis(delivery: Delivery) -> dict[str, Any] | None:
    if not delivery.analysis:
        return None
    analysis = Analysis.model_validate_json(delivery.analysis)
    return broadcast_as_json(analysis) if delivery.kind is DeliveryKind.DM else findings_as_json(analysis)


def _show_analysis(delivery: Delivery) -> None:
    if delivery.analysis:
        show_it = show_broadcast_findings if delivery.kind is DeliveryKind.DM else show_findings
        show_it(Analysis.model_validate_json(delivery.analysis))


def _end_json(session: Session, delivery: Delivery, document: dict[str, Any]) -> None:
    """Print a document with the log at its end, that of a broadcast as it is read."""
    if delivery.kind is DeliveryKind.POST:
        log = [line.as_json() for line in lines_of(session, delivery, messages.of_delivery(session, delivery, None))]
        output.print_json(document | {"log": log})
        return
    from tasks.broadcast_reporting import report_on

    lines = broadcast_lines.lines_of_broadcast(session, delivery, proofs=True)
    document["report"] = report_on(delivery).as_json()
    output.print_json_ending(document, "log", (broadcast_lines.line_as_json(*one) for one in lines))


def _show_end(delivery: Delivery) -> None:
    """Print the log; of a broadcast its numbers."""
    if delivery.kind is DeliveryKind.DM:
        from tasks.broadcast_reporting import report_on

        show_report(report_on(delivery))
        return
    with reading() as session:
        show_log(lines_of(session, delivery, messages.of_delivery(session, delivery, None)), as_json=False)


def _id_of(session: Session, internal_name: str) -> int:
    service = services.named(session, internal_name)
    if service is None:
        raise WrongUsage(f"There is no service {internal_name}.")
    return service.id

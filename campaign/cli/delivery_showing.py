"""`campaign delivery list`, `show` and `log`: what is known of deliveries; only the database is asked."""

from collections.abc import Sequence
from typing import Annotated

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.delivery_forms import (
    as_row,
    audit_as_json,
    audit_row,
    findings_as_json,
    in_short,
    moments,
    show_findings,
    show_settings,
)
from campaign.cli.delivery_options import AsJson, Kind, Limit, Name, OneService, Since, State
from campaign.cli.delivery_times import moment
from campaign.domain.delivery_reports import LogLine, report_of
from campaign.domain.findings import Analysis
from campaign.errors import WrongUsage
from campaign.settings import load_settings
from campaign.store import approvals, deliveries, delivery_states, messages, schema, services
from campaign.store.engine import reading, writing
from models import MAIN, Delivery, Message


def make_ready() -> None:
    """Bring the tables up to date and take back questions that nobody answered."""
    schema.make_ready()
    with writing() as session:
        approvals.return_unanswered(session, pendulum.now("UTC"))


def check_x() -> None:
    """Raise WrongUsage when a simulator is in X's place and does not answer."""
    from campaign.x.network import check_simulator

    check_simulator(load_settings().x_api_url)


def find(name: str) -> Delivery:
    """Find a delivery before anything is started for it; raises WrongUsage when there is none."""
    make_ready()
    with reading() as session:
        return deliveries.named(session, name)


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
        draft = deliveries.draft_of(session, delivery)
        history = delivery_states.audit_of(session, delivery)
        log = lines_of(session, delivery, messages.of_delivery(session, delivery, None))
    analysis = Analysis.model_validate_json(delivery.analysis) if delivery.analysis else None
    if as_json:
        known = {
            "analysis": analysis and findings_as_json(analysis),
            "audit": [audit_as_json(entry) for entry in history],
            "log": [line.as_json() for line in log],
        }
        output.print_json(in_short(delivery, targets) | draft.model_dump(mode="json") | moments(delivery) | known)
        return
    output.print_table([as_row(delivery, targets)])
    show_settings(draft)
    if analysis:
        show_findings(analysis)
    output.print_table([audit_row(entry) for entry in history])
    output.print_table([line.as_row() for line in log])


def log(
    name: Name,
    proofs: Annotated[bool, typer.Option("--proofs", help="Those of its proofs too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what became of every part on every account."""
    make_ready()
    with reading() as session:
        delivery = deliveries.named(session, name)
        lines = lines_of(session, delivery, messages.of_delivery(session, delivery, None if proofs else MAIN))
    show_log(lines, as_json=as_json)
    if not lines:
        output.say(f"Nothing of {name} has gone out.")


def show_log(lines: Sequence[LogLine], *, as_json: bool) -> None:
    """Print the log of a delivery."""
    if as_json:
        output.print_json([line.as_json() for line in lines])
    else:
        output.print_table([line.as_row() for line in lines])


def lines_of(session: Session, delivery: Delivery, log: Sequence[Message]) -> tuple[LogLine, ...]:
    """The lines of a log as people and scripts read them."""
    return report_of(delivery, log, {service.id: service for service in services.all_known(session)}).lines


def _id_of(session: Session, internal_name: str) -> int:
    service = services.named(session, internal_name)
    if service is None:
        raise WrongUsage(f"There is no service {internal_name}.")
    return service.id

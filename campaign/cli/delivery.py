"""`campaign delivery`, `campaign template` and `campaign report`: created, edited, listed, shown, reported."""

from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from socket import create_connection
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.delivery_options import DeliverySettings, Name, check_named, check_options, moment, revised
from campaign.cli.delivery_view import (
    FAILED,
    analysis_as_json,
    as_row,
    audit_as_json,
    audit_row,
    in_short,
    line_as_json,
    lines_of,
    lines_of_broadcast,
    moments,
    print_lines,
    show_analysis,
    show_log,
    show_report,
    show_settings,
)
from campaign.cli.output import AsJson, with_options
from campaign.cli.server import server_in_use
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.deliveries import log as messages
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from campaign.errors import CampaignError, WrongUsage
from campaign.formatting import format_time
from campaign.services import store as services
from campaign.settings import X_API_URL, load_settings
from models import MAIN, Delivery, DeliveryKind, DeliveryState, DeliveryTemplate


def make_ready() -> None:
    """Migrates the tables, and returns deliveries to editing whose approval request was not answered in time."""
    from campaign.deliveries import approval as approvals

    engine.make_ready()
    with transaction() as session:
        approvals.return_unanswered(session, pendulum.now("UTC"))


def check_x() -> None:
    """Raises WrongUsage when a simulator is in X's place and does not answer."""
    url = load_settings().x_api_url
    if url == X_API_URL:
        return
    # A connection is tried first: to import the client of X takes longer than an analysis.
    parts = urlsplit(url)
    try:
        if parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback:
            create_connection((parts.hostname, parts.port or 80), timeout=5).close()
            return
    except (OSError, ValueError):
        pass
    from campaign.x.http import check_simulator

    check_simulator(url)


def find(name: str) -> Delivery:
    """Finds a delivery before anything is started for it; raises WrongUsage when there is none."""
    make_ready()
    with read_session() as session:
        return deliveries.named(session, name)


def schedule(delivery: Delivery) -> str:
    """Schedules the run of a confirmed delivery at its contact date; returns a sentence about what happens next."""
    send = f"campaign delivery send {delivery.name}"
    ends_at = deliveries.expires_at(delivery)
    if delivery.contact_date is None or ends_at is None:
        _end_question(delivery)
        return f"Send it with: {send}"
    starts, too_late = format_time(delivery.contact_date), f"After {format_time(ends_at)} it is too late."
    from httpx import HTTPError

    try:
        with server_in_use() as has_server:
            if has_server:
                from deployments.worker import unattended_pools
                from tasks.continuation import schedule_delivery

                schedule_delivery(delivery)
                if not (unattended := unattended_pools()):
                    return f"It goes out at {starts}, with a run that is scheduled on the Prefect server."
                return (
                    f"A run is scheduled on the Prefect server for {starts}, but no worker is online. Start one by"
                    f" then: `campaign up`, or `{'` and `'.join(unattended.values())}`. {too_late}"
                )
        problem = "No Prefect server runs, so it does not go out by itself"
    except (CampaignError, HTTPError) as error:
        problem = f"Its run could not be scheduled ({' '.join(str(error).split())})"
    return (
        f"{problem}. Start `campaign up` by {starts}, which schedules it, or send it from then on with: {send}."
        f" {too_late}"
    )


def unschedule(before: Delivery) -> None:
    """Deletes the scheduled run of a delivery that was confirmed before this command, where a server runs.

    Also ends the run that composed it, where that still waits for an answer.
    """
    if before.state is not DeliveryState.CONFIRMED and not before.flow_run_id:
        return
    from httpx import HTTPError

    with suppress(CampaignError, HTTPError), server_in_use() as has_server:
        if has_server:
            from tasks.continuation import schedule_delivery

            with read_session() as session:
                schedule_delivery(deliveries.named(session, before.name))


def _end_question(delivery: Delivery) -> None:
    """Ends the run that still waits for an answer to this delivery, where a server runs."""
    if not delivery.flow_run_id:
        return
    from httpx import HTTPError

    with suppress(CampaignError, HTTPError), server_in_use() as has_server:
        if has_server:
            from tasks.continuation import end_question

            end_question(delivery)


@with_options(DeliverySettings)
def create(
    options: DeliverySettings,
    template: Annotated[str | None, typer.Option(help="The template it starts from; options go before it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a delivery. Nothing goes out before it is analysed and confirmed."""
    check_options(options)
    make_ready()
    start = deliveries.template_for(options.get("kind"), template)
    draft = revised(deliveries.draft_of_template(start), options)
    if not draft.services:
        raise WrongUsage("The account is missing; name it with --service.")
    if not draft.content.parts:
        raise WrongUsage("The text is missing; write it with --text.")
    with read_session() as session:
        check_named(session, draft)
    draft = _with_files_kept(draft, options)
    from campaign.deliveries.approval import compose, current_user

    made = compose(draft, actor=current_user(), template=start.name)
    if as_json:
        output.print_json({"name": made.name})
    else:
        output.print_table([{"Delivery": made.name, "State": "being edited"}])
    output.say(f"Saved. Analyse it with: campaign delivery analyse {made.name}")


def _with_files_kept(draft: Draft, options: DeliverySettings) -> Draft:
    if not any(options.get("media", ())):
        return draft
    from campaign.cli.calendar import take_files_in

    return take_files_in(draft)


@with_options(DeliverySettings)
def edit(name: Name, options: DeliverySettings, as_json: AsJson = False) -> None:
    """Change settings of a delivery and keep the rest. Its analysis and its confirmation become invalid."""
    check_options(options)
    if options.keys() <= {"kind"}:
        raise WrongUsage("No change was given; name it with options: campaign delivery edit --help")
    make_ready()
    with read_session() as session:
        before = deliveries.named(session, name)
        known = deliveries.draft_of(session, before)
        if options.get("kind", known.kind) is not known.kind:
            raise WrongUsage(
                f"The kind of {name} is {known.kind.value} and cannot be changed; create another delivery with --kind."
            )
        draft = revised(known, options)
        check_named(session, draft, name)
    draft = _with_files_kept(draft, options)
    from campaign.deliveries.approval import current_user, recompose

    changed = recompose(name, draft, actor=current_user())
    unschedule(before)
    if as_json:
        output.print_json({"name": name, "state": changed.state.value})
    else:
        output.print_table([{"Delivery": name, "State": "being edited"}])
    output.say(f"Changed. Analyse it with: campaign delivery analyse {name}")


def list_deliveries(
    state: Annotated[DeliveryState | None, typer.Option(help="Only those in this state.")] = None,
    kind: Annotated[DeliveryKind | None, typer.Option(help="Only posts, or only broadcasts.")] = None,
    service: Annotated[str | None, typer.Option(help="Only those to this service.")] = None,
    since: Annotated[str | None, typer.Option(help="Only those made since then, as in 2026-11-01.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The highest number of rows, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest deliveries and their states."""
    begins = moment(since, earliest=True) if since else None
    make_ready()
    with read_session() as session:
        account = services.find(session, service) if service else None
        if service and account is None:
            raise WrongUsage(f"There is no service {service}.")
        service_id = account.id if account else None
        found = deliveries.listed(session, state=state, kind=kind, service_id=service_id, since=begins, limit=limit)
        rows = [(one, [row.internal_name for row in deliveries.targets_of(session, one)]) for one in found]
    if as_json:
        output.print_json([in_short(one, names) for one, names in rows])
    else:
        output.print_table([as_row(one, names) for one, names in rows])
        if not rows:
            output.say("There is no such delivery; create one: campaign delivery create")


def show(name: Name, as_json: AsJson = False) -> None:
    """Show a delivery: settings, state, analysis, history, log."""
    make_ready()
    with read_session() as session:
        delivery = deliveries.named(session, name)
        is_post = delivery.kind is DeliveryKind.POST
        targets = [row.internal_name for row in deliveries.targets_of(session, delivery)]
        draft = deliveries.draft_of(session, delivery)
        history = deliveries.audit_of(session, delivery)
        analysis = None
        if delivery.analysis:
            from campaign.deliveries.findings import Analysis

            analysis = Analysis.model_validate_json(delivery.analysis)
        parts = lines_of(session, delivery, messages.of_delivery(session, delivery, None)) if is_post else ()
        if as_json:
            document = in_short(delivery, targets) | draft.model_dump(mode="json") | moments(delivery)
            document["analysis"] = analysis and analysis_as_json(delivery.kind, analysis)
            document["audit"] = [audit_as_json(entry) for entry in history]
            if is_post:
                output.print_json(document | {"log": [line.as_json() for line in parts]})
                return
            from campaign.broadcasts.report import report_on

            # The log of a broadcast is long: it is printed while it is read.
            lines = lines_of_broadcast(session, delivery, proofs=True)
            document["report"] = report_on(delivery).as_json()
            output.print_json_ending(document, "log", (line_as_json(*one) for one in lines))
            return
    output.print_table([as_row(delivery, targets)])
    show_settings(draft)
    if analysis:
        show_analysis(delivery.kind, analysis)
    output.print_table([audit_row(entry) for entry in history])
    if is_post:
        show_log(parts, as_json=False)
    else:
        from campaign.broadcasts.report import report_on

        show_report(report_on(delivery))


def log(
    name: Name,
    proofs: Annotated[bool, typer.Option("--proofs", help="Include its proofs.")] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what did not arrive, and people whom a broadcast left out.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all of it, comma separated.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the outcome of every part or message."""
    if as_csv and as_json:
        raise WrongUsage("Choose --csv or --json; both do not fit into one output.")
    make_ready()
    with read_session() as session:
        delivery = deliveries.named(session, name)
        if as_csv:
            with transaction() as recording:
                deliveries.note(recording, delivery, "log exported", output.actor(), pendulum.now("UTC"))
        if delivery.kind is DeliveryKind.DM:
            lines = lines_of_broadcast(session, delivery, failed=failed, proofs=proofs)
            print_lines(lines, as_csv=as_csv, as_json=as_json)
            return
        found = lines_of(session, delivery, messages.of_delivery(session, delivery, None if proofs else MAIN))
    parts = [line for line in found if line.state in FAILED or not failed]
    show_log(parts, as_json=as_json, as_csv=as_csv)
    if not parts:
        output.say(f"Nothing of {name} has {'failed' if failed else 'gone out'}.")


TemplateName = Annotated[str, typer.Argument(metavar="NAME", help="The internal name of the template.")]


def list_templates(as_json: AsJson = False) -> None:
    """List the templates, the built-in ones first."""
    engine.make_ready()
    with read_session() as session:
        found = deliveries.list_templates(session)
    if as_json:
        output.print_json([_template_as_json(one) for one in found])
    else:
        output.print_table([_template_as_row(one) for one in found])


def show_template(name: TemplateName, as_json: AsJson = False) -> None:
    """Show the settings of a template."""
    engine.make_ready()
    with read_session() as session:
        _show_template(deliveries.find_template(session, name), as_json=as_json)


def duplicate(
    name: TemplateName,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The internal name of the copy.")],
    label: Annotated[
        str | None, typer.Option(help="The name shown in lists; that of the original if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy a template under another name."""
    engine.make_ready()
    _show_template(deliveries.duplicate_template(name, new, label, output.actor()), as_json=as_json)


def save(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The internal name of the delivery.")],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="The internal name of the template.")],
    with_content: Annotated[bool, typer.Option("--with-content", help="Include its texts, files and polls.")] = False,
    as_json: AsJson = False,
) -> None:
    """Save the settings of a delivery as a template. A saved template of that name is replaced."""
    engine.make_ready()
    _show_template(deliveries.save_template(delivery, name, output.actor(), with_content=with_content), as_json=as_json)


def delete(name: TemplateName, as_json: AsJson = False) -> None:
    """Delete a saved template; deliveries made from it stay."""
    engine.make_ready()
    deliveries.delete_template(name, output.actor())
    if as_json:
        output.print_json({"name": name, "state": "deleted"})
    else:
        output.print_table([{"Template": name, "State": "deleted"}])


def _show_template(found: DeliveryTemplate, *, as_json: bool) -> None:
    draft = deliveries.draft_of_template(found)
    if as_json:
        output.print_json(_template_as_json(found) | {"settings": draft.model_dump(mode="json")})
        return
    output.print_table([_template_as_row(found)])
    show_settings(draft)


def _template_as_json(found: DeliveryTemplate) -> dict[str, Any]:
    return {"name": found.name, "label": found.label, "kind": found.kind.value, "built_in": found.is_built_in}


def _template_as_row(found: DeliveryTemplate) -> dict[str, str]:
    kind = found.kind.value
    return {"Template": found.name, "Label": found.label, "Kind": kind, "Built in": "yes" if found.is_built_in else ""}


if TYPE_CHECKING:
    from campaign.reporting.document import Document


AsCsv = Annotated[bool, typer.Option("--csv", help="Print every figure on a line of its own, comma separated.")]


def report_delivery(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The internal name of the delivery.")],
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Report a delivery: recipients, clicks, reactions, cost."""
    from campaign.statistics import reports

    def read(session: Session) -> Any:
        return reports.delivery_numbers(session, deliveries.named(session, name))

    _show(read, reports.delivery_report_of, as_json=as_json, as_csv=as_csv)


def report_service(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The internal name of the service.")],
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Report a service: its audience, when its posts do well. The best posts are listed."""
    from campaign.statistics import reports

    def read(session: Session) -> Any:
        found = services.find(session, name)
        if found is None:
            raise WrongUsage(f"There is no service {name!r}; `campaign service list` shows them.")
        return reports.service_numbers(session, found, load_settings().timezone)

    _show(read, reports.service_report_of, as_json=as_json, as_csv=as_csv)


def report_all(as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Report all services side by side, and the newest deliveries."""
    from campaign.statistics import reports

    def read(session: Session) -> Any:
        return reports.overview(session, pendulum.now("UTC"))

    _show(read, reports.overview_of, as_json=as_json, as_csv=as_csv)


def _show(
    read: Callable[[Session], Any], report_of: Callable[[Any], "Document"], *, as_json: bool, as_csv: bool
) -> None:
    if as_json and as_csv:
        raise WrongUsage("Choose --csv or --json; both do not fit into one output.")
    engine.make_ready()
    with read_session() as session:
        found = read(session)
    if as_json:
        output.print_json(found.as_json())
    elif as_csv:
        from campaign.reporting.document import FIGURES

        output.print_csv(FIGURES, report_of(found).figures())
    else:
        from campaign.reporting.text import print_document

        print_document(report_of(found))

"""`campaign delivery` and `campaign template`: created, edited, listed and shown."""

from ipaddress import ip_address
from socket import create_connection
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.delivery_options import (
    Alt,
    Approval,
    AsCsv,
    AsJson,
    At,
    Code,
    Description,
    ExceptWhere,
    Failed,
    FirstText,
    Kind,
    Label,
    Limit,
    LimitTo,
    LinkCategories,
    LinkLabels,
    Links,
    Media,
    MoreParts,
    Name,
    NotIfReceived,
    OneService,
    Paid,
    PeopleList,
    Poll,
    PollMinutes,
    PriorityOption,
    Proof,
    RecipientsOf,
    Replies,
    Services,
    Since,
    State,
    Template,
    Tracking,
    UntrackedLinks,
    Validity,
    Wave,
    WaveEvery,
    WaveSize,
    Where,
    check_named,
    given_of,
    moment,
    revised,
)
from campaign.cli.delivery_view import (
    FAILED,
    as_row,
    audit_as_json,
    audit_row,
    broadcast_as_json,
    findings_as_json,
    in_short,
    line_as_json,
    lines_of,
    lines_of_broadcast,
    moments,
    print_lines,
    show_broadcast_findings,
    show_findings,
    show_log,
    show_report,
    show_settings,
)
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.deliveries import log as messages
from campaign.deliveries import store as deliveries
from campaign.deliveries import templates
from campaign.deliveries.draft import Draft
from campaign.errors import WrongUsage
from campaign.services import store as services
from campaign.settings import X_API_URL, load_settings
from models import MAIN, Delivery, DeliveryKind, DeliveryTemplate

if TYPE_CHECKING:
    from campaign.posts.report import LogLine


def make_ready() -> None:
    """Migrates the tables, and returns deliveries to editing whose approval request was not answered in time."""
    from campaign.deliveries import approval as approvals

    engine.make_ready()
    with transaction() as session:
        approvals.return_unanswered(session, pendulum.now("UTC"))


def check_x() -> None:
    """Raises WrongUsage when a simulator is in X's place and does not answer."""
    url = load_settings().x_api_url
    if url == X_API_URL or _is_listening(url):
        return
    from campaign.x.http import check_simulator

    check_simulator(url)


def _is_listening(url: str) -> bool:
    """Whether this machine listens there; asked without importing what calls X, which takes longer than an analysis."""
    parts = urlsplit(url)
    try:
        if parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback:
            create_connection((parts.hostname, parts.port or 80), timeout=5).close()
            return True
    except (OSError, ValueError):
        pass
    return False


def find(name: str) -> Delivery:
    """Finds a delivery before anything is started for it; raises WrongUsage when there is none."""
    make_ready()
    with read_session() as session:
        return deliveries.named(session, name)


def create(
    kind: Kind = None,
    service: Services = None,
    text: FirstText = None,
    part: MoreParts = None,
    media: Media = None,
    alt: Alt = None,
    proof: Proof = None,
    where: Where = None,
    except_where: ExceptWhere = None,
    people_list: PeopleList = None,
    recipients_of: RecipientsOf = None,
    not_if_received: NotIfReceived = None,
    limit_to: LimitTo = None,
    priority: PriorityOption = None,
    wave_size: WaveSize = None,
    wave_every: WaveEvery = None,
    wave: Wave = None,
    at: At = None,
    label: Label = None,
    code: Code = None,
    description: Description = None,
    template: Template = None,
    approval: Approval = None,
    validity: Validity = None,
    tracking: Tracking = None,
    link: Links = None,
    link_label: LinkLabels = None,
    link_category: LinkCategories = None,
    link_untracked: UntrackedLinks = None,
    reply_settings: Replies = None,
    poll: Poll = None,
    poll_minutes: PollMinutes = None,
    paid_partnership: Paid = None,
    as_json: AsJson = False,
) -> None:
    """Create a delivery. Nothing goes out before it is analysed and confirmed."""
    given = given_of(locals())
    make_ready()
    start = templates.template_for(kind, template)
    draft = revised(templates.draft_of(start), given)
    _check_complete(draft)
    with read_session() as session:
        check_named(session, draft)
    from campaign.deliveries.edit import compose, current_user

    made = compose(draft, actor=current_user(), template=start.name)
    if as_json:
        output.print_json({"name": made.name})
    else:
        output.print_table([{"Delivery": made.name, "State": "being edited"}])
    output.say(f"Saved. Analyse it with: campaign delivery analyse {made.name}")


def _check_complete(draft: Draft) -> None:
    if not draft.services:
        raise WrongUsage("The account is missing; name it with --service.")
    if not draft.content.parts:
        raise WrongUsage("The text is missing; write it with --text.")


def edit(
    name: Name,
    kind: Kind = None,
    service: Services = None,
    text: FirstText = None,
    part: MoreParts = None,
    media: Media = None,
    alt: Alt = None,
    proof: Proof = None,
    where: Where = None,
    except_where: ExceptWhere = None,
    people_list: PeopleList = None,
    recipients_of: RecipientsOf = None,
    not_if_received: NotIfReceived = None,
    limit_to: LimitTo = None,
    priority: PriorityOption = None,
    wave_size: WaveSize = None,
    wave_every: WaveEvery = None,
    wave: Wave = None,
    at: At = None,
    label: Label = None,
    code: Code = None,
    description: Description = None,
    approval: Approval = None,
    validity: Validity = None,
    tracking: Tracking = None,
    link: Links = None,
    link_label: LinkLabels = None,
    link_category: LinkCategories = None,
    link_untracked: UntrackedLinks = None,
    reply_settings: Replies = None,
    poll: Poll = None,
    poll_minutes: PollMinutes = None,
    paid_partnership: Paid = None,
    as_json: AsJson = False,
) -> None:
    """Change settings of a delivery and keep the rest. Its analysis and its confirmation become invalid."""
    given = given_of(locals())
    if given.keys() <= {"kind"}:
        raise WrongUsage("No change was given; name it with options: campaign delivery edit --help")
    make_ready()
    with read_session() as session:
        known = deliveries.draft_of(session, deliveries.named(session, name))
        _check_same(name, known.kind, kind)
        draft = revised(known, given)
        check_named(session, draft, name)
    from campaign.deliveries.edit import current_user, recompose

    changed = recompose(name, draft, actor=current_user())
    if as_json:
        output.print_json({"name": name, "state": changed.state.value})
    else:
        output.print_table([{"Delivery": name, "State": "being edited"}])
    output.say(f"Changed. Analyse it with: campaign delivery analyse {name}")


def _check_same(name: str, kind: DeliveryKind, wanted: DeliveryKind | None) -> None:
    if wanted not in {None, kind}:
        raise WrongUsage(
            f"The kind of {name} is {kind.value} and cannot be changed; create another delivery with --kind."
        )


def list_deliveries(
    state: State = None,
    kind: Kind = None,
    service: OneService = None,
    since: Since = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest deliveries and their states."""
    begins = moment(since) if since else None
    make_ready()
    with read_session() as session:
        service_id = _id_of(session, service) if service else None
        found = deliveries.listed(session, state=state, kind=kind, service_id=service_id, since=begins, limit=limit)
        rows = [(one, [row.internal_name for row in deliveries.targets_of(session, one)]) for one in found]
    if as_json:
        output.print_json([in_short(one, names) for one, names in rows])
    else:
        output.print_table([as_row(one, names) for one, names in rows])
        if not rows:
            output.say("There is no such delivery; create one: campaign delivery create")


def _id_of(session: Session, internal_name: str) -> int:
    service = services.find(session, internal_name)
    if service is None:
        raise WrongUsage(f"There is no service {internal_name}.")
    return service.id


def show(name: Name, as_json: AsJson = False) -> None:
    """Show a delivery: settings, state, analysis, history, log."""
    make_ready()
    with read_session() as session:
        delivery = deliveries.named(session, name)
        targets = [row.internal_name for row in deliveries.targets_of(session, delivery)]
        draft = deliveries.draft_of(session, delivery)
        history = deliveries.audit_of(session, delivery)
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
    from campaign.deliveries.findings import Analysis

    analysis = Analysis.model_validate_json(delivery.analysis)
    return broadcast_as_json(analysis) if delivery.kind is DeliveryKind.DM else findings_as_json(analysis)


def _show_analysis(delivery: Delivery) -> None:
    from campaign.deliveries.findings import Analysis

    if delivery.analysis:
        show_it = show_broadcast_findings if delivery.kind is DeliveryKind.DM else show_findings
        show_it(Analysis.model_validate_json(delivery.analysis))


def _end_json(session: Session, delivery: Delivery, document: dict[str, Any]) -> None:
    """Prints a document with the log at its end, that of a broadcast as it is read."""
    if delivery.kind is DeliveryKind.POST:
        log = [line.as_json() for line in lines_of(session, delivery, messages.of_delivery(session, delivery, None))]
        output.print_json(document | {"log": log})
        return
    from campaign.broadcasts.report import report_on

    lines = lines_of_broadcast(session, delivery, proofs=True)
    document["report"] = report_on(delivery).as_json()
    output.print_json_ending(document, "log", (line_as_json(*one) for one in lines))


def _show_end(delivery: Delivery) -> None:
    """Prints the log; of a broadcast its numbers."""
    if delivery.kind is DeliveryKind.DM:
        from campaign.broadcasts.report import report_on

        show_report(report_on(delivery))
        return
    with read_session() as session:
        show_log(lines_of(session, delivery, messages.of_delivery(session, delivery, None)), as_json=False)


def log(
    name: Name,
    proofs: Annotated[bool, typer.Option("--proofs", help="Those of its proofs too.")] = False,
    failed: Failed = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show the outcome of every part or message."""
    if as_csv and as_json:
        raise WrongUsage("Choose --csv or --json; both do not fit into one output.")
    make_ready()
    with read_session() as session:
        delivery = deliveries.named(session, name)
        if delivery.kind is DeliveryKind.DM:
            lines = lines_of_broadcast(session, delivery, failed=failed, proofs=proofs)
            print_lines(lines, as_csv=as_csv, as_json=as_json)
            return
        parts = _parts(session, delivery, failed=failed, proofs=proofs)
    show_log(parts, as_json=as_json, as_csv=as_csv)
    if not parts:
        output.say(f"Nothing of {name} has {'failed' if failed else 'gone out'}.")


def _parts(session: Session, delivery: Delivery, *, failed: bool, proofs: bool) -> list["LogLine"]:
    found = lines_of(session, delivery, messages.of_delivery(session, delivery, None if proofs else MAIN))
    return [line for line in found if line.state in FAILED or not failed]


TemplateName = Annotated[str, typer.Argument(metavar="NAME", help="The internal name of the template.")]


def list_templates(as_json: AsJson = False) -> None:
    """List the templates, the built-in ones first."""
    engine.make_ready()
    with read_session() as session:
        found = templates.listed(session)
    if as_json:
        output.print_json([_template_in_short(one) for one in found])
    else:
        output.print_table([_template_as_row(one) for one in found])


def show_template(name: TemplateName, as_json: AsJson = False) -> None:
    """Show the settings of a template."""
    engine.make_ready()
    with read_session() as session:
        found = templates.named(session, name)
    _show_template(found, as_json=as_json)


def duplicate(
    name: TemplateName,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The internal name of the copy.")],
    label: Annotated[str | None, typer.Option(help="The name read in lists; that of the original if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy a template under another name."""
    engine.make_ready()
    from campaign.deliveries.templates import duplicate_template

    _show_template(duplicate_template(name, new, label), as_json=as_json)


def save(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The internal name of the delivery.")],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="The internal name of the template.")],
    with_content: Annotated[bool, typer.Option("--with-content", help="Its texts, files and polls too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Save the settings of a delivery as a template. A saved template of that name is replaced."""
    engine.make_ready()
    from campaign.deliveries.templates import save_template

    _show_template(save_template(delivery, name, with_content=with_content), as_json=as_json)


def delete(name: TemplateName, as_json: AsJson = False) -> None:
    """Delete a saved template; deliveries made from it stay."""
    engine.make_ready()
    from campaign.deliveries.templates import delete_template

    delete_template(name)
    if as_json:
        output.print_json({"name": name, "state": "deleted"})
    else:
        output.print_table([{"Template": name, "State": "deleted"}])


def _show_template(found: DeliveryTemplate, *, as_json: bool) -> None:
    draft = templates.draft_of(found)
    if as_json:
        output.print_json(_template_in_short(found) | {"settings": draft.model_dump(mode="json")})
        return
    output.print_table([_template_as_row(found)])
    show_settings(draft)


def _template_in_short(found: DeliveryTemplate) -> dict[str, Any]:
    return {"name": found.name, "label": found.label, "kind": found.kind.value, "built_in": found.is_built_in}


def _template_as_row(found: DeliveryTemplate) -> dict[str, str]:
    kind = found.kind.value
    return {"Template": found.name, "Label": found.label, "Kind": kind, "Built in": "yes" if found.is_built_in else ""}

"""`campaign delivery`: posts and broadcasts from a draft to their report."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pendulum
import typer
from rich.console import Console
from sqlmodel import Session

from campaign.broadcasts import report as broadcast_log
from campaign.broadcasts.report import BroadcastReport, MessageLine
from campaign.cli import output
from campaign.cli.delivery_options import (
    AcceptUnconsented,
    Alt,
    Approval,
    As,
    AsCsv,
    AsJson,
    At,
    Code,
    Comment,
    Description,
    ExceptWhere,
    Failed,
    FirstText,
    Kind,
    Label,
    Like,
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
    To,
    Tracking,
    UntrackedLinks,
    Validity,
    Wave,
    WaveEvery,
    WaveSize,
    Where,
    Yes,
    check_named,
    given_of,
    moment,
    refuse_like,
    refuse_taking_back,
    revised,
)
from campaign.cli.delivery_view import (
    as_row,
    audit_as_json,
    audit_row,
    broadcast_as_json,
    findings_as_json,
    in_short,
    iso,
    moments,
    plain,
    show_broadcast_findings,
    show_findings,
    show_report,
    show_settings,
)
from campaign.cli.output import sending
from campaign.cli.runs import run_flow, server_in_use
from campaign.db import engine
from campaign.db.engine import reading, writing
from campaign.deliveries import approval as approvals
from campaign.deliveries import log as messages
from campaign.deliveries import store as deliveries
from campaign.deliveries import templates
from campaign.deliveries.draft import Draft
from campaign.deliveries.findings import Analysis
from campaign.errors import NotPossible, WrongUsage
from campaign.posts.preview import PostView
from campaign.posts.report import LogLine, report_of
from campaign.services import store as services
from campaign.settings import load_settings
from models import MAIN, Delivery, DeliveryKind, DeliveryState, Message, MessageState

_COLUMNS = ("state", "service", "part", "proof", "x_id", "at", "link", "reason")


def lines_of(session: Session, delivery: Delivery, log: Sequence[Message]) -> tuple[LogLine, ...]:
    """The lines of a log as people and scripts read them."""
    return report_of(delivery, log, {service.id: service for service in services.list_known(session)}).lines


def show_log(lines: Sequence[LogLine], *, as_json: bool, as_csv: bool = False) -> None:
    """Print the log of a post."""
    if as_csv:
        output.print_csv(_COLUMNS, (line.as_json() for line in lines))
    elif as_json:
        output.print_json([line.as_json() for line in lines])
    else:
        output.print_table([line.as_row() for line in lines])


def make_ready() -> None:
    """Bring the tables up to date and take back questions that nobody answered."""
    engine.make_ready()
    with writing() as session:
        approvals.return_unanswered(session, pendulum.now("UTC"))


def check_x() -> None:
    """Raise WrongUsage when a simulator is in X's place and does not answer."""
    from campaign.x.http import check_simulator

    check_simulator(load_settings().x_api_url)


def find(name: str) -> Delivery:
    """Find a delivery before anything is started for it; raises WrongUsage when there is none."""
    make_ready()
    with reading() as session:
        return deliveries.named(session, name)


def confirm(
    name: Name,
    accept_unconsented: AcceptUnconsented = False,
    comment: Comment = "",
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Say yes to a delivery as it was analysed: from now on it may go out."""
    if find(name).kind is DeliveryKind.POST and accept_unconsented:
        raise WrongUsage(f"{name} is a post, for which nobody has to agree; leave out --accept-unconsented.")
    from campaign.deliveries.edit import current_user
    from campaign.kinds import confirm as confirm_delivery

    delivery = confirm_delivery(name, who or current_user(), comment, accept_unconsented=accept_unconsented)
    _show(delivery, as_json=as_json)
    output.say(f"Confirmed by {delivery.confirmed_by}. Now send it: campaign delivery send {name}")


def reject(name: Name, comment: Comment = "", who: As = None, as_json: AsJson = False) -> None:
    """Say no to a delivery: it is edited on."""
    find(name)
    from campaign.deliveries import edit as steps

    _show(steps.reject(name, who or steps.current_user(), comment), as_json=as_json)


def pause(name: Name, as_json: AsJson = False) -> None:
    """Let nothing more go out until it is resumed."""
    find(name)
    from campaign.deliveries import edit as steps

    _show(steps.pause(name, steps.current_user()), as_json=as_json)


def resume(name: Name, as_json: AsJson = False) -> None:
    """Let a paused delivery go on: it goes out with the next `send`, or by the schedule."""
    find(name)
    from campaign.deliveries import edit as steps

    _show(steps.resume(name, steps.current_user()), as_json=as_json)


def stop(name: Name, as_json: AsJson = False) -> None:
    """Let nothing more go out, ever; what is out stays."""
    find(name)
    from campaign.deliveries import edit as steps

    _show(steps.stop(name, steps.current_user()), as_json=as_json)


def _show(delivery: Delivery, *, as_json: bool) -> None:
    if as_json:
        confirmed_by = delivery.confirmed_by or None
        output.print_json({"name": delivery.name, "state": delivery.state.value, "confirmed_by": confirmed_by})
    else:
        output.print_table([{"Delivery": delivery.name, "State": delivery.state.value.replace("_", " ")}])


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
    """Change what is given of a delivery and keep the rest; its analysis and its confirmation no longer count."""
    given = given_of(locals())
    if given.keys() <= {"kind"}:
        raise WrongUsage("Nothing is to be changed; name it with options: campaign delivery edit --help")
    make_ready()
    with reading() as session:
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
    output.say(f"Changed. Now look at it: campaign delivery analyse {name}")


def _check_same(name: str, kind: DeliveryKind, wanted: DeliveryKind | None) -> None:
    if wanted not in {None, kind}:
        raise WrongUsage(f"{name} is of the kind {kind.value} and stays it; make another delivery with --kind.")


def proof(
    name: Name,
    like: Like = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Delete its proofs from X instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send exactly what will go out to the proof service only, or to the proof recipients of a broadcast."""
    check_x()
    kind = find(name).kind
    if kind is DeliveryKind.POST:
        refuse_like(name, like)
    if withdraw:
        refuse_taking_back(name, kind)
    if withdraw:
        _delete(name, proofs=True, as_json=as_json)
        return
    with server_in_use() as has_server:
        end, reason = (_prove_by_flow if has_server else _prove)(name, like or "")
    number = find(name).proofs
    if as_json:
        output.print_json({"proof": number, "state": end, "reason": reason or None})
    else:
        output.print_table([{"Proof": str(number), "State": end, "Reason": reason}])
    if end != "out":
        raise NotPossible(f"Proof #{number} of {name} is not out in full: {reason}")


def _prove(name: str, like: str) -> tuple[str, str]:
    from campaign.deliveries.edit import current_user
    from campaign.kinds import send_proof

    sent = send_proof(name, current_user(), like=like)
    return sent.end.value, sent.reason


def _prove_by_flow(name: str, like: str) -> tuple[str, str]:
    from flows.post_publication import delivery_proof

    state = run_flow(delivery_proof, name, like)
    sent = state.result(raise_on_failure=False)
    if isinstance(sent, Exception):
        raise sent
    return sent.end.value, sent.reason


def withdraw(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete from X what is out of a delivery; it cannot be brought back."""
    check_x()
    delivery = find(name)
    refuse_taking_back(name, delivery.kind)
    if delivery.state is DeliveryState.IN_PROGRESS:
        raise NotPossible(f"{name} is in progress; pause or stop it first, then withdraw it.")
    count = _count_out(delivery)
    if not count:
        raise NotPossible(f"Nothing of {name} is out.")
    if not yes and not typer.confirm(f"Delete {_posts(count)} of {name} from X, for good?", err=True):
        raise NotPossible("Nothing was changed.")
    _delete(name, proofs=False, as_json=as_json)


def _count_out(delivery: Delivery) -> int:
    with reading() as session:
        log = messages.of_delivery(session, delivery)
        return sum(one.state is MessageState.SENT and not one.withdrawn_at for one in log)


def _delete(name: str, *, proofs: bool, as_json: bool) -> None:
    from campaign.deliveries.edit import current_user
    from campaign.posts.publish import withdraw as delete_posts

    count = delete_posts(name, current_user(), proofs=proofs)
    if as_json:
        output.print_json({"withdrawn": count})
    else:
        output.print_table([{"Delivery": name, "Deleted from X": _posts(count)}])


def _posts(count: int) -> str:
    return f"{count} post{'' if count == 1 else 's'}"


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
    """Make a delivery; nothing goes out before it is analysed and confirmed."""
    given = given_of(locals())
    make_ready()
    start = templates.template_for(kind, template)
    draft = revised(templates.draft_of(start), given)
    _check_complete(draft)
    with reading() as session:
        check_named(session, draft)
    from campaign.deliveries.edit import compose, current_user

    made = compose(draft, actor=current_user(), template=start.name)
    if as_json:
        output.print_json({"name": made.name})
    else:
        output.print_table([{"Delivery": made.name, "State": "being edited"}])
    output.say(f"Saved. Now look at it: campaign delivery analyse {made.name}")


def _check_complete(draft: Draft) -> None:
    verb = "post" if draft.kind is DeliveryKind.POST else "send"
    if not draft.services:
        raise WrongUsage(f"Nobody is to {verb} it; name an account with --service.")
    if not draft.content.parts:
        raise WrongUsage(f"There is nothing to {verb}; write it with --text.")


if TYPE_CHECKING:
    from campaign.broadcasts.prepare import Seen


def aim_at_people(name: str, actor: str) -> Analysis:
    """Find out who gets a broadcast, while a terminal shows that this takes its time."""
    from campaign.broadcasts.prepare import aim

    with output.working(f"Finding out who gets {name} and who does not"):
        return aim(name, actor).analysis


def preview_broadcast(name: str, like: str | None, html: Path | None, *, as_json: bool) -> None:
    """Show the messages of a broadcast, or the one that a person would get."""
    seen = _look_at_broadcast(name, like)
    if html:
        output.write_page(html, _page(name, seen))
    if as_json:
        output.print_json(_as_json(name, seen))
    elif not html:
        _show_broadcast(name, seen)
    if seen.left_out:
        output.say(f"Nothing is sent to {like}: {seen.left_out}")


def _look_at_broadcast(name: str, like: str | None) -> "Seen":
    from campaign.broadcasts.prepare import as_analysed, as_person

    if like is None:
        return as_analysed(name)
    return as_person(name, like)


def _page(name: str, seen: "Seen") -> str:
    from campaign.broadcasts.prepare import load_files
    from campaign.deliveries import media as files
    from campaign.deliveries.draft import LoadedFile
    from campaign.web.preview import render_broadcast

    loaded = [file for file in load_files(seen.draft).values() if isinstance(file, LoadedFile)]
    return render_broadcast(name, seen.draft, seen.analysis, [(file, files.thumbnail(file)) for file in loaded])


def _as_json(name: str, seen: "Seen") -> dict[str, object]:
    items = [item for part in seen.draft.content.parts for item in part.media]
    document = {
        "name": name,
        "messages": [sample.model_dump() for sample in seen.analysis.samples],
        "files": [{"file": item.source, "alt_text": item.alt_text} for item in items],
    }
    return document | ({"excluded": seen.left_out or None} if seen.is_of_one else {})


def _show_broadcast(name: str, seen: "Seen") -> None:
    from campaign.cli.delivery_view import show_broadcast, show_messages

    console = Console(highlight=False)
    if seen.is_of_one:
        show_messages(console, seen.draft, seen.analysis)
    else:
        show_broadcast(console, name, seen.draft, seen.analysis)


def analyse(name: Name, as_json: AsJson = False) -> None:
    """Look at all of it as X and people will: what is wrong, who gets it, the cost, when it is out. Sends nothing."""
    check_x()
    kind = find(name).kind
    analysis = _look(name, kind)
    state = find(name).state
    if as_json:
        document = broadcast_as_json(analysis) if kind is DeliveryKind.DM else findings_as_json(analysis)
        output.print_json({"state": state.value} | document)
    else:
        (show_broadcast_findings if kind is DeliveryKind.DM else show_findings)(analysis)
    if not analysis.is_ok:
        raise NotPossible(f"{name} cannot go out like this; change it, then analyse it again.")
    if state is not DeliveryState.ANALYSED:
        raise NotPossible(f"{name} was changed meanwhile; analyse it again.")
    accept = " --accept-unconsented" if analysis.unconsented else ""
    output.say(f"Nothing stands in its way. Say yes: campaign delivery confirm {name}{accept}")


def _look(name: str, kind: DeliveryKind) -> Analysis:
    from campaign.deliveries.edit import current_user

    if kind is DeliveryKind.DM:
        return aim_at_people(name, current_user())
    from campaign.posts.prepare import look_at

    return look_at(name, current_user()).analysis


def preview(
    name: Name,
    like: Like = None,
    html: Annotated[Path | None, typer.Option(help="Write a page for the browser, in one file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show each post as X will show it, or the messages of a broadcast as people get them."""
    if find(name).kind is DeliveryKind.DM:
        preview_broadcast(name, like, html, as_json=as_json)
        return
    refuse_like(name, like)
    _preview_posts(name, html, as_json=as_json)


def _preview_posts(name: str, html: Path | None, *, as_json: bool) -> None:
    from campaign.posts.prepare import head_of, prepare, views_of

    prepared = prepare(name)
    head, views = head_of(prepared), views_of(prepared)
    if html:
        from campaign.web.preview import render_page

        output.write_page(html, render_page(head, views))
    if as_json:
        output.print_json({"name": name, "posts": [_preview_as_json(view) for view in views]})
    elif not html:
        from campaign.cli.delivery_view import show_posts

        show_posts(Console(highlight=False), head, views)


def _preview_as_json(view: PostView) -> dict[str, Any]:
    return {
        "service": view.handle,
        "part": view.part,
        "parts": view.parts,
        "text": view.text,
        "weight": view.weight,
        "limit": view.limit,
        "files": [{"file": file.source, "alt_text": file.alt_text, "kind": file.kind.value} for file in view.files],
        "poll": view.poll and view.poll.model_dump(),
        "reply_settings": view.reply_settings and view.reply_settings.value,
        "paid_partnership": view.paid_partnership,
        "at": iso(view.at),
    }


#: A person reads no more; scripts get everything.
SHOWN = 50
#: What --failed asks for: what did not arrive, or may not have.
FAILED = frozenset({MessageState.REFUSED.value, MessageState.UNCERTAIN.value, MessageState.CANCELLED.value})
_BROADCAST_COLUMNS = (
    "state",
    "service",
    "external_id",
    "username",
    "full_name",
    "wave",
    "part",
    "proof",
    "x_id",
    "at",
    "reason",
)
#: A line, and the number of the proof that it belongs to.
Numbered = tuple[int, MessageLine]


def lines_of_broadcast(
    session: Session, delivery: Delivery, *, failed: bool = False, proofs: bool = False
) -> Iterator[Numbered]:
    """The log of a broadcast, its proofs first; `failed` is everybody in the target who did not get it."""
    tried = broadcast_log.of_proofs(session, delivery) if proofs else ()
    read = broadcast_log.not_reached if failed else broadcast_log.lines
    log = ((MAIN, line) for line in read(session, delivery))
    return chain((one for one in tried if one[1].state in FAILED or not failed), log)


def line_as_json(proof_number: int, line: MessageLine) -> dict[str, object]:
    """A line of the log as scripts read it."""
    return line.as_json() | {"part": 1, "proof": proof_number or None}


def print_lines(lines: Iterable[Numbered], *, as_csv: bool, as_json: bool) -> None:
    """Print the log: all of it for scripts and spreadsheets, its beginning for a person."""
    if as_json:
        output.print_json_list(line_as_json(*one) for one in lines)
    elif as_csv:
        output.print_csv(_BROADCAST_COLUMNS, (line_as_json(*one) for one in lines))
    else:
        _show_first(lines)


def _show_first(lines: Iterable[Numbered]) -> None:
    first = list(islice(lines, SHOWN + 1))
    output.print_table([_row(*one) for one in first[:SHOWN]])
    if not first:
        output.say("There is no such message.")
    if len(first) > SHOWN:
        output.say(f"The first {SHOWN} are shown; --csv or --json gives all of them.")


def _row(proof_number: int, line: MessageLine) -> dict[str, str]:
    row = {"Proof": str(proof_number or ""), **line.as_row()}
    return {name: plain(text) for name, text in row.items()}


def log(
    name: Name,
    proofs: Annotated[bool, typer.Option("--proofs", help="Those of its proofs too.")] = False,
    failed: Failed = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show what became of every part on every account, or of the message to every person."""
    if as_csv and as_json:
        raise WrongUsage("Choose --csv or --json; both do not fit into one output.")
    make_ready()
    with reading() as session:
        delivery = deliveries.named(session, name)
        if delivery.kind is DeliveryKind.DM:
            lines = lines_of_broadcast(session, delivery, failed=failed, proofs=proofs)
            print_lines(lines, as_csv=as_csv, as_json=as_json)
            return
        parts = _parts(session, delivery, failed=failed, proofs=proofs)
    show_log(parts, as_json=as_json, as_csv=as_csv)
    if not parts:
        output.say(f"Nothing of {name} has {'failed' if failed else 'gone out'}.")


def _parts(session: Session, delivery: Delivery, *, failed: bool, proofs: bool) -> list[LogLine]:
    found = lines_of(session, delivery, messages.of_delivery(session, delivery, None if proofs else MAIN))
    return [line for line in found if line.state in FAILED or not failed]


def send(
    name: Name,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End where X allows no more calls.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a confirmed delivery here and now, everything exactly once; going on from where an earlier run ended."""
    check_x()
    delivery = find(name)
    with server_in_use() as has_server, sending(delivery):
        reports, message, is_done = (_send_by_flow if has_server else _send_here)(delivery, no_wait=no_wait)
    if delivery.kind is DeliveryKind.DM:
        _show_sent_broadcast(delivery, reports, as_json=as_json)
    else:
        show_log([line for report in reports for line in report.lines], as_json=as_json)
    if not is_done:
        raise NotPossible(message)
    if message:
        output.say(f"{message.removesuffix('.')}: with the schedule, or when you run this again.")


def _send_here(delivery: Delivery, *, no_wait: bool) -> tuple[list[Any], str, bool]:
    if delivery.kind is DeliveryKind.POST:
        from campaign.posts import publish

        report, ends = publish.publish_delivery(delivery.name, "campaign delivery send", wait=not no_wait)
        is_well, sentence = publish.describe_outcome([(report, ends)], [])
        return [report], sentence, is_well
    from campaign.broadcasts import report as reports
    from campaign.broadcasts import send as sending_steps
    from campaign.deliveries import edit

    edit.resume_if_paused(delivery.name, "campaign delivery send")
    sent, ends, until = sending_steps.send_broadcast(delivery.name, "campaign delivery send", wait=not no_wait)
    report_on_it = reports.report_on(sent, until)
    unhappy = [f"{report_on_it.name}: {report_on_it.reason}"] if report_on_it.is_unhappy else []
    is_well, sentence = sending_steps.describe_outcome(unhappy, ends, [], until)
    return [report_on_it], sentence, is_well


def _send_by_flow(delivery: Delivery, *, no_wait: bool) -> tuple[list[Any], str, bool]:
    flow: Any
    if delivery.kind is DeliveryKind.DM:
        from flows.dm_broadcast import dm_broadcast

        flow = dm_broadcast
    else:
        from flows.post_publication import post_publication

        flow = post_publication
    state = run_flow(flow, delivery=delivery.name, no_wait=no_wait)
    reports = state.result(raise_on_failure=False)
    is_done = state.is_completed()
    message = state.message or ("" if is_done else f"{delivery.name} was not sent.")
    return (reports if isinstance(reports, list) else []), message, is_done


def _show_sent_broadcast(delivery: Delivery, reports: list[BroadcastReport], *, as_json: bool) -> None:
    """Print the log for scripts, the figures for a person; nothing of a broadcast that did not begin."""
    if not as_json:
        for report in reports:
            show_report(report)
        return
    with reading() as session:
        lines = lines_of_broadcast(session, delivery) if reports else iter(())
        print_lines(lines, as_csv=False, as_json=True)


def settle(
    name: Name,
    sent: Annotated[str | None, typer.Option(metavar="ID", help="It is out, and its address ends so.")] = None,
    not_sent: Annotated[bool, typer.Option("--not-sent", help="It is not out.")] = False,
    to: To = None,
    as_json: AsJson = False,
) -> None:
    """Say what became of the part or the message that nobody could find, after you looked for it on X."""
    if (sent is not None) is not_sent:
        raise WrongUsage("Say what you saw on X: --sent with the number at the end of its address, or --not-sent.")
    delivery = find(name)
    if to is not None and delivery.kind is DeliveryKind.POST:
        raise WrongUsage(f"{name} is a post, which goes to nobody in particular; leave out --to.")
    from campaign.deliveries.edit import current_user, settle_by_hand

    _show_settled(delivery, settle_by_hand(name, current_user(), sent, to or ""), as_json=as_json)
    output.say(f"Settled. Now let it go on: campaign delivery send {name}")


def _show_settled(delivery: Delivery, message: Message, *, as_json: bool) -> None:
    if delivery.kind is DeliveryKind.POST:
        with reading() as session:
            [part] = lines_of(session, delivery, [message])
        if as_json:
            output.print_json(part.as_json())
        else:
            show_log([part], as_json=False)
        return
    with reading() as session:
        line = (message.proof_number, broadcast_log.line_of(session, message))
    if as_json:
        output.print_json(line_as_json(*line))
    else:
        print_lines([line], as_csv=False, as_json=False)


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
    from campaign.broadcasts.report import report_on

    lines = lines_of_broadcast(session, delivery, proofs=True)
    document["report"] = report_on(delivery).as_json()
    output.print_json_ending(document, "log", (line_as_json(*one) for one in lines))


def _show_end(delivery: Delivery) -> None:
    """Print the log; of a broadcast its numbers."""
    if delivery.kind is DeliveryKind.DM:
        from campaign.broadcasts.report import report_on

        show_report(report_on(delivery))
        return
    with reading() as session:
        show_log(lines_of(session, delivery, messages.of_delivery(session, delivery, None)), as_json=False)


def _id_of(session: Session, internal_name: str) -> int:
    service = services.find(session, internal_name)
    if service is None:
        raise WrongUsage(f"There is no service {internal_name}.")
    return service.id


delivery = typer.Typer(help="Posts, threads and broadcasts of direct messages, from draft to X.", no_args_is_help=True)
delivery.command()(create)
delivery.command()(edit)
delivery.command()(analyse)
delivery.command()(preview)
delivery.command()(proof)
delivery.command()(confirm)
delivery.command()(reject)
delivery.command()(send)
delivery.command()(pause)
delivery.command()(resume)
delivery.command()(stop)
delivery.command()(withdraw)
delivery.command()(settle)
delivery.command("list")(list_deliveries)
delivery.command()(show)
delivery.command()(log)

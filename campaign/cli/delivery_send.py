"""`campaign delivery`: analysed, previewed, proved, confirmed, sent, paused, stopped, withdrawn, settled."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pendulum
import typer

from campaign.cli import output
from campaign.cli.delivery import check_x, find, schedule, unschedule
from campaign.cli.delivery_options import Name
from campaign.cli.delivery_view import (
    analysis_as_json,
    iso,
    line_as_json,
    lines_of,
    lines_of_broadcast,
    print_lines,
    show_analysis,
    show_log,
    show_report,
)
from campaign.cli.output import AsJson, Yes
from campaign.cli.server import run_flow, server_in_use
from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.errors import NotPossible, WrongUsage
from models import Delivery, DeliveryKind, DeliveryState

if TYPE_CHECKING:
    from campaign.deliveries.kind import Analysed
    from campaign.posts.prepare import RenderedPost

Like = Annotated[
    str | None, typer.Option("--as", metavar="HANDLE", help="As this person gets it; only for broadcasts.")
]
Comment = Annotated[str, typer.Option(help="Saved in the history of the delivery.")]
Actor = Annotated[
    str | None, typer.Option("--as", help="Who answers; when left out, the name under which you use this machine.")
]


def analyse(
    name: Name,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for approval, where nothing is wrong.")] = False,
    as_json: AsJson = False,
) -> None:
    """Analyse a delivery: errors, recipients, cost, duration. Nothing is sent."""
    from campaign.deliveries import approval
    from campaign.deliveries.approval import current_user
    from campaign.kinds import kind_for

    check_x()
    before = find(name)
    kind = before.kind
    with output.working(f"Analysing {name}"):
        analysis = kind_for(kind).analyse(name, current_user()).analysis
    unschedule(before)
    state = find(name).state
    if as_json:
        output.print_json({"state": state.value} | analysis_as_json(kind, analysis))
    else:
        show_analysis(kind, analysis)
    if not analysis.is_ok:
        raise NotPossible(f"{name} has errors; correct them, then analyse it again.")
    if state is not DeliveryState.ANALYSED:
        raise NotPossible(f"{name} was changed meanwhile; analyse it again.")
    if ask:
        with transaction() as session:
            approval.ask(session, deliveries.named(session, name), current_user(), pendulum.now("UTC"))
    accept = " --accept-unconsented" if analysis.unconsented else ""
    output.say(f"Analysis passed. Confirm with: campaign delivery confirm {name}{accept}")


def preview(
    name: Name,
    like: Like = None,
    html: Annotated[Path | None, typer.Option(help="Write a page for the browser, in one file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show posts as X will show them, or messages as people get them."""
    if find(name).kind is DeliveryKind.DM:
        _preview_broadcast(name, like, html, as_json=as_json)
        return
    _refuse_like(name, like)
    from campaign.posts.prepare import as_analysed, preview_document
    from campaign.reporting import html as pages
    from campaign.reporting.text import print_document

    prepared = as_analysed(name)
    if html:
        output.write_page(html, pages.as_page(preview_document(prepared)))
    if as_json:
        output.print_json({"name": name, "posts": _posts_as_json(prepared)})
    elif not html:
        print_document(preview_document(prepared))


def _refuse_like(name: str, like: str | None) -> None:
    if like is not None:
        raise WrongUsage(f"{name} is a post, the same for everybody; --as is for broadcasts of direct messages.")


def _posts_as_json(analysed: "Analysed[RenderedPost]") -> list[dict[str, Any]]:
    from campaign.x.text import weigh

    times = {(one.service, one.part): one.at for one in analysed.analysis.timetable}
    return [
        {
            "service": one.target.internal_name,
            "part": part.part,
            "parts": one.of,
            "text": part.text,
            "weight": weigh(part.text),
            "limit": one.target.longest_post,
            "files": [{"file": file.source, "alt_text": file.alt_text, "kind": file.kind.value} for file in part.files],
            "poll": part.poll and part.poll.model_dump(),
            "reply_settings": part.reply_settings and part.reply_settings.value,
            "paid_partnership": part.paid_partnership,
            "made_with_ai": part.made_with_ai,
            "at": iso(times.get((one.target.internal_name, part.part))),
        }
        for one in analysed.rendered.placed
        for part in [one.rendered]
    ]


def _preview_broadcast(name: str, like: str | None, html: Path | None, *, as_json: bool) -> None:
    from campaign.broadcasts.prepare import as_analysed, as_person, attachments_of
    from campaign.broadcasts.preview import messages_of, preview_of
    from campaign.reporting import html as pages
    from campaign.reporting.text import print_blocks, print_document

    seen = as_analysed(name) if like is None else as_person(name, like)
    if html:
        files = attachments_of(seen.draft)
        output.write_page(html, pages.as_page(preview_of(name, seen.draft, seen.analysis, files)))
    if as_json:
        items = [item for part in seen.draft.content.parts for item in part.media]
        document = {
            "name": name,
            "messages": [sample.model_dump() for sample in seen.analysis.samples],
            "files": [{"file": item.source, "alt_text": item.alt_text} for item in items],
        }
        output.print_json(document | ({"excluded": seen.left_out or None} if seen.is_of_one else {}))
    elif seen.is_of_one and not html:
        print_blocks([*messages_of(seen.draft, seen.analysis)])
    elif not html:
        print_document(preview_of(name, seen.draft, seen.analysis))
    if seen.left_out:
        output.say(f"Nothing is sent to {like}: {seen.left_out}")


def proof(
    name: Name,
    like: Like = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Delete its proofs from X instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a proof, to the proof service or the proof recipients. It is exactly what will go out."""
    check_x()
    kind = find(name).kind
    if kind is DeliveryKind.POST:
        _refuse_like(name, like)
    if withdraw:
        _delete(name, proofs=True, as_json=as_json)
        return
    sent: Any
    with server_in_use() as has_server:
        if has_server:
            more = {"like": like or ""} if kind is DeliveryKind.DM else {}
            sent = _run(kind, delivery=name, action="proof", **more)
        else:
            from campaign.deliveries.approval import current_user
            from campaign.kinds import kind_of

            sent = kind_of(name).send_proof(name, current_user(), like=like or "")
    number, state, reason = find(name).proofs, sent.end.value, sent.reason
    if as_json:
        output.print_json({"proof": number, "state": state, "reason": reason or None})
    else:
        output.print_table([{"Proof": str(number), "State": state, "Reason": reason}])
    if state != "out":
        raise NotPossible(f"Proof #{number} of {name} is not out in full: {reason}")


def confirm(
    name: Name,
    accept_unconsented: Annotated[
        bool, typer.Option("--accept-unconsented", help="Also people in it who never agreed to get messages.")
    ] = False,
    comment: Comment = "",
    who: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Confirm a delivery as it was analysed. From then on it may go out."""
    if find(name).kind is DeliveryKind.POST and accept_unconsented:
        raise WrongUsage(f"{name} is a post, which needs no consent; leave out --accept-unconsented.")
    from campaign.deliveries.approval import current_user
    from campaign.kinds import confirm as confirm_delivery

    delivery = confirm_delivery(name, who or current_user(), comment, accept_unconsented=accept_unconsented)
    _show(delivery, as_json=as_json)
    if delivery.state is DeliveryState.CONFIRMED:
        output.say(f"Confirmed by {delivery.confirmed_by}. {schedule(delivery)}")
    else:
        output.say(f"Approved. A second person has to approve it too: campaign delivery confirm {name} --as NAME")


def reject(name: Name, comment: Comment = "", who: Actor = None, as_json: AsJson = False) -> None:
    """Reject a delivery; it goes back to editing."""
    find(name)
    from campaign.deliveries import approval as steps

    rejected = steps.reject(name, who or steps.current_user(), comment)
    unschedule(rejected)
    _show(rejected, as_json=as_json)


def pause(name: Name, as_json: AsJson = False) -> None:
    """Pause a delivery until it is resumed."""
    find(name)
    from campaign.deliveries import approval as steps

    _show(steps.pause(name, steps.current_user()), as_json=as_json)


def resume(name: Name, as_json: AsJson = False) -> None:
    """Resume a paused delivery. It continues with the next `send`, or by the schedule."""
    find(name)
    from campaign.deliveries import approval as steps

    delivery = steps.resume(name, steps.current_user())
    _show(delivery, as_json=as_json)
    if delivery.state is DeliveryState.CONFIRMED:
        output.say(f"Resumed. {schedule(delivery)}")


def stop(name: Name, as_json: AsJson = False) -> None:
    """Stop a delivery for good; what was sent stays."""
    before = find(name)
    from campaign.deliveries import approval as steps

    _show(steps.stop(name, steps.current_user()), as_json=as_json)
    unschedule(before)


def _show(delivery: Delivery, *, as_json: bool) -> None:
    if as_json:
        confirmed_by = delivery.confirmed_by or None
        output.print_json({"name": delivery.name, "state": delivery.state.value, "confirmed_by": confirmed_by})
    else:
        output.print_table([{"Delivery": delivery.name, "State": delivery.state.words}])


def send(
    name: Name,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End where X allows no more calls.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a confirmed delivery now, or continue an earlier run. Everything is sent exactly once."""
    check_x()
    delivery = find(name)
    with server_in_use() as has_server, output.sending(delivery):
        send_it = _send_by_flow if has_server else _send_here
        reports, message, is_done = send_it(delivery, no_wait=no_wait)
    if delivery.kind is DeliveryKind.POST:
        show_log([line for report in reports for line in report.lines], as_json=as_json)
    elif as_json:
        with read_session() as session:
            lines = lines_of_broadcast(session, delivery) if reports else iter(())
            print_lines(lines, as_csv=False, as_json=True)
    else:
        for report in reports:
            show_report(report)
    if not is_done:
        raise NotPossible(message)
    if message:
        by_whom = "with a run that is scheduled on the Prefect server" if has_server else "when you run this again"
        output.say(f"{message.removesuffix('.')}, {by_whom}.")


def _send_here(delivery: Delivery, *, no_wait: bool) -> tuple[list[Any], str, bool]:
    from campaign.kinds import kind_for

    sent = kind_for(delivery.kind).send(delivery.name, "campaign delivery send", wait=not no_wait)
    return [sent.report], sent.sentence, sent.is_well


def _flow_for(kind: DeliveryKind) -> Any:
    if kind is DeliveryKind.DM:
        from flows.dm_broadcast import dm_broadcast

        return dm_broadcast
    from flows.post_publication import post_publication

    return post_publication


def _run(kind: DeliveryKind, **parameters: Any) -> Any:
    """Runs the workflow for one act on a delivery; returns its result, or raises NotPossible with its sentence."""
    state = run_flow(_flow_for(kind), **parameters)
    result = state.result(raise_on_failure=False)
    if result is None or isinstance(result, Exception):
        raise NotPossible(state.message or f"{parameters['delivery']}: the run did not end well.")
    return result


def _send_by_flow(delivery: Delivery, *, no_wait: bool) -> tuple[list[Any], str, bool]:
    state = run_flow(_flow_for(delivery.kind), delivery=delivery.name, no_wait=no_wait)
    reports = state.result(raise_on_failure=False)
    is_done = state.is_completed()
    message = state.message or ("" if is_done else f"{delivery.name} was not sent.")
    return (reports if isinstance(reports, list) else []), message, is_done


def withdraw(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete the posts of a delivery from X, for good."""
    check_x()
    delivery = find(name)
    from campaign.posts.publish import withdrawable

    with read_session() as session:
        count = len(withdrawable(session, delivery))
    if not yes and not output.confirm(f"Delete {_posts(count)} of {name} from X, for good?"):
        raise NotPossible("Nothing was changed.")
    _delete(name, proofs=False, as_json=as_json)


def _delete(name: str, *, proofs: bool, as_json: bool) -> None:
    from campaign.deliveries.approval import current_user
    from campaign.posts.publish import withdraw as delete_posts
    from campaign.posts.publish import withdrawable

    with read_session() as session:
        withdrawable(session, deliveries.named(session, name), proofs=proofs)
    with server_in_use() as has_server:
        if has_server:
            count = _run(DeliveryKind.POST, delivery=name, action="withdraw proofs" if proofs else "withdraw")
        else:
            count = delete_posts(name, current_user(), proofs=proofs)
    if as_json:
        output.print_json({"withdrawn": count})
    else:
        output.print_table([{"Delivery": name, "Deleted from X": _posts(count)}])


def _posts(count: int) -> str:
    return f"{count} post{'' if count == 1 else 's'}"


def settle(
    name: Name,
    sent: Annotated[
        str | None, typer.Option(metavar="ID", help="It is out; the number at the end of its address on X.")
    ] = None,
    not_sent: Annotated[bool, typer.Option("--not-sent", help="It is not out.")] = False,
    all_left: Annotated[bool, typer.Option("--all", help="All messages that were left to you are not out.")] = False,
    to: Annotated[str | None, typer.Option(metavar="HANDLE", help="The recipient, of a broadcast.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record the outcome of a part that could not be looked up on X. Look for it on X yourself first."""
    if (sent is not None) is not_sent:
        raise WrongUsage("Give either --sent with the number at the end of its address on X, or --not-sent.")
    delivery = find(name)
    if all_left and (delivery.kind is DeliveryKind.POST or sent is not None or to is not None):
        raise WrongUsage("--all goes with --not-sent, for a broadcast, without --to.")
    if all_left:
        from campaign.deliveries.approval import current_user, record_all_not_sent

        count = record_all_not_sent(name, current_user())
        if as_json:
            output.print_json({"settled": count})
        output.say(f"{count:,} messages are not out. Continue with: campaign delivery send {name}")
        return
    if to is not None and delivery.kind is DeliveryKind.POST:
        raise WrongUsage(f"{name} is a post, which has no recipient; leave out --to.")
    from campaign.deliveries.approval import current_user, record_by_hand

    message = record_by_hand(name, current_user(), sent, to or "")
    with read_session() as session:
        if delivery.kind is DeliveryKind.POST:
            lines = lines_of(session, delivery, [message])
            if as_json:
                output.print_json(lines[0].as_json())
            else:
                show_log(lines, as_json=False)
        else:
            from campaign.broadcasts.log import line_of

            line = (message.proof_number, line_of(session, message))
            if as_json:
                output.print_json(line_as_json(*line))
            else:
                print_lines([line], as_csv=False, as_json=False)
    output.say(f"Settled. Continue with: campaign delivery send {name}")

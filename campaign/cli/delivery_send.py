"""`campaign delivery`: analysed, proved, confirmed, sent, paused, stopped, withdrawn, settled."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli import output
from campaign.cli.delivery import check_x, find
from campaign.cli.delivery_options import (
    AcceptUnconsented,
    As,
    AsJson,
    Comment,
    Like,
    Name,
    To,
    Yes,
    refuse_like,
    refuse_taking_back,
)
from campaign.cli.delivery_view import (
    broadcast_as_json,
    findings_as_json,
    line_as_json,
    lines_of,
    lines_of_broadcast,
    print_lines,
    show_broadcast_findings,
    show_findings,
    show_log,
    show_report,
)
from campaign.cli.server import run_flow, server_in_use
from campaign.db.engine import read_session
from campaign.deliveries import log as messages
from campaign.errors import NotPossible, WrongUsage
from models import Delivery, DeliveryKind, DeliveryState, Message, MessageState

if TYPE_CHECKING:
    from campaign.broadcasts.report import BroadcastReport
    from campaign.deliveries.findings import Analysis


def analyse(name: Name, as_json: AsJson = False) -> None:
    """Analyse a delivery: errors, recipients, cost, duration. Nothing is sent."""
    check_x()
    kind = find(name).kind
    analysis = _analyse(name, kind)
    state = find(name).state
    if as_json:
        document = broadcast_as_json(analysis) if kind is DeliveryKind.DM else findings_as_json(analysis)
        output.print_json({"state": state.value} | document)
    else:
        (show_broadcast_findings if kind is DeliveryKind.DM else show_findings)(analysis)
    if not analysis.is_ok:
        raise NotPossible(f"{name} has errors; correct them, then analyse it again.")
    if state is not DeliveryState.ANALYSED:
        raise NotPossible(f"{name} was changed meanwhile; analyse it again.")
    accept = " --accept-unconsented" if analysis.unconsented else ""
    output.say(f"Analysis passed. Confirm with: campaign delivery confirm {name}{accept}")


def _analyse(name: str, kind: DeliveryKind) -> "Analysis":
    from campaign.deliveries.edit import current_user
    from campaign.kinds import kind_for

    with output.working(f"Analysing {name}"):
        return kind_for(kind).analyse(name, current_user()).analysis


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
    from campaign.kinds import kind_of

    sent = kind_of(name).send_proof(name, current_user(), like=like)
    return sent.end.value, sent.reason


def _prove_by_flow(name: str, like: str) -> tuple[str, str]:
    from flows.post_publication import delivery_proof

    state = run_flow(delivery_proof, name, like)
    sent = state.result(raise_on_failure=False)
    if isinstance(sent, Exception):
        raise sent
    return sent.end.value, sent.reason


def confirm(
    name: Name,
    accept_unconsented: AcceptUnconsented = False,
    comment: Comment = "",
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Confirm a delivery as it was analysed. From then on it may go out."""
    if find(name).kind is DeliveryKind.POST and accept_unconsented:
        raise WrongUsage(f"{name} is a post, which needs no consent; leave out --accept-unconsented.")
    from campaign.deliveries.edit import current_user
    from campaign.kinds import confirm as confirm_delivery

    delivery = confirm_delivery(name, who or current_user(), comment, accept_unconsented=accept_unconsented)
    _show(delivery, as_json=as_json)
    output.say(f"Confirmed by {delivery.confirmed_by}. Send it with: campaign delivery send {name}")


def reject(name: Name, comment: Comment = "", who: As = None, as_json: AsJson = False) -> None:
    """Reject a delivery; it goes back to editing."""
    find(name)
    from campaign.deliveries import edit as steps

    _show(steps.reject(name, who or steps.current_user(), comment), as_json=as_json)


def pause(name: Name, as_json: AsJson = False) -> None:
    """Pause a delivery until it is resumed."""
    find(name)
    from campaign.deliveries import edit as steps

    _show(steps.pause(name, steps.current_user()), as_json=as_json)


def resume(name: Name, as_json: AsJson = False) -> None:
    """Resume a paused delivery. It continues with the next `send`, or by the schedule."""
    find(name)
    from campaign.deliveries import edit as steps

    _show(steps.resume(name, steps.current_user()), as_json=as_json)


def stop(name: Name, as_json: AsJson = False) -> None:
    """Stop a delivery for good; what was sent stays."""
    find(name)
    from campaign.deliveries import edit as steps

    _show(steps.stop(name, steps.current_user()), as_json=as_json)


def _show(delivery: Delivery, *, as_json: bool) -> None:
    if as_json:
        confirmed_by = delivery.confirmed_by or None
        output.print_json({"name": delivery.name, "state": delivery.state.value, "confirmed_by": confirmed_by})
    else:
        output.print_table([{"Delivery": delivery.name, "State": delivery.state.value.replace("_", " ")}])


def send(
    name: Name,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End where X allows no more calls.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a confirmed delivery now, or continue an earlier run. Everything is sent exactly once."""
    check_x()
    delivery = find(name)
    with server_in_use() as has_server, output.sending(delivery):
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
    from campaign.kinds import kind_for

    sent = kind_for(delivery.kind).send(delivery.name, "campaign delivery send", wait=not no_wait)
    return [sent.report], sent.sentence, sent.is_well


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


def _show_sent_broadcast(delivery: Delivery, reports: list["BroadcastReport"], *, as_json: bool) -> None:
    """Prints the log for scripts, the figures for a person; nothing of a broadcast that did not begin."""
    if not as_json:
        for report in reports:
            show_report(report)
        return
    with read_session() as session:
        lines = lines_of_broadcast(session, delivery) if reports else iter(())
        print_lines(lines, as_csv=False, as_json=True)


def withdraw(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete the posts of a delivery from X, for good."""
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
    with read_session() as session:
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


def settle(
    name: Name,
    sent: Annotated[str | None, typer.Option(metavar="ID", help="It is out, and its address ends so.")] = None,
    not_sent: Annotated[bool, typer.Option("--not-sent", help="It is not out.")] = False,
    to: To = None,
    as_json: AsJson = False,
) -> None:
    """Record the outcome of a part that could not be looked up on X. Look for it on X yourself first."""
    if (sent is not None) is not_sent:
        raise WrongUsage("Give either --sent with the number at the end of its address on X, or --not-sent.")
    delivery = find(name)
    if to is not None and delivery.kind is DeliveryKind.POST:
        raise WrongUsage(f"{name} is a post, which has no recipient; leave out --to.")
    from campaign.deliveries.edit import current_user, record_by_hand

    _show_settled(delivery, record_by_hand(name, current_user(), sent, to or ""), as_json=as_json)
    output.say(f"Settled. Continue with: campaign delivery send {name}")


def _show_settled(delivery: Delivery, message: Message, *, as_json: bool) -> None:
    if delivery.kind is DeliveryKind.POST:
        with read_session() as session:
            [part] = lines_of(session, delivery, [message])
        if as_json:
            output.print_json(part.as_json())
        else:
            show_log([part], as_json=False)
        return
    from campaign.broadcasts.log import line_of

    with read_session() as session:
        line = (message.proof_number, line_of(session, message))
    if as_json:
        output.print_json(line_as_json(*line))
    else:
        print_lines([line], as_csv=False, as_json=False)

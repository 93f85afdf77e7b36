"""`campaign delivery proof`, `send` and `withdraw`: what goes to X now, and what is deleted there."""

import os
from typing import Annotated

import typer

from campaign.cli import output
from campaign.cli.connection import connected_to_prefect
from campaign.cli.delivery_options import AsJson, Name, Yes
from campaign.cli.delivery_showing import check_x, find, show_log
from campaign.domain.delivery_reports import DeliveryReport
from campaign.errors import NotPossible
from campaign.store import messages
from campaign.store.engine import reading
from models import Delivery, DeliveryState, MessageState


def proof(
    name: Name,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Delete its proofs from X instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send exactly what will go out to the proof service only."""
    check_x()
    find(name)
    # A proof is sent by steps without a run around them, of which Prefect would warn.
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    with connected_to_prefect():
        if withdraw:
            _delete(name, proofs=True, as_json=as_json)
            return
        from tasks.composing import prepare, somebody
        from tasks.progress import End
        from tasks.proofs import send_proof
        from tasks.services import saved_services

        saved_services()
        progress = send_proof(prepare(name), somebody())
    number = find(name).proofs
    if as_json:
        output.print_json({"proof": number, "state": progress.end.value, "reason": progress.reason or None})
    else:
        output.print_table([{"Proof": str(number), "State": progress.end.value, "Reason": progress.reason}])
    if progress.end is not End.OUT:
        raise NotPossible(f"Proof #{number} of {name} is not out in full: {progress.reason}")


def send(
    name: Name,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End where X allows no more calls.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a confirmed delivery here and now, each part exactly once; going on from where an earlier run ended."""
    check_x()
    find(name)
    with connected_to_prefect():
        reports, message, is_done = _run(name, no_wait=no_wait)
    show_log([line for report in reports for line in report.lines], as_json=as_json)
    if not is_done:
        raise NotPossible(message)
    if message:
        output.say(f"{message}: with the schedule, or when you run this again.")


def _run(name: str, *, no_wait: bool) -> tuple[list[DeliveryReport], str, bool]:
    from prefect import tags
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.post_publication import post_publication
    from tasks.continuation import NO_WAIT

    # As for a sync: nobody watches the heart of a run without a deployment.
    without_heartbeat = temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with without_heartbeat, tags(*[NO_WAIT] if no_wait else []):
        state = post_publication(delivery=name, return_state=True)
    reports = state.result(raise_on_failure=False)
    is_done = state.is_completed()
    message = state.message or ("" if is_done else f"{name} was not sent.")
    return (reports if isinstance(reports, list) else []), message, is_done


def withdraw(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete from X what is out of a delivery; it cannot be brought back."""
    check_x()
    delivery = find(name)
    if delivery.state is DeliveryState.IN_PROGRESS:
        raise NotPossible(f"{name} is in progress; pause or stop it first, then withdraw it.")
    count = _count_out(delivery)
    if not count:
        raise NotPossible(f"Nothing of {name} is out.")
    if not yes and not typer.confirm(f"Delete {_posts(count)} of {name} from X, for good?", err=True):
        raise NotPossible("Nothing was changed.")
    with connected_to_prefect():
        _delete(name, proofs=False, as_json=as_json)


def _count_out(delivery: Delivery) -> int:
    with reading() as session:
        log = messages.of_delivery(session, delivery)
        return sum(one.state is MessageState.SENT and not one.withdrawn_at for one in log)


def _delete(name: str, *, proofs: bool, as_json: bool) -> None:
    from tasks.composing import somebody
    from tasks.proofs import withdraw as delete_posts
    from tasks.services import saved_services

    saved_services()
    count = delete_posts(name, somebody(), proofs=proofs)
    if as_json:
        output.print_json({"withdrawn": count})
    else:
        output.print_table([{"Delivery": name, "Deleted from X": _posts(count)}])


def _posts(count: int) -> str:
    return f"{count} post{'' if count == 1 else 's'}"

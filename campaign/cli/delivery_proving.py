"""`campaign delivery proof` and `withdraw`: what goes to X to be looked at, and what is deleted there."""

import os
from typing import Annotated

import typer

from campaign.cli import output
from campaign.cli.connection import connected_to_prefect
from campaign.cli.delivery_kinds import refuse_like, refuse_taking_back
from campaign.cli.delivery_options import AsJson, Like, Name, Yes
from campaign.cli.delivery_ready import check_x, find
from campaign.errors import NotPossible
from campaign.store import messages
from campaign.store.engine import reading
from models import Delivery, DeliveryKind, DeliveryState, MessageState


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
    # A proof is sent by steps without a run around them, of which Prefect would warn.
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    with connected_to_prefect():
        if withdraw:
            _delete(name, proofs=True, as_json=as_json)
            return
        end, reason = _prove(name, kind, like or "")
    number = find(name).proofs
    if as_json:
        output.print_json({"proof": number, "state": end, "reason": reason or None})
    else:
        output.print_table([{"Proof": str(number), "State": end, "Reason": reason}])
    if end != "out":
        raise NotPossible(f"Proof #{number} of {name} is not out in full: {reason}")


def _prove(name: str, kind: DeliveryKind, like: str) -> tuple[str, str]:
    from tasks.broadcast_proofs import send_broadcast_proof
    from tasks.composing import prepare, somebody
    from tasks.proofs import send_proof
    from tasks.services import saved_services

    saved_services()
    is_broadcast = kind is DeliveryKind.DM
    sent = send_broadcast_proof(name, somebody(), like=like) if is_broadcast else send_proof(prepare(name), somebody())
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

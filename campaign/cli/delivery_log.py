"""`campaign delivery log`: what became of every part, or of the message to every person."""

from typing import Annotated

import typer
from sqlmodel import Session

from campaign.cli import broadcast_lines, output
from campaign.cli.broadcast_options import AsCsv, Failed
from campaign.cli.delivery_lines import lines_of, show_log
from campaign.cli.delivery_options import AsJson, Name
from campaign.cli.delivery_ready import make_ready
from campaign.domain.delivery_reports import LogLine
from campaign.errors import WrongUsage
from campaign.store import deliveries, messages
from campaign.store.engine import reading
from models import MAIN, Delivery, DeliveryKind


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
            lines = broadcast_lines.lines_of_broadcast(session, delivery, failed=failed, proofs=proofs)
            broadcast_lines.print_lines(lines, as_csv=as_csv, as_json=as_json)
            return
        parts = _parts(session, delivery, failed=failed, proofs=proofs)
    show_log(parts, as_json=as_json, as_csv=as_csv)
    if not parts:
        output.say(f"Nothing of {name} has {'failed' if failed else 'gone out'}.")


def _parts(session: Session, delivery: Delivery, *, failed: bool, proofs: bool) -> list[LogLine]:
    found = lines_of(session, delivery, messages.of_delivery(session, delivery, None if proofs else MAIN))
    return [line for line in found if line.state in broadcast_lines.FAILED or not failed]

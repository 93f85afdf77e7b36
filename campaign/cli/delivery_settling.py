"""`campaign delivery settle`: what became of something that nobody could find, as a person saw it on X."""

from typing import Annotated

import typer

from campaign.cli import broadcast_lines, output
from campaign.cli.broadcast_options import To
from campaign.cli.delivery_answering import adopt
from campaign.cli.delivery_lines import lines_of, show_log
from campaign.cli.delivery_options import AsJson, Name
from campaign.cli.delivery_ready import find
from campaign.errors import WrongUsage
from campaign.store import broadcast_log
from campaign.store.engine import reading
from models import Delivery, DeliveryKind, Message


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
    adopt()
    from tasks.composing import somebody
    from tasks.controlling import settle_by_hand

    _show(delivery, settle_by_hand(name, somebody(), sent, to or ""), as_json=as_json)
    output.say(f"Settled. Now let it go on: campaign delivery send {name}")


def _show(delivery: Delivery, message: Message, *, as_json: bool) -> None:
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
        output.print_json(broadcast_lines.line_as_json(*line))
    else:
        broadcast_lines.print_lines([line], as_csv=False, as_json=False)

"""What a person decides of a delivery: yes or no, pause, go on, stop, and what became of a part."""

import os
from typing import Annotated

import typer

from campaign.cli import output
from campaign.cli.connection import connected_to_prefect
from campaign.cli.delivery_options import As, AsJson, Comment, Name
from campaign.cli.delivery_showing import find, lines_of, show_log
from campaign.errors import WrongUsage
from campaign.settings import load_settings
from campaign.store.engine import reading
from models import Delivery


def confirm(name: Name, comment: Comment = "", who: As = None, as_json: AsJson = False) -> None:
    """Say yes to a delivery as it was analysed: from now on it may go out."""
    find(name)
    with connected_to_prefect():
        from tasks.composing import somebody
        from tasks.controlling import confirm as say_yes
        from tasks.services import saved_services

        saved_services()
        delivery = say_yes(name, who or somebody(), comment)
    _show(delivery, as_json=as_json)
    output.say(f"Confirmed by {delivery.confirmed_by}. Now send it: campaign delivery send {name}")


def reject(name: Name, comment: Comment = "", who: As = None, as_json: AsJson = False) -> None:
    """Say no to a delivery: it is edited on."""
    find(name)
    _adopt()
    from tasks.composing import somebody
    from tasks.controlling import reject as say_no

    _show(say_no(name, who or somebody(), comment), as_json=as_json)


def pause(name: Name, as_json: AsJson = False) -> None:
    """Let nothing more go out until it is resumed."""
    find(name)
    _adopt()
    from tasks.composing import somebody
    from tasks.controlling import pause as let_rest

    _show(let_rest(name, somebody()), as_json=as_json)


def resume(name: Name, as_json: AsJson = False) -> None:
    """Let a paused delivery go on: it goes out with the next `send`, or by the schedule."""
    find(name)
    _adopt()
    from tasks.composing import somebody
    from tasks.controlling import resume as let_go_on

    _show(let_go_on(name, somebody()), as_json=as_json)


def stop(name: Name, as_json: AsJson = False) -> None:
    """Let nothing more go out, ever; what is out stays."""
    find(name)
    _adopt()
    from tasks.composing import somebody
    from tasks.controlling import stop as end

    _show(end(name, somebody()), as_json=as_json)


def settle(
    name: Name,
    sent: Annotated[str | None, typer.Option(metavar="ID", help="It is out, and its address ends so.")] = None,
    not_sent: Annotated[bool, typer.Option("--not-sent", help="It is not out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what became of the part that nobody could find, after you looked for it on X."""
    if (sent is not None) is not_sent:
        raise WrongUsage("Say what you saw on X: --sent with the number at the end of its address, or --not-sent.")
    delivery = find(name)
    _adopt()
    from tasks.composing import somebody
    from tasks.controlling import settle_by_hand

    message = settle_by_hand(name, somebody(), sent)
    with reading() as session:
        [line] = lines_of(session, delivery, [message])
    if as_json:
        output.print_json(line.as_json())
    else:
        show_log([line], as_json=False)
    output.say(f"Settled. Now let it go on: campaign delivery send {name}")


def _adopt() -> None:
    """The settings that Prefect reads when it is imported; for what needs only the database no server is started."""
    from deployments.environment import adopt

    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    adopt(load_settings())


def _show(delivery: Delivery, *, as_json: bool) -> None:
    if as_json:
        confirmed_by = delivery.confirmed_by or None
        output.print_json({"name": delivery.name, "state": delivery.state.value, "confirmed_by": confirmed_by})
    else:
        output.print_table([{"Delivery": delivery.name, "State": delivery.state.value.replace("_", " ")}])

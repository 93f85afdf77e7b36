"""What a person decides of a delivery: yes or no, pause, go on, stop."""

import os

from campaign.cli import output
from campaign.cli.broadcast_options import AcceptUnconsented
from campaign.cli.connection import connected_to_prefect
from campaign.cli.delivery_options import As, AsJson, Comment, Name
from campaign.cli.delivery_ready import find
from campaign.errors import WrongUsage
from campaign.settings import load_settings
from models import Delivery, DeliveryKind


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
    with connected_to_prefect():
        from tasks.composing import somebody
        from tasks.controlling import confirm as say_yes
        from tasks.services import saved_services

        saved_services()
        delivery = say_yes(name, who or somebody(), comment, accept_unconsented=accept_unconsented)
    _show(delivery, as_json=as_json)
    output.say(f"Confirmed by {delivery.confirmed_by}. Now send it: campaign delivery send {name}")


def reject(name: Name, comment: Comment = "", who: As = None, as_json: AsJson = False) -> None:
    """Say no to a delivery: it is edited on."""
    find(name)
    adopt()
    from tasks.composing import somebody
    from tasks.controlling import reject as say_no

    _show(say_no(name, who or somebody(), comment), as_json=as_json)


def pause(name: Name, as_json: AsJson = False) -> None:
    """Let nothing more go out until it is resumed."""
    find(name)
    adopt()
    from tasks.composing import somebody
    from tasks.controlling import pause as let_rest

    _show(let_rest(name, somebody()), as_json=as_json)


def resume(name: Name, as_json: AsJson = False) -> None:
    """Let a paused delivery go on: it goes out with the next `send`, or by the schedule."""
    find(name)
    adopt()
    from tasks.composing import somebody
    from tasks.controlling import resume as let_go_on

    _show(let_go_on(name, somebody()), as_json=as_json)


def stop(name: Name, as_json: AsJson = False) -> None:
    """Let nothing more go out, ever; what is out stays."""
    find(name)
    adopt()
    from tasks.composing import somebody
    from tasks.controlling import stop as end

    _show(end(name, somebody()), as_json=as_json)


def adopt() -> None:
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

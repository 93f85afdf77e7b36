"""`campaign template`: what new deliveries start from. Only the database is asked."""

from typing import Annotated, Any

import typer

from campaign.cli import output
from campaign.cli.delivery_view import show_settings
from campaign.db import engine
from campaign.db.engine import reading
from campaign.deliveries import templates
from models import DeliveryTemplate

template = typer.Typer(help="What new deliveries start from.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The internal name of the template.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@template.command("list")
def list_templates(as_json: AsJson = False) -> None:
    """List the templates, the built-in ones first."""
    engine.make_ready()
    with reading() as session:
        found = templates.listed(session)
    if as_json:
        output.print_json([_in_short(one) for one in found])
    else:
        output.print_table([_as_row(one) for one in found])


@template.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show what a delivery made from a template starts with."""
    engine.make_ready()
    with reading() as session:
        found = templates.named(session, name)
    _show(found, as_json=as_json)


@template.command()
def duplicate(
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The internal name of the copy.")],
    label: Annotated[str | None, typer.Option(help="The name read in lists; that of the original if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy a template under another name."""
    engine.make_ready()
    from campaign.deliveries.templates import duplicate_template

    _show(duplicate_template(name, new, label), as_json=as_json)


@template.command()
def save(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The internal name of the delivery.")],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="The internal name of the template.")],
    with_content: Annotated[bool, typer.Option("--with-content", help="Its texts, files and polls too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the settings of a delivery a template; a saved template of that name is replaced."""
    engine.make_ready()
    from campaign.deliveries.templates import save_template

    _show(save_template(delivery, name, with_content=with_content), as_json=as_json)


@template.command()
def delete(name: Name, as_json: AsJson = False) -> None:
    """Forget a saved template; deliveries made from it stay."""
    engine.make_ready()
    from campaign.deliveries.templates import delete_template

    delete_template(name)
    if as_json:
        output.print_json({"name": name, "state": "deleted"})
    else:
        output.print_table([{"Template": name, "State": "deleted"}])


def _show(found: DeliveryTemplate, *, as_json: bool) -> None:
    draft = templates.draft_of(found)
    if as_json:
        output.print_json(_in_short(found) | {"settings": draft.model_dump(mode="json")})
        return
    output.print_table([_as_row(found)])
    show_settings(draft)


def _in_short(found: DeliveryTemplate) -> dict[str, Any]:
    return {"name": found.name, "label": found.label, "kind": found.kind.value, "built_in": found.is_built_in}


def _as_row(found: DeliveryTemplate) -> dict[str, str]:
    kind = found.kind.value
    return {"Template": found.name, "Label": found.label, "Kind": kind, "Built in": "yes" if found.is_built_in else ""}

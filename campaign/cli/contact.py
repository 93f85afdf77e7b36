"""`campaign contact`: people who are known by name, and everything that is held of one of them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pendulum
import typer

from campaign.cli import output
from campaign.cli.contact_erasing import erase
from campaign.cli.contact_options import Email, ExternalId, Username, person_named
from campaign.cli.contact_showing import show_person
from campaign.cli.csv_file import read_rows, refuse
from campaign.cli.people_options import SHOWN, AsJson, Limit, print_some, service_named
from campaign.domain.contact_rows import COLUMNS, NAMING, read_row
from campaign.store import contact_lists, contact_records, schema
from campaign.store.contact_import import Imported, place, write
from campaign.store.engine import reading, writing

contact = typer.Typer(help="People known by name, and everything held of one of them.", no_args_is_help=True)
contact.command()(erase)

#: Named to a person at most; scripts get all of them.
_NAMED = 20


@contact.command("list")
def list_contacts(
    service: Annotated[str, typer.Option(help="Only those who agreed with this service.")] = "",
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List contacts, those that changed last first."""
    schema.make_ready()
    with reading() as session:
        service_id = service_named(session, service).id if service else None
        rows = contact_lists.contacts_of(session, service_id, limit if as_json else limit or SHOWN)
        if as_json:
            output.print_json_list(row.as_json() for row in rows)
        else:
            print_some(list(rows), contact_lists.count_contacts(session, service_id), "contact")


@contact.command()
def show(external_id: ExternalId = "", username: Username = "", email: Email = "", as_json: AsJson = False) -> None:
    """Show what is known of one person, and what the person agreed to."""
    schema.make_ready()
    with reading() as session:
        person = person_named(session, external_id, username, email)
        document = contact_records.as_document(session, person)
    show_person(document, as_json=as_json)


@contact.command()
def export(external_id: ExternalId = "", username: Username = "", email: Email = "") -> None:
    """Print everything that is held of one person, as one JSON document."""
    schema.make_ready()
    with reading() as session:
        person = person_named(session, external_id, username, email)
        output.print_json(contact_records.as_document(session, person))


@contact.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/contact-acquisition.md.")],
    as_json: AsJson = False,
) -> None:
    """Write down the contacts of a list, and what they agreed to; nothing is changed when a row cannot be used."""
    now = pendulum.now("UTC")
    rows = read_rows(file, COLUMNS, NAMING, lambda cells: read_row(cells, now))
    schema.make_ready()
    imported = Imported(len(rows))
    with writing(durable=True) as session:
        placed, problems = place(session, rows, imported)
        refuse(file, problems)
        write(session, placed, imported, now)
    if as_json:
        output.print_json(asdict(imported))
    else:
        _show(imported)


def _show(imported: Imported) -> None:
    counts = {name: getattr(imported, name) for name in ("rows", "made", "changed", "consents")}
    output.print_table([{name.capitalize(): f"{count:,}" for name, count in counts.items()}])
    left_out = {"Consents not kept, for they are suppressed": imported.suppressed, "Erased": imported.erased}
    for name, named in left_out.items():
        more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
        if named:
            output.say(f"{name}: {', '.join(named[:_NAMED])}{more}.")

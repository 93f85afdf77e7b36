"""`campaign consent`: who agreed to be written to, and who took it back. Only the database is asked."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pendulum
import typer

from campaign.cli import output
from campaign.cli.consent_file import read_file
from campaign.cli.people_options import (
    SHOWN,
    AsJson,
    Limit,
    Person,
    ServiceName,
    note_in,
    print_one,
    print_some,
    service_named,
)
from campaign.errors import NotPossible
from campaign.store import consent_lists, consents, people, schema, suppressions
from campaign.store.consent_import import Imported, import_consents
from campaign.store.engine import reading, writing
from models import ConsentSource

consent = typer.Typer(help="Who agreed to be written to, and who took it back.", no_args_is_help=True)

Note = Annotated[str, typer.Option(help="What proves it, in your words; never a text that a person sent.")]
#: Named to a person at most; scripts get all of them.
_NAMED = 20


@consent.command()
def grant(service: ServiceName, visitor: Person, note: Note, as_json: AsJson = False) -> None:
    """Write down that a person agreed, by an operator's word."""
    proof = note_in(note)
    schema.make_ready()
    with writing(durable=True) as session:
        account, person = service_named(session, service), people.named(session, visitor)
        if suppressions.is_suppressed(session, account.id, person.id):
            raise NotPossible(
                f"{visitor} is never written to by {account.internal_name}; see campaign denylist list, and lift it"
                " with campaign denylist remove when the person asks for it."
            )
        now = pendulum.now("UTC")
        begun = consents.agree(session, account.id, person.id, ConsentSource.OPERATOR, proof, now)
    state = "given" if begun else "given before"
    print_one(person, {"service": account.internal_name, "consent": state}, as_json=as_json)


@consent.command()
def withdraw(service: ServiceName, visitor: Person, note: Note, as_json: AsJson = False) -> None:
    """Write down that a person wants no more messages: nothing more is sent, as after the person's own word."""
    proof = note_in(note)
    schema.make_ready()
    with writing(durable=True) as session:
        account, person = service_named(session, service), people.named(session, visitor)
        cancelled = consents.opt_out(session, account.id, person.id, proof, pendulum.now("UTC"))
    said = {"service": account.internal_name, "consent": "withdrawn", "cancelled_messages": cancelled}
    print_one(person, said, as_json=as_json)


@consent.command("import")
def import_list(
    service: ServiceName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/consent.md for its columns.")],
    note: Note,
    as_json: AsJson = False,
) -> None:
    """Write down who agreed by a list; nothing is changed when a row of it cannot be read."""
    rows = read_file(file, note_in(note), pendulum.now("UTC"))
    schema.make_ready()
    with writing(durable=True) as session:
        account = service_named(session, service)
        imported = import_consents(session, account.id, rows)
    if as_json:
        output.print_json({"service": account.internal_name, **asdict(imported)})
    else:
        _show(account.internal_name, imported)


def _show(service: str, imported: Imported) -> None:
    counts = {"rows": imported.rows, "given": imported.given, "unchanged": imported.unchanged}
    left_out = {"suppressed": imported.suppressed, "unknown": imported.unknown, "ambiguous": imported.ambiguous}
    counts |= {name: len(named) for name, named in left_out.items()}
    output.print_table([{"Service": service} | {name.capitalize(): f"{count:,}" for name, count in counts.items()}])
    for name, named in left_out.items():
        more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
        if named:
            output.say(f"{name.capitalize()}: {', '.join(named[:_NAMED])}{more}.")


@consent.command("list")
def list_consents(
    service: ServiceName,
    ended: Annotated[bool, typer.Option("--all", help="Those that ended too.")] = False,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List who agreed to be written to by a service, the newest first."""
    schema.make_ready()
    with reading() as session:
        account = service_named(session, service)
        rows = consent_lists.consents_of(session, account.id, ended=ended, limit=limit if as_json else limit or SHOWN)
        if as_json:
            output.print_json([row.as_json() for row in rows])
        else:
            count = consent_lists.count_consents(session, account.id, ended=ended)
            print_some(list(rows), count, "consent")

"""`campaign denylist`: who is never written to. Only the database is asked."""

from typing import Annotated

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.people_options import SHOWN, AsJson, Limit, Person, note_in, print_one, print_some, service_named
from campaign.errors import NotPossible
from campaign.store import consent_lists, people, schema, suppressions
from campaign.store.engine import reading, writing
from models import EVERY_SERVICE

denylist = typer.Typer(help="Who is never written to.", no_args_is_help=True)

OneService = Annotated[str | None, typer.Option("--service", help="Of this service; of all of them when left out.")]


@denylist.command()
def add(
    visitor: Person,
    note: Annotated[str, typer.Option(help="Why, in your words; never a text that a person sent.")],
    service: OneService = None,
    as_json: AsJson = False,
) -> None:
    """Never write to a person again, whatever a delivery says; messages that wait are cancelled."""
    proof = note_in(note)
    schema.make_ready()
    with writing(durable=True) as session:
        by, person = _by(session, service), people.named(session, visitor)
        cancelled = suppressions.suppress(session, person.id, proof, pendulum.now("UTC"), by)
    said = {"service": service or "all", "denylist": "added", "cancelled_messages": cancelled}
    print_one(person, said, as_json=as_json)


@denylist.command()
def remove(visitor: Person, service: OneService = None, as_json: AsJson = False) -> None:
    """Allow messages to a person again; with --service also those that the person did not want any more."""
    schema.make_ready()
    with writing(durable=True) as session:
        by, person = _by(session, service), people.named(session, visitor)
        if not suppressions.allow_again(session, person.id, by):
            raise NotPossible(
                f"{visitor} is not on the denylist of {service or 'all services'}; see campaign denylist list."
            )
    print_one(person, {"service": service or "all", "denylist": "removed"}, as_json=as_json)


@denylist.command("list")
def list_suppressed(limit: Limit = None, as_json: AsJson = False) -> None:
    """List who is never written to, by an operator's word or the person's own, the newest first."""
    schema.make_ready()
    with reading() as session:
        rows = consent_lists.suppressions(session, limit if as_json else limit or SHOWN)
        if as_json:
            output.print_json([row.as_json() for row in rows])
        else:
            print_some(list(rows), consent_lists.count_suppressions(session), "suppression")


def _by(session: Session, service: str | None) -> int:
    return service_named(session, service).id if service else EVERY_SERVICE

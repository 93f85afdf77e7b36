"""`campaign consent` and `campaign denylist`: who may be written to, and who may not."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.errors import NotPossible, WrongUsage
from models import EVERY_SERVICE, ConsentSource, Service, Visitor

if TYPE_CHECKING:
    from campaign.consent.lists import ConsentRow, Imported


def read_file(file: Path, note: str, now: datetime) -> list["ConsentRow"]:
    """Reads all rows; raises WrongUsage that names the rows that cannot be used by their lines."""
    from campaign.consent.lists import COLUMNS, read_row

    rows = output.read_rows(file, COLUMNS, ("external_id", "username"), lambda cells: read_row(cells, note, now))
    return [row for _, row in rows]


ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="The handle of the X account, without the @.")]
Person = Annotated[str, typer.Argument(metavar="VISITOR", help="A handle, with or without the @, or an X user id.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many, the newest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
#: A person reads no more; scripts get everything.
SHOWN = 50


def note_in(text: str) -> str:
    """Returns the text of a note; raises WrongUsage for an empty one."""
    if not text.strip():
        raise WrongUsage("The note is empty; give the evidence with --note.")
    return text.strip()


def service_named(session: Session, name: str) -> Service:
    """Finds a service; raises WrongUsage for an unknown one."""
    from campaign.services import store as services

    found = services.find(session, name.removeprefix("@"))
    if found is None:
        raise WrongUsage(f"There is no service {name}, or it has not been synchronised yet.")
    return found


class Listed(Protocol):
    """A row of a list."""

    def as_row(self) -> dict[str, str]:
        """Returns the row as text."""


def print_some(rows: Sequence[Listed], count: int, what: str) -> None:
    """Prints rows for a person to read, and how many there are."""
    output.print_table([row.as_row() for row in rows])
    shown = f", the first {len(rows)} shown." if count > len(rows) else "."
    output.say(f"{count:,} {what}{'' if count == 1 else 's'}{shown}")


def print_one(person: Visitor, said: dict[str, object], *, as_json: bool) -> None:
    """Prints the result of a change for a person, under labels made from the names."""
    row = {"external_id": person.external_id, "username": person.username, **said}
    if as_json:
        output.print_json(row)
        return
    output.print_table([{_label(name): "" if value is None else str(value) for name, value in row.items()}])


def _label(name: str) -> str:
    return "External ID" if name == "external_id" else name.replace("_", " ").capitalize()


Note = Annotated[str, typer.Option(help="What proves it, in your words; never a text that a person sent.")]
#: Named to a person at most; scripts get all of them.
_NAMED = 20


def grant(service: ServiceName, visitor: Person, note: Note, as_json: AsJson = False) -> None:
    """Record a person's consent, on an operator's evidence."""
    from campaign.audience import visitors
    from campaign.consent import store as consents

    proof = note_in(note)
    engine.make_ready()
    with transaction(durable=True) as session:
        account, person = service_named(session, service), visitors.named(session, visitor)
        if consents.is_suppressed(session, account.id, person.id):
            raise NotPossible(
                f"{visitor} is on the denylist of {account.internal_name} (campaign denylist list); remove the person"
                " with campaign denylist remove if the person asks for it."
            )
        now = pendulum.now("UTC")
        begun = consents.agree(session, account.id, person.id, ConsentSource.OPERATOR, proof, now)
    state = "given" if begun else "given before"
    print_one(person, {"service": account.internal_name, "consent": state}, as_json=as_json)


def withdraw(service: ServiceName, visitor: Person, note: Note, as_json: AsJson = False) -> None:
    """Record that a person wants no more messages. Waiting ones are cancelled."""
    from campaign.audience import visitors
    from campaign.consent import store as consents

    proof = note_in(note)
    engine.make_ready()
    with transaction(durable=True) as session:
        account, person = service_named(session, service), visitors.named(session, visitor)
        cancelled = consents.opt_out(session, account.id, person.id, proof, pendulum.now("UTC"))
    said = {"service": account.internal_name, "consent": "withdrawn", "cancelled_messages": cancelled}
    print_one(person, said, as_json=as_json)


def import_list(
    service: ServiceName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/consent.md for its columns.")],
    note: Note,
    as_json: AsJson = False,
) -> None:
    """Import consents from a CSV file. Nothing is changed when a row of it cannot be used."""
    from campaign.consent.lists import import_consents

    rows = read_file(file, note_in(note), pendulum.now("UTC"))
    engine.make_ready()
    with transaction(durable=True) as session:
        account = service_named(session, service)
        imported = import_consents(session, account.id, rows)
    if as_json:
        output.print_json({"service": account.internal_name, **asdict(imported)})
    else:
        _show(account.internal_name, imported)


def _show(service: str, imported: "Imported") -> None:
    counts = {"rows": imported.rows, "given": imported.given, "unchanged": imported.unchanged}
    left_out = {"suppressed": imported.suppressed, "unknown": imported.unknown, "ambiguous": imported.ambiguous}
    counts |= {name: len(named) for name, named in left_out.items()}
    output.print_table([{"Service": service} | {name.capitalize(): f"{count:,}" for name, count in counts.items()}])
    for name, named in left_out.items():
        more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
        if named:
            output.say(f"{name.capitalize()}: {', '.join(named[:_NAMED])}{more}.")


def list_consents(
    service: ServiceName,
    ended: Annotated[bool, typer.Option("--all", help="Those that ended too.")] = False,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List the consents of a service, the newest first."""
    from campaign.consent import lists

    engine.make_ready()
    with read_session() as session:
        account = service_named(session, service)
        rows = lists.consents_of(session, account.id, ended=ended, limit=limit if as_json else limit or SHOWN)
        if as_json:
            output.print_json([row.as_json() for row in rows])
        else:
            count = lists.count_consents(session, account.id, ended=ended)
            print_some(list(rows), count, "consent")


OneService = Annotated[str | None, typer.Option("--service", help="Of this service; of all of them when left out.")]


def add(
    visitor: Person,
    note: Annotated[str, typer.Option(help="Why, in your words; never a text that a person sent.")],
    service: OneService = None,
    as_json: AsJson = False,
) -> None:
    """Add a person to the denylist; waiting messages are cancelled."""
    from campaign.audience import visitors
    from campaign.consent import store as consents

    proof = note_in(note)
    engine.make_ready()
    with transaction(durable=True) as session:
        by, person = _by(session, service), visitors.named(session, visitor)
        cancelled = consents.suppress(session, person.id, proof, pendulum.now("UTC"), by)
    said = {"service": service or "all", "denylist": "added", "cancelled_messages": cancelled}
    print_one(person, said, as_json=as_json)


def remove(visitor: Person, service: OneService = None, as_json: AsJson = False) -> None:
    """Remove a person from the denylist. With --service, the person's own opt-out is removed too."""
    from campaign.audience import visitors
    from campaign.consent import store as consents

    engine.make_ready()
    with transaction(durable=True) as session:
        by, person = _by(session, service), visitors.named(session, visitor)
        if not consents.allow_again(session, person.id, by):
            raise NotPossible(
                f"{visitor} is not on the denylist of {service or 'all services'}; see campaign denylist list."
            )
    print_one(person, {"service": service or "all", "denylist": "removed"}, as_json=as_json)


def list_suppressed(limit: Limit = None, as_json: AsJson = False) -> None:
    """List the people on the denylist, the newest first."""
    from campaign.consent import lists

    engine.make_ready()
    with read_session() as session:
        rows = lists.suppressions(session, limit if as_json else limit or SHOWN)
        if as_json:
            output.print_json([row.as_json() for row in rows])
        else:
            print_some(list(rows), lists.count_suppressions(session), "suppression")


def _by(session: Session, service: str | None) -> int:
    return service_named(session, service).id if service else EVERY_SERVICE

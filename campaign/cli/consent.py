"""`campaign consent` and `campaign denylist`: the permission to send direct messages to a person."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Protocol

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.output import SHOWN, AsJson, Limit
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.errors import NotPossible, WrongUsage
from models import EVERY_SERVICE, ConsentSource, Service, Visitor

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="The handle of the X account, without the @.")]
Person = Annotated[str, typer.Argument(metavar="VISITOR", help="A handle, with or without the @, or an X user id.")]
Note = Annotated[str, typer.Option(help="The evidence, in your words; never a text that a person sent.")]
OneService = Annotated[str | None, typer.Option("--service", help="The service; all services when left out.")]
#: The people named to a person after an import; scripts get all.
_NAMED = 20


def _read_note(text: str) -> str:
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


def print_left_out(people: Mapping[str, Sequence[str]]) -> None:
    """Prints the first people of each kind that an import left out."""
    for reason, names in people.items():
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        if names:
            output.say(f"{reason}: {', '.join(names[:_NAMED])}{more}.")


def _print_change(person: Visitor, change: dict[str, object], *, as_json: bool) -> None:
    row = {"external_id": person.external_id, "username": person.username, **change}
    if as_json:
        output.print_json(row)
        return
    output.print_table([{output.heading(name): "" if value is None else str(value) for name, value in row.items()}])


def grant(service: ServiceName, visitor: Person, note: Note, as_json: AsJson = False) -> None:
    """Record a person's consent, on an operator's evidence."""
    from campaign.audience import visitors
    from campaign.consent import store as consents

    proof = _read_note(note)
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
    _print_change(person, {"service": account.internal_name, "consent": state}, as_json=as_json)


def withdraw(service: ServiceName, visitor: Person, note: Note, as_json: AsJson = False) -> None:
    """Record that a person wants no more messages. Waiting ones are cancelled."""
    from campaign.audience import visitors
    from campaign.consent import store as consents

    proof = _read_note(note)
    engine.make_ready()
    with transaction(durable=True) as session:
        account, person = service_named(session, service), visitors.named(session, visitor)
        cancelled = consents.opt_out(session, account.id, person.id, proof, pendulum.now("UTC"))
    change = {"service": account.internal_name, "consent": "withdrawn", "cancelled_messages": cancelled}
    _print_change(person, change, as_json=as_json)


def import_list(
    service: ServiceName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/consent.md for its columns.")],
    note: Note,
    as_json: AsJson = False,
) -> None:
    """Import consents from a CSV file. Nothing is changed when a row of it cannot be used."""
    from campaign.audience.people_files import PERSON_COLUMNS, read_rows
    from campaign.consent.lists import COLUMNS, import_consents, read_row

    proof, now = _read_note(note), pendulum.now("UTC")
    rows = read_rows(file, COLUMNS, PERSON_COLUMNS, lambda cells: read_row(cells, proof, now))
    engine.make_ready()
    with transaction(durable=True) as session:
        account = service_named(session, service)
        imported = import_consents(session, account.id, [row for _, row in rows])
    if as_json:
        output.print_json({"service": account.internal_name, **asdict(imported)})
        return
    counts = {"Rows": imported.rows, "Given": imported.given, "Unchanged": imported.unchanged}
    left_out = {"Suppressed": imported.suppressed, "Unknown": imported.unknown, "Ambiguous": imported.ambiguous}
    counts |= {reason: len(people) for reason, people in left_out.items()}
    output.print_table([{"Service": account.internal_name} | {name: f"{count:,}" for name, count in counts.items()}])
    print_left_out(left_out)


def list_consents(
    service: ServiceName,
    ended: Annotated[bool, typer.Option("--all", help="Include consents that ended.")] = False,
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
            print_some(list(rows), lists.count_consents(session, account.id, ended=ended), "consent")


def add(
    visitor: Person,
    note: Annotated[str, typer.Option(help="The reason, in your words; never a text that a person sent.")],
    service: OneService = None,
    as_json: AsJson = False,
) -> None:
    """Add a person to the denylist; waiting messages are cancelled."""
    from campaign.audience import visitors
    from campaign.consent import store as consents

    proof = _read_note(note)
    engine.make_ready()
    with transaction(durable=True) as session:
        by, person = _by(session, service), visitors.named(session, visitor)
        cancelled = consents.suppress(session, person.id, proof, pendulum.now("UTC"), by)
    change = {"service": service or "all", "denylist": "added", "cancelled_messages": cancelled}
    _print_change(person, change, as_json=as_json)


def remove(visitor: Person, service: OneService = None, as_json: AsJson = False) -> None:
    """Remove a person from the denylist. With --service, the person's own opt-out is removed too."""
    from campaign.audience import visitors
    from campaign.consent import store as consents

    engine.make_ready()
    with transaction(durable=True) as session:
        by, person = _by(session, service), visitors.named(session, visitor)
        if not consents.lift_suppression(session, person.id, by):
            raise NotPossible(
                f"{visitor} is not on the denylist of {service or 'all services'}; see campaign denylist list."
            )
    _print_change(person, {"service": service or "all", "denylist": "removed"}, as_json=as_json)


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

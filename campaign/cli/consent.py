"""`campaign consent` and `campaign denylist`: the permission to send direct messages to a person."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
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
from models import EVERY_SERVICE, VISITOR_FOLDER, ConsentSource, Service

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="The handle of the X account, without the @.")]
Person = Annotated[str, typer.Argument(metavar="VISITOR", help="A handle, an X user id, or the address of a profile.")]
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


def _print_change(external_id: str, username: str | None, change: dict[str, object], *, as_json: bool) -> None:
    row = {"external_id": external_id, "username": username, **change}
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
    _print_change(
        person.external_id, person.username, {"service": account.internal_name, "consent": state}, as_json=as_json
    )


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
    _print_change(person.external_id, person.username, change, as_json=as_json)


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


def unclear(
    service: Annotated[str | None, typer.Argument(metavar="SERVICE", help="Only of this service.")] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List the messages that may be opt-outs, the oldest first. Decide each with campaign consent decide."""
    from campaign.consent import lists

    engine.make_ready()
    with read_session() as session:
        service_id = service_named(session, service).id if service else None
        rows = lists.unclear_messages(session, service_id, limit if as_json else limit or SHOWN)
        if as_json:
            output.print_json([row.as_json() for row in rows])
        else:
            print_some(list(rows), lists.count_unclear(session, service_id), "unclear message")


class Decision(StrEnum):
    """What an unclear message was, after a person read it on X."""

    OPT_OUT = "opt-out"
    WROTE_FIRST = "wrote-first"


def decide(
    service: ServiceName,
    visitor: Person,
    decision: Annotated[Decision, typer.Argument(help="What the message was, read on X.")],
    as_json: AsJson = False,
) -> None:
    """Decide whether an unclear message is an opt-out, or an ordinary message of a person who wrote first."""
    from campaign.audience import visitors
    from campaign.consent import store as consents

    engine.make_ready()
    with transaction(durable=True) as session:
        account, person = service_named(session, service), visitors.named(session, visitor)
        message = consents.decide(session, account.id, person.id, pendulum.now("UTC"))
        if message is None:
            raise NotPossible(
                f"{visitor} has no unclear message to {account.internal_name}; see campaign consent unclear."
            )
        event_id, at = message
        result: dict[str, object] = {"service": account.internal_name, "message": event_id, "decision": decision.value}
        if decision is Decision.OPT_OUT:
            result["cancelled_messages"] = consents.opt_out(session, account.id, person.id, event_id, at)
        else:
            consents.agree(session, account.id, person.id, ConsentSource.WROTE_FIRST, event_id, at)
    _print_change(person.external_id, person.username, result, as_json=as_json)


def add(
    visitor: Person,
    note: Annotated[str, typer.Option(help="The reason, in your words; never a text that a person sent.")],
    service: OneService = None,
    as_json: AsJson = False,
) -> None:
    """Add a person to the denylist; waiting messages are cancelled."""
    from campaign.audience import visitors
    from campaign.audience.people_files import without_address
    from campaign.consent import store as consents
    from campaign.consent.lists import read_row

    proof = _read_note(note)
    engine.make_ready()
    now = pendulum.now("UTC")
    with transaction(durable=True) as session:
        by, person = _by(session, service), visitors.find(session, visitor)
        if person is None:
            name = without_address(visitor)
            row = read_row({"external_id" if name.isdigit() else "username": name}, proof, now)
            external_id, username = row.external_id or "", row.username or None
            found = consents.visitor_of(session, external_id, VISITOR_FOLDER, now) if external_id else None
            if external_id and found is None:
                raise NotPossible(f"{visitor} was erased: nothing is saved of the person, who gets no messages.")
            person_id = found
            if username:
                consents.suppress_handles(session, {username: proof}, now, by)
        else:
            external_id, username, person_id = person.external_id, person.username, person.id
        cancelled = consents.suppress(session, person_id, proof, now, by) if person_id else 0
    change = {"service": service or "all", "denylist": "added", "cancelled_messages": cancelled}
    _print_change(external_id, username, change, as_json=as_json)


def import_denylist(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/consent.md for its columns.")],
    note: Annotated[str, typer.Option(help="The reason, for rows without a proof of their own.")],
    service: OneService = None,
    as_json: AsJson = False,
) -> None:
    """Add the people of a CSV file to the denylist. Nothing is changed when a row of it cannot be used."""
    from campaign.audience.people_files import PERSON_COLUMNS, read_rows
    from campaign.consent.lists import import_suppressions, read_row

    proof, now = _read_note(note), pendulum.now("UTC")
    rows = read_rows(file, (*PERSON_COLUMNS, "proof"), PERSON_COLUMNS, lambda cells: read_row(cells, proof, now))
    engine.make_ready()
    with transaction(durable=True) as session:
        by = _by(session, service)
        imported = import_suppressions(session, by, [row for _, row in rows], VISITOR_FOLDER, now)
    if as_json:
        output.print_json({"service": service or "all", **asdict(imported)})
        return
    counts = {name: count for name, count in asdict(imported).items() if isinstance(count, int)}
    output.print_table([{output.heading(name): f"{count:,}" for name, count in counts.items()}])
    print_left_out({"Erased": imported.erased})


def remove(visitor: Person, service: OneService = None, as_json: AsJson = False) -> None:
    """Remove a person from the denylist. With --service, the person's own opt-out is removed too."""
    from campaign.audience import visitors
    from campaign.audience.people_files import without_address
    from campaign.consent import store as consents

    handle = without_address(visitor).removeprefix("@")
    engine.make_ready()
    with transaction(durable=True) as session:
        by, person = _by(session, service), visitors.find(session, visitor)
        is_lifted = consents.lift_suppression(session, person.id, by) if person else False
        if not (consents.delete_handle(session, handle, by) or is_lifted):
            raise NotPossible(
                f"{visitor} is not on the denylist of {service or 'all services'}; see campaign denylist list."
            )
    external_id, username = (person.external_id, person.username) if person else ("", handle)
    _print_change(external_id, username, {"service": service or "all", "denylist": "removed"}, as_json=as_json)


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

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
from campaign.errors import WrongUsage
from models import Service

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="The handle of the X account, without the @.")]
Person = Annotated[str, typer.Argument(metavar="VISITOR", help="A handle, an X user id, or the address of a profile.")]
Note = Annotated[str, typer.Option(help="The evidence, in your words; never a text that a person sent.")]
OneService = Annotated[str | None, typer.Option("--service", help="The service; all services when left out.")]
#: The people named to a person after an import; scripts get all.
_NAMED = 20


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
    from campaign.consent import lists

    lists.check_note(note)
    engine.make_ready()
    with transaction(durable=True) as session:
        account, person = service_named(session, service), visitors.named(session, visitor)
        has_begun = lists.grant_consent(session, account, person, note, output.actor(), pendulum.now("UTC"))
    state = "given" if has_begun else "given before"
    _print_change(
        person.external_id, person.username, {"service": account.internal_name, "consent": state}, as_json=as_json
    )


def withdraw(service: ServiceName, visitor: Person, note: Note, as_json: AsJson = False) -> None:
    """Record that a person wants no more messages. Waiting ones are cancelled."""
    from campaign.audience import visitors
    from campaign.consent import lists

    lists.check_note(note)
    engine.make_ready()
    with transaction(durable=True) as session:
        account, person = service_named(session, service), visitors.named(session, visitor)
        cancelled = lists.withdraw_consent(session, account, person, note, output.actor(), pendulum.now("UTC"))
    change = {"service": account.internal_name, "consent": "withdrawn", "cancelled_messages": cancelled}
    _print_change(person.external_id, person.username, change, as_json=as_json)


def import_list(
    service: ServiceName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/consent.md for its columns.")],
    note: Note,
    as_json: AsJson = False,
) -> None:
    """Import consents from a CSV file. Nothing is changed when a row of it cannot be used."""
    from campaign.consent import lists

    now = pendulum.now("UTC")
    rows = lists.read_consents(file, note, now)
    engine.make_ready()
    with transaction(durable=True) as session:
        account = service_named(session, service)
        imported = lists.import_consents(session, account, rows, output.actor(), now)
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
            output.record_export("consents", account.internal_name)
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
    from campaign.consent import lists

    is_opt_out = decision is Decision.OPT_OUT
    engine.make_ready()
    with transaction(durable=True) as session:
        account, person = service_named(session, service), visitors.named(session, visitor)
        event_id, cancelled = lists.decide_unclear(
            session, account, person, output.actor(), pendulum.now("UTC"), is_opt_out=is_opt_out
        )
    result: dict[str, object] = {"service": account.internal_name, "message": event_id, "decision": decision.value}
    if is_opt_out:
        result["cancelled_messages"] = cancelled
    _print_change(person.external_id, person.username, result, as_json=as_json)


def add(
    visitor: Person,
    note: Annotated[str, typer.Option(help="The reason, in your words; never a text that a person sent.")],
    service: OneService = None,
    as_json: AsJson = False,
) -> None:
    """Add a person to the denylist; waiting messages are cancelled."""
    from campaign.consent import lists

    lists.check_note(note)
    engine.make_ready()
    with transaction(durable=True) as session:
        by, now = _by(session, service), pendulum.now("UTC")
        denied = lists.add_to_denylist(session, visitor, note, by, output.actor(), now)
    change = {"service": service or "all", "denylist": "added", "cancelled_messages": denied.cancelled_messages}
    _print_change(denied.external_id, denied.username, change, as_json=as_json)


def import_denylist(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/consent.md for its columns.")],
    note: Annotated[str, typer.Option(help="The reason, for rows without a proof of their own.")],
    service: OneService = None,
    as_json: AsJson = False,
) -> None:
    """Add the people of a CSV file to the denylist. Nothing is changed when a row of it cannot be used."""
    from campaign.consent import lists

    now = pendulum.now("UTC")
    rows = lists.read_denylist(file, note, now)
    engine.make_ready()
    with transaction(durable=True) as session:
        imported = lists.import_denylist(session, _by(session, service), rows, output.actor(), now)
    if as_json:
        output.print_json({"service": service or "all", **asdict(imported)})
        return
    counts = {name: count for name, count in asdict(imported).items() if isinstance(count, int)}
    output.print_table([{output.heading(name): f"{count:,}" for name, count in counts.items()}])
    print_left_out({"Erased": imported.erased})


def remove(visitor: Person, service: OneService = None, as_json: AsJson = False) -> None:
    """Remove a person from the denylist. With --service, the person's own opt-out is removed too."""
    from campaign.consent import lists

    engine.make_ready()
    with transaction(durable=True) as session:
        by = _by(session, service)
        removed = lists.remove_from_denylist(session, visitor, by, output.actor(), pendulum.now("UTC"))
    change: dict[str, object] = {"service": service or "all", "denylist": "removed"}
    _print_change(removed.external_id, removed.username, change, as_json=as_json)


def list_suppressed(limit: Limit = None, as_json: AsJson = False) -> None:
    """List the people on the denylist, the newest first."""
    from campaign.consent import lists

    engine.make_ready()
    with read_session() as session:
        rows = lists.suppressions(session, limit if as_json else limit or SHOWN)
        if as_json:
            output.record_export("denylist")
            output.print_json([row.as_json() for row in rows])
        else:
            print_some(list(rows), lists.count_suppressions(session), "suppression")


def _by(session: Session, service: str | None) -> Service | None:
    return service_named(session, service) if service else None

"""`campaign visitors` and `campaign contact`: who follows, and who shared a profile."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.consent import SHOWN, AsJson, Limit, print_some, service_named
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.errors import WrongUsage

if TYPE_CHECKING:
    from campaign.audience.conditions import Condition
    from campaign.audience.visitors import Selection, VisitorRow
    from campaign.contacts.erasure import Erased
    from campaign.contacts.importing import Imported
    from campaign.contacts.store import Person


def visitors(
    service: Annotated[str | None, typer.Option(help="Only followers of this service.")] = None,
    new_since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Following since then (UTC).")
    ] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those who no longer follow.")] = False,
    where: Annotated[
        str | None, typer.Option(help='Only those who fulfil this, such as "followers_count > 50 and verified".')
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    count: Annotated[bool, typer.Option("--count", help="Only how many.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="All of them, comma separated.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of them, as one JSON document.")] = False,
) -> None:
    """List, filter and export visitors, the newest followers first."""
    from campaign.audience import visitors as people

    if as_csv and (as_json or count):
        raise WrongUsage(f"Choose --csv or --{'json' if as_json else 'count'}; both do not fit into one output.")
    if count and limit:
        raise WrongUsage("Choose --count or --limit; all of them are counted.")
    condition = None if where is None else _parse(where)
    engine.make_ready()
    with read_session() as session:
        selection = _narrowed(people.selection_of(session, service, new_since, ended=ended), condition)
        if count:
            _print_count(people.count_visitors(session, selection), as_json=as_json)
        else:
            _print_visitors(session, selection, limit, as_csv=as_csv, as_json=as_json)


def _parse(where: str) -> "Condition":
    from campaign.audience.conditions import parse

    return parse(where)


def _narrowed(selection: "Selection", condition: "Condition | None") -> "Selection":
    from campaign.audience.visitors import narrowed

    return narrowed(selection, condition, pendulum.now("UTC")) if condition else selection


def _print_count(count: int, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"count": count})
    else:
        print(count)  # noqa: T201


def _print_visitors(
    session: Session, selection: "Selection", limit: int | None, *, as_csv: bool, as_json: bool
) -> None:
    from campaign.audience import visitors as people

    if as_csv:
        _print_csv(people.select_visitors(session, selection, limit))
    elif as_json:
        output.print_json([row.as_json() for row in people.select_visitors(session, selection, limit)])
    else:
        output.print_table([row.as_row() for row in people.select_visitors(session, selection, limit or SHOWN)])
        _say_how_many(people.count_visitors(session, selection), limit or SHOWN)


def _print_csv(rows: Iterable["VisitorRow"]) -> None:
    import csv
    import sys

    from campaign.audience.visitors import VisitorRow

    writer = csv.DictWriter(sys.stdout, VisitorRow.LABELS.values())
    writer.writeheader()
    writer.writerows(row.as_csv() for row in rows)


def _say_how_many(count: int, shown: int) -> None:
    output.say(
        f"{count:,} visitor{'' if count == 1 else 's'}" + (f", the first {shown} shown." if count > shown else ".")
    )


ExternalId = Annotated[str, typer.Option("--external-id", help="The person's X user id.")]
Username = Annotated[str, typer.Option("--username", help="The person's handle, with or without the @.")]
Email = Annotated[str, typer.Option("--email", help="The person's email address.")]


def person_named(session: Session, external_id: str, username: str, email: str) -> "Person":
    """Finds the person that exactly one of them names; raises WrongUsage when none or several are given."""
    from campaign.contacts import store as contacts

    return contacts.find(session, external_id=external_id, username=username, email=email)


def erase(
    external_id: ExternalId = "",
    username: Username = "",
    email: Email = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase all data of one person, for good. A hash prevents that a sync or an import adds the person again."""
    from campaign.contacts import erasure

    engine.make_ready()
    with read_session() as session:
        person = person_named(session, external_id, username, email)
        held = erasure.count_held(session, person)
    if not yes:
        _ask(person.called, held)
    with transaction(durable=True) as session:
        erasure.lock(session)
        person = person_named(session, external_id, username, email)
        erased = erasure.erase(session, person, pendulum.now("UTC"))
    _show(erased, as_json=as_json)


def _ask(called: str, held: Mapping[str, int]) -> None:
    """Shows what will be erased and asks for a confirmation; without one, typer ends the command."""
    output.say(f"This will be erased of {called}, for good: {_in_words(held)}.")
    output.say("Messages stay in the log as counts, without text and person.")
    typer.confirm("Erase?", abort=True, err=True)


def _in_words(held: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} ({count:,})" for name, count in held.items())


def _show(erased: "Erased", *, as_json: bool) -> None:
    if as_json:
        output.print_json({"erased": erased.counts, "still_named_in": erased.still_named_in})
        return
    output.say(f"Erased: {_in_words(erased.counts)}.")
    if erased.has_token:
        output.say("The token of an agreement will be revoked by the next run of contact-acquisition.")
    if erased.still_named_in:
        output.say(f"The person is still named in the lists of {', '.join(erased.still_named_in)}: edit them by hand.")


#: What a profile says, in the order in which it is shown.
_PROFILE = (
    "external_id",
    "username",
    "full_name",
    "email",
    "location",
    "description",
    "website",
    "language",
    "followers_count",
    "posts_count",
    "verified",
    "joined_x_at",
)


def show_person(document: dict[str, Any], *, as_json: bool) -> None:
    """Prints the profile and agreements of a person, for people or for scripts."""
    shown = {
        "external_id": document["external_id"],
        "profile": _profile(document),
        "agreements": [_agreement(one) for one in document["agreements"]],
        "consents": [_consent(one) for one in document["consents"]],
        "never_written_to_by": [one["service"] or "every service" for one in document["suppressions"]],
        "follows": [one["service"] for one in document["subscriptions"] if not one["ended_at"]],
        "messages": len(document["messages"]),
    }
    if as_json:
        output.print_json(shown)
        return
    output.print_table([{"": _label(name), "Profile": str(value)} for name, value in shown["profile"].items()])
    for title in ("agreements", "consents"):
        if shown[title]:
            output.say("")
            output.say(title.capitalize())
            output.print_table(
                [{_label(name): str(value or "") for name, value in row.items()} for row in shown[title]]
            )
    output.say(_contact_in_words(shown))


def _profile(document: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of the contact, and where they are empty those of the visitor."""
    rows = [*document["contact"], *document["visitor"]]
    found = {name: next((row[name] for row in rows if row.get(name) is not None), None) for name in _PROFILE}
    return {name: value for name, value in found.items() if value is not None}


def _agreement(row: dict[str, Any]) -> dict[str, Any]:
    names = ("service", "state", "agreed_at", "delivery", "scopes", "may_link", "reconciled_by", "withdrawn_at")
    return {name: row[name] for name in names}


def _consent(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("service", "source", "proof", "given_at", "ended_at")}


def _contact_in_words(shown: dict[str, Any]) -> str:
    follows = ", ".join(f"@{name}" for name in shown["follows"]) or "none of the services"
    never = f" Never written to by {', '.join(shown['never_written_to_by'])}." if shown["never_written_to_by"] else ""
    return f"Follows {follows}; {shown['messages']:,} messages in the log.{never}"


def _label(name: str) -> str:
    return "External ID" if name == "external_id" else name.replace("_", " ").capitalize()


#: Named to a person at most; scripts get all of them.
_NAMED = 20


def list_contacts(
    service: Annotated[str, typer.Option(help="Only those who agreed with this service.")] = "",
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List contacts, the most recently changed first."""
    from campaign.contacts import store as contacts

    engine.make_ready()
    with read_session() as session:
        service_id = service_named(session, service).id if service else None
        rows = contacts.contacts_of(session, service_id, limit if as_json else limit or SHOWN)
        if as_json:
            output.print_json_list(row.as_json() for row in rows)
        else:
            print_some(list(rows), contacts.count_contacts(session, service_id), "contact")


def show(external_id: ExternalId = "", username: Username = "", email: Email = "", as_json: AsJson = False) -> None:
    """Show a person's profile and agreements."""
    from campaign.contacts import store as contacts

    engine.make_ready()
    with read_session() as session:
        person = person_named(session, external_id, username, email)
        document = contacts.as_document(session, person)
    show_person(document, as_json=as_json)


def export(external_id: ExternalId = "", username: Username = "", email: Email = "") -> None:
    """Print all data held of one person as one JSON document."""
    from campaign.contacts import store as contacts

    engine.make_ready()
    with read_session() as session:
        person = person_named(session, external_id, username, email)
        output.print_json(contacts.as_document(session, person))


def import_list(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/contact-acquisition.md.")],
    as_json: AsJson = False,
) -> None:
    """Import contacts from a CSV file. Nothing is changed when a row of it cannot be used."""
    from campaign.contacts.importing import COLUMNS, NAMING, Imported, place, read_row, write

    now = pendulum.now("UTC")
    rows = output.read_rows(file, COLUMNS, NAMING, lambda cells: read_row(cells, now))
    engine.make_ready()
    imported = Imported(len(rows))
    with transaction(durable=True) as session:
        placed, problems = place(session, rows, imported)
        output.refuse(file, problems)
        write(session, placed, imported, now)
    if as_json:
        output.print_json(asdict(imported))
    else:
        _show_contacts(imported)


def _show_contacts(imported: "Imported") -> None:
    counts = {name: getattr(imported, name) for name in ("rows", "made", "changed", "consents")}
    output.print_table([{name.capitalize(): f"{count:,}" for name, count in counts.items()}])
    left_out = {"Consents not recorded (suppressed)": imported.suppressed, "Erased": imported.erased}
    for name, named in left_out.items():
        more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
        if named:
            output.say(f"{name}: {', '.join(named[:_NAMED])}{more}.")

"""`campaign contact`: contacts listed, imported, shown and erased."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.consent import SHOWN, AsJson, Limit, print_some, service_named
from campaign.cli.output import read_rows, refuse
from campaign.contacts import erasure
from campaign.contacts import store as contacts
from campaign.contacts.erasure import Erased
from campaign.contacts.importing import COLUMNS, NAMING, Imported, place, read_row, write
from campaign.contacts.store import Person
from campaign.db import engine
from campaign.db.engine import reading, writing

ExternalId = Annotated[str, typer.Option("--external-id", help="The person's X user id.")]
Username = Annotated[str, typer.Option("--username", help="The person's handle, with or without the @.")]
Email = Annotated[str, typer.Option("--email", help="The person's email address.")]


def person_named(session: Session, external_id: str, username: str, email: str) -> Person:
    """The person whom exactly one of them names; raises WrongUsage for nobody, and for several."""
    return contacts.find(session, external_id=external_id, username=username, email=email)


def erase(
    external_id: ExternalId = "",
    username: Username = "",
    email: Email = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget one person for good: nothing is kept but a mark, so that no sync and no list brings the person back."""
    engine.make_ready()
    with reading() as session:
        person = person_named(session, external_id, username, email)
        held = erasure.count_held(session, person)
    if not yes:
        _ask(person.called, held)
    with writing(durable=True) as session:
        erasure.lock(session)
        person = person_named(session, external_id, username, email)
        erased = erasure.erase(session, person, pendulum.now("UTC"))
    _show(erased, as_json=as_json)


def _ask(called: str, held: Mapping[str, int]) -> None:
    """Show what goes, and let a person say yes; typer ends the command otherwise."""
    output.say(f"Of {called} this goes, and cannot be brought back: {_in_words(held)}.")
    output.say("Messages stay in the log as numbers, without a text and without the person.")
    typer.confirm("Erase?", abort=True, err=True)


def _in_words(held: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} ({count:,})" for name, count in held.items())


def _show(erased: Erased, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"erased": erased.counts, "still_named_in": erased.still_named_in})
        return
    output.say(f"Erased: {_in_words(erased.counts)}.")
    if erased.has_token:
        output.say("The token of an agreement is made worthless by the next run of contact-acquisition.")
    if erased.still_named_in:
        output.say(
            f"The person is still named in the lists of {', '.join(erased.still_named_in)}: change them by hand."
        )


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
    """Print what is known of a person, for people or for scripts."""
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
    """What the contact says, and what it does not say as the visitor does."""
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
    engine.make_ready()
    with reading() as session:
        service_id = service_named(session, service).id if service else None
        rows = contacts.contacts_of(session, service_id, limit if as_json else limit or SHOWN)
        if as_json:
            output.print_json_list(row.as_json() for row in rows)
        else:
            print_some(list(rows), contacts.count_contacts(session, service_id), "contact")


@contact.command()
def show(external_id: ExternalId = "", username: Username = "", email: Email = "", as_json: AsJson = False) -> None:
    """Show what is known of one person, and what the person agreed to."""
    engine.make_ready()
    with reading() as session:
        person = person_named(session, external_id, username, email)
        document = contacts.as_document(session, person)
    show_person(document, as_json=as_json)


@contact.command()
def export(external_id: ExternalId = "", username: Username = "", email: Email = "") -> None:
    """Print everything that is held of one person, as one JSON document."""
    engine.make_ready()
    with reading() as session:
        person = person_named(session, external_id, username, email)
        output.print_json(contacts.as_document(session, person))


@contact.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/contact-acquisition.md.")],
    as_json: AsJson = False,
) -> None:
    """Write down the contacts of a list, and what they agreed to; nothing is changed when a row cannot be used."""
    now = pendulum.now("UTC")
    rows = read_rows(file, COLUMNS, NAMING, lambda cells: read_row(cells, now))
    engine.make_ready()
    imported = Imported(len(rows))
    with writing(durable=True) as session:
        placed, problems = place(session, rows, imported)
        refuse(file, problems)
        write(session, placed, imported, now)
    if as_json:
        output.print_json(asdict(imported))
    else:
        _show_contacts(imported)


def _show_contacts(imported: Imported) -> None:
    counts = {name: getattr(imported, name) for name in ("rows", "made", "changed", "consents")}
    output.print_table([{name.capitalize(): f"{count:,}" for name, count in counts.items()}])
    left_out = {"Consents not kept, for they are suppressed": imported.suppressed, "Erased": imported.erased}
    for name, named in left_out.items():
        more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
        if named:
            output.say(f"{name}: {', '.join(named[:_NAMED])}{more}.")

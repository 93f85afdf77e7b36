"""`campaign visitors`, `campaign segment` and `campaign contact`: followers, and people who shared a profile."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.consent import print_left_out, print_some, service_named
from campaign.cli.output import SHOWN, AsJson, Limit, Yes
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.errors import WrongUsage
from campaign.formatting import format_time

if TYPE_CHECKING:
    from campaign.contacts.store import Person
    from models import Segment


def visitors(
    service: Annotated[str | None, typer.Option(help="Only followers of this service.")] = None,
    new_since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Following since then (UTC).")
    ] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Only people who no longer follow.")] = False,
    where: Annotated[
        str | None, typer.Option(help='Only people who match this, such as "followers_count > 50 and verified".')
    ] = None,
    segment: Annotated[str | None, typer.Option(help="Only people of this segment.")] = None,
    limit: Limit = None,
    count: Annotated[bool, typer.Option("--count", help="Print only the number of visitors.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all of them, comma separated.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of them as one JSON document.")] = False,
) -> None:
    """List, filter and export visitors, the newest followers first."""
    from campaign.audience import visitors as people

    if as_csv and (as_json or count):
        raise WrongUsage(f"Choose --csv or --{'json' if as_json else 'count'}; both do not fit into one output.")
    if count and limit:
        raise WrongUsage("Choose --count or --limit; all of them are counted.")
    conditions = []
    if where is not None or segment is not None:
        from campaign.audience.conditions import parse

        conditions += [parse(where)] if where is not None else []
    engine.make_ready()
    with read_session() as session:
        selection = people.selection_of(session, service, new_since, ended=ended)
        if segment is not None:
            from campaign.audience.follower_pages import find_segment

            conditions.append(parse(find_segment(session, segment).condition))
        if conditions:
            selection = people.narrowed(selection, people.all_of(conditions), pendulum.now("UTC"))
        if count:
            number = people.count_visitors(session, selection)
            if as_json:
                output.print_json({"count": number})
            else:
                print(number)  # noqa: T201
        elif as_csv:
            output.record_export("followers", service)
            rows = people.select_visitors(session, selection, limit)
            output.print_csv([*people.VisitorRow.LABELS.values()], (row.as_row().values() for row in rows))
        elif as_json:
            output.record_export("followers", service)
            output.print_json([row.as_json() for row in people.select_visitors(session, selection, limit)])
        else:
            found = list(people.select_visitors(session, selection, limit or SHOWN))
            print_some(found, people.count_visitors(session, selection), "visitor")


SegmentName = Annotated[str, typer.Argument(metavar="NAME", help="The name of a segment.")]


def list_segments(as_json: AsJson = False) -> None:
    """List the segments by name. `campaign visitors --segment` shows who is in one."""
    from campaign.audience import follower_pages

    engine.make_ready()
    with read_session() as session:
        _show_segments(follower_pages.list_segments(session), as_json=as_json)


def save_segment(
    name: SegmentName,
    condition: Annotated[str, typer.Argument(metavar="CONDITION", help="As of campaign visitors --where.")],
    as_json: AsJson = False,
) -> None:
    """Save a condition under a name, or replace a segment."""
    from campaign.audience import follower_pages

    engine.make_ready()
    with transaction() as session:
        saved = follower_pages.save_segment(session, name, condition, output.actor(), pendulum.now("UTC"))
    _show_segments([saved], as_json=as_json)


def rename_segment(
    name: SegmentName, new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")], as_json: AsJson = False
) -> None:
    """Give a segment another name."""
    from campaign.audience import follower_pages

    engine.make_ready()
    with transaction() as session:
        renamed = follower_pages.rename_segment(session, name, new, output.actor(), pendulum.now("UTC"))
    _show_segments([renamed], as_json=as_json)


def delete_segment(name: SegmentName) -> None:
    """Delete a segment; broadcasts written with it stay as they are."""
    from campaign.audience import follower_pages

    engine.make_ready()
    with transaction() as session:
        follower_pages.delete_segment(session, name, output.actor(), pendulum.now("UTC"))
    output.say(f"The segment {name} was deleted.")


def _show_segments(found: "Sequence[Segment]", *, as_json: bool) -> None:
    if as_json:
        output.print_json([one.model_dump(mode="json", exclude={"id"}) for one in found])
        return
    rows = [(one.name, one.condition, one.saved_by, format_time(one.saved_at)) for one in found]
    output.print_table([dict(zip(("Segment", "Condition", "Saved by", "At"), row, strict=True)) for row in rows])
    if not found:
        output.say("There is no segment yet; save one: campaign segment save NAME CONDITION")


ExternalId = Annotated[str, typer.Option("--external-id", help="The person's X user id.")]
Username = Annotated[str, typer.Option("--username", help="The person's handle, or the address of the profile.")]
Email = Annotated[str, typer.Option("--email", help="The person's email address.")]


def _find_person(session: Session, external_id: str, username: str, email: str) -> "Person":
    from campaign.contacts import store as contacts

    return contacts.find(session, external_id=external_id, username=username, email=email)


def erase(
    external_id: ExternalId = "", username: Username = "", email: Email = "", yes: Yes = False, as_json: AsJson = False
) -> None:
    """Erase all data of one person, for good. A hash prevents that a sync or an import adds the person again."""
    from campaign.contacts import erasure

    engine.make_ready()
    if not yes:
        with read_session() as session:
            person = _find_person(session, external_id, username, email)
            held = erasure.count_held(session, person)
        output.say(f"This will be erased of {person.called}, for good: {_counts(held)}.")
        output.say("Messages stay in the log as counts, without text and person.")
        if not output.confirm("Erase?"):
            raise typer.Abort
    erased = erasure.erase_person(
        lambda session: _find_person(session, external_id, username, email), output.actor(), pendulum.now("UTC")
    )
    if as_json:
        output.print_json({"erased": erased.counts, "still_named_in": erased.still_named_in})
        return
    output.say(f"Erased: {_counts(erased.counts)}.")
    if erased.has_token:
        output.say("The token of an agreement will be revoked by the next run of contact-acquisition.")
    if erased.still_named_in:
        output.say(f"The person is still named in the lists of {', '.join(erased.still_named_in)}: edit them by hand.")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} ({count:,})" for name, count in counts.items())


def list_contacts(
    service: Annotated[str, typer.Option(help="Only people who agreed with this service.")] = "",
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
            output.record_export("contacts", service)
            output.print_json_list(row.as_json() for row in rows)
        else:
            print_some(list(rows), contacts.count_contacts(session, service_id), "contact")


#: The fields of a profile in the order in which they are shown.
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
_AGREEMENT = ("service", "state", "agreed_at", "delivery", "scopes", "may_link", "reconciled_by", "withdrawn_at")
_CONSENT = ("service", "source", "proof", "given_at", "ended_at")


def show(external_id: ExternalId = "", username: Username = "", email: Email = "", as_json: AsJson = False) -> None:
    """Show a person's profile and agreements."""
    from campaign.contacts import store as contacts

    engine.make_ready()
    with read_session() as session:
        document = contacts.as_document(session, _find_person(session, external_id, username, email))
    # A field that the contact does not have is read from the visitor.
    rows = [*document["contact"], *document["visitor"]]
    fields = {name: next((row[name] for row in rows if row.get(name) is not None), None) for name in _PROFILE}
    shown: dict[str, Any] = {
        "external_id": document["external_id"],
        "profile": {name: value for name, value in fields.items() if value is not None},
        "agreements": [{name: row[name] for name in _AGREEMENT} for row in document["agreements"]],
        "consents": [{name: row[name] for name in _CONSENT} for row in document["consents"]],
        "never_written_to_by": [one["service"] or "every service" for one in document["suppressions"]],
        "follows": [one["service"] for one in document["subscriptions"] if not one["ended_at"]],
        "messages": len(document["messages"]),
    }
    if as_json:
        output.print_json(shown)
        return
    output.print_table([{"": output.heading(name), "Profile": str(value)} for name, value in shown["profile"].items()])
    for title in filter(shown.get, ("agreements", "consents")):
        output.say("")
        output.say(title.capitalize())
        output.print_table(
            [{output.heading(name): str(value or "") for name, value in row.items()} for row in shown[title]]
        )
    follows = ", ".join(f"@{name}" for name in shown["follows"]) or "none of the services"
    never = f" Never written to by {', '.join(shown['never_written_to_by'])}." if shown["never_written_to_by"] else ""
    output.say(f"Follows {follows}; {shown['messages']:,} messages in the log.{never}")


def export(external_id: ExternalId = "", username: Username = "", email: Email = "") -> None:
    """Print all data held of one person as one JSON document."""
    from campaign.contacts import erasure

    engine.make_ready()
    output.print_json(
        erasure.export_person(
            lambda session: _find_person(session, external_id, username, email), output.actor(), pendulum.now("UTC")
        )
    )


def import_list(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/contact-acquisition.md.")],
    as_json: AsJson = False,
) -> None:
    """Import contacts from a CSV file. Nothing is changed when a row of it cannot be used."""
    from campaign.contacts.importing import import_contacts

    engine.make_ready()
    imported = import_contacts(file, output.actor(), pendulum.now("UTC"))
    if as_json:
        output.print_json(asdict(imported))
        return
    counts = {name: getattr(imported, name) for name in ("rows", "made", "changed", "consents")}
    output.print_table([{name.capitalize(): f"{count:,}" for name, count in counts.items()}])
    print_left_out({"Consents not recorded (suppressed)": imported.suppressed, "Erased": imported.erased})

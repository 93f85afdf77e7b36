"""`campaign visitors`, `segment`, `contact`, `consent` and `denylist`: followers, contacts, and permissions.

A consent is the permission to send direct messages to a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.output import SHOWN, AsJson, Limit, Yes
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.errors import WrongUsage
from campaign.formatting import format_time
from models import Service

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="The handle of the X account, without the @.")]
Recipient = Annotated[
    str, typer.Argument(metavar="VISITOR", help="A handle, an X user id, or the address of a profile.")
]
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


def grant_consent(service: ServiceName, visitor: Recipient, note: Note, as_json: AsJson = False) -> None:
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


def withdraw_consent(service: ServiceName, visitor: Recipient, note: Note, as_json: AsJson = False) -> None:
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


def import_consents(
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


def list_unclear(
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


def decide_unclear(
    service: ServiceName,
    visitor: Recipient,
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


def add_to_denylist(
    visitor: Recipient,
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


def remove_from_denylist(visitor: Recipient, service: OneService = None, as_json: AsJson = False) -> None:
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


def erase_contact(
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


def show_contact(
    external_id: ExternalId = "", username: Username = "", email: Email = "", as_json: AsJson = False
) -> None:
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


def export_contact(external_id: ExternalId = "", username: Username = "", email: Email = "") -> None:
    """Print all data held of one person as one JSON document."""
    from campaign.contacts import erasure

    engine.make_ready()
    output.print_json(
        erasure.export_person(
            lambda session: _find_person(session, external_id, username, email), output.actor(), pendulum.now("UTC")
        )
    )


def import_contacts(
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

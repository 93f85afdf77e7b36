"""`campaign contact erase`: one person is forgotten, after a look at what goes."""

from collections.abc import Mapping
from typing import Annotated

import pendulum
import typer

from campaign.cli import output
from campaign.cli.contact_options import Email, ExternalId, Username, person_named
from campaign.cli.people_options import AsJson
from campaign.store import contact_erasing, schema
from campaign.store.contact_erasing import Erased
from campaign.store.engine import reading, writing


def erase(
    external_id: ExternalId = "",
    username: Username = "",
    email: Email = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget one person for good: nothing is kept but a mark, so that no sync and no list brings the person back."""
    schema.make_ready()
    with reading() as session:
        person = person_named(session, external_id, username, email)
        held = contact_erasing.count_held(session, person)
    if not yes:
        _ask(person.called, held)
    with writing(durable=True) as session:
        contact_erasing.lock(session)
        person = person_named(session, external_id, username, email)
        erased = contact_erasing.erase(session, person, pendulum.now("UTC"))
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

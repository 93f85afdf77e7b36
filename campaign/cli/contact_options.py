"""How one person is named to `campaign contact`."""

from typing import Annotated

import typer
from sqlmodel import Session

from campaign.store import contact_people
from campaign.store.contact_people import Person

ExternalId = Annotated[str, typer.Option("--external-id", help="The person's X user id.")]
Username = Annotated[str, typer.Option("--username", help="The person's handle, with or without the @.")]
Email = Annotated[str, typer.Option("--email", help="The person's email address.")]


def person_named(session: Session, external_id: str, username: str, email: str) -> Person:
    """The person whom exactly one of them names; raises WrongUsage for nobody, and for several."""
    return contact_people.find(session, external_id=external_id, username=username, email=email)

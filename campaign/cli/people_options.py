"""What `campaign consent` and `campaign denylist` have in common."""

from collections.abc import Sequence
from typing import Annotated, Protocol

import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.errors import WrongUsage
from campaign.store import services
from models import Service, Visitor

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="The handle of the X account, without the @.")]
Person = Annotated[str, typer.Argument(metavar="VISITOR", help="A handle, with or without the @, or an X user id.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many, the newest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

#: A person reads no more; scripts get everything.
SHOWN = 50


def note_in(text: str) -> str:
    """Check that a note says something; raises WrongUsage."""
    if not text.strip():
        raise WrongUsage("Say with --note what proves it.")
    return text.strip()


def service_named(session: Session, name: str) -> Service:
    """Find a service; raises WrongUsage for one that nobody knows."""
    found = services.named(session, name.removeprefix("@"))
    if found is None:
        raise WrongUsage(f"There is no service {name}, or it has not been synchronised yet.")
    return found


class Listed(Protocol):
    """A row of a list."""

    def as_row(self) -> dict[str, str]:
        """The row as text."""


def print_some(rows: Sequence[Listed], count: int, what: str) -> None:
    """Print rows for a person to read, and how many there are."""
    output.print_table([row.as_row() for row in rows])
    shown = f", the first {len(rows)} shown." if count > len(rows) else "."
    output.say(f"{count:,} {what}{'' if count == 1 else 's'}{shown}")


def print_one(person: Visitor, said: dict[str, object], *, as_json: bool) -> None:
    """Print what was done about a person, under labels made from the names."""
    row = {"external_id": person.external_id, "username": person.username, **said}
    if as_json:
        output.print_json(row)
        return
    output.print_table([{_label(name): "" if value is None else str(value) for name, value in row.items()}])


def _label(name: str) -> str:
    return "External ID" if name == "external_id" else name.replace("_", " ").capitalize()

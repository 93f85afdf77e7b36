"""`campaign media`: the files that deliveries send, in a library which every worker reaches."""

from pathlib import Path
from typing import Annotated, Any

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.output import AsJson
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.deliveries import media
from campaign.deliveries.approval import current_user
from campaign.deliveries.draft import LIBRARY, Draft, MediaItem
from campaign.deliveries.media import in_media_folder
from campaign.deliveries.media_types import Unusable
from campaign.errors import WrongUsage
from campaign.formatting import format_time
from models import MediaBlob

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, or the SHA-256 of its bytes.")]


def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures, GIFs or videos.")],
    alt: Annotated[str, typer.Option(help="What the file shows; for posts that do not describe it themselves.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add files to the media library, and print how deliveries name them."""
    if alt and len(files) > 1:
        raise WrongUsage("--alt describes one file; add the files one by one.")
    engine.make_ready()
    blobs = []
    for file in files:
        with transaction() as session:
            blob = _take_in(session, file, alt)
            blob.alt_text = alt or blob.alt_text
            blobs.append(blob)
    _print(blobs, as_json=as_json)


def list_media(
    search: Annotated[str, typer.Argument(help="Only files with this in their name or description.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the media library, the newest files first."""
    engine.make_ready()
    with read_session() as session:
        _print(media.listed(session, search), as_json=as_json)


def remove(name: Name) -> None:
    """Remove a file from the media library."""
    engine.make_ready()
    with transaction() as session:
        blob = media.remove(session, name, current_user(), pendulum.now("UTC"))
    output.say(f"{blob.name} was removed from the media library.")


def take_files_in(draft: Draft) -> Draft:
    """Adds the local files of a draft to the library, and names them so; files of the media folder stay there.

    The person at the terminal may read them; a form or a template, which names a path only, must not.
    """
    with transaction() as session:
        parts = [
            part.model_copy(update={"media": [_taken_in(session, item) for item in part.media]})
            for part in draft.content.parts
        ]
    return draft.model_copy(update={"content": draft.content.model_copy(update={"parts": parts})})


def _taken_in(session: Session, item: MediaItem) -> MediaItem:
    if item.is_in_library or "://" in item.source:
        return item
    try:
        in_media_folder(item.source)
    except Unusable:
        blob = _take_in(session, Path(item.source), item.alt_text)
        return item.model_copy(update={"source": LIBRARY + blob.name})
    return item


def _take_in(session: Session, file: Path, alt_text: str) -> MediaBlob:
    try:
        file = file.expanduser()
        content = file.open("rb") if file.is_file() else None
    except (OSError, ValueError, RuntimeError):
        content = None
    if content is None:
        raise WrongUsage(f"{file} is not a file that you can read; name a picture, a GIF or a video.")
    with content:
        return media.save(session, file.name, content, current_user(), pendulum.now("UTC"), alt_text)


def _print(blobs: list[MediaBlob], *, as_json: bool) -> None:
    if as_json:
        output.print_json([_as_json(blob) for blob in blobs])
        return
    output.print_table([_as_row(blob) for blob in blobs])
    if not blobs:
        output.say("There is no such file in the media library; add one: campaign media add FILE")


def _as_row(blob: MediaBlob) -> dict[str, str]:
    return {
        "File": LIBRARY + blob.name,
        "Type": blob.media_type,
        "Pixels": f"{blob.width} x {blob.height}",
        "Size": f"{max(1, round(blob.size / 1000)):,} kB",
        "Added": format_time(blob.added_at),
        "By": blob.added_by,
        "Shows": blob.alt_text,
    }


def _as_json(blob: MediaBlob) -> dict[str, Any]:
    return {"source": LIBRARY + blob.name} | blob.model_dump(mode="json")

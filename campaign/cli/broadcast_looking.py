"""A broadcast as people get it: `campaign delivery preview` and `analyse` of direct messages. Nothing is sent."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from campaign.cli import output
from campaign.cli.connection import connected_to_prefect
from campaign.domain.findings import Analysis

if TYPE_CHECKING:
    from tasks.broadcast_looking import Seen


def aim_at_people(name: str, actor: str) -> Analysis:
    """Find out who gets a broadcast, while a terminal shows that this takes its time."""
    from tasks.aiming import aim

    with output.working(f"Finding out who gets {name} and who does not"):
        return aim(name, actor).analysis


def preview_broadcast(name: str, like: str | None, html: Path | None, *, as_json: bool) -> None:
    """Show the messages of a broadcast, or the one that a person would get."""
    seen = _look(name, like)
    if html:
        output.write_page(html, _page(name, seen))
    if as_json:
        output.print_json(_as_json(name, seen))
    elif not html:
        _show(name, seen)
    if seen.left_out:
        output.say(f"Nothing is sent to {like}: {seen.left_out}")


def _look(name: str, like: str | None) -> "Seen":
    from tasks.broadcast_looking import as_analysed, as_person

    if like is None:
        return as_analysed(name)
    with connected_to_prefect():
        from tasks.services import saved_services

        saved_services()
        return as_person(name, like)


def _page(name: str, seen: "Seen") -> str:
    from campaign.domain.rendered import LoadedFile
    from campaign.store import files
    from campaign.web.broadcast_preview import render_broadcast
    from tasks.marking import load_files

    loaded = [file for file in load_files(seen.draft).values() if isinstance(file, LoadedFile)]
    return render_broadcast(name, seen.draft, seen.analysis, [(file, files.thumbnail(file)) for file in loaded])


def _as_json(name: str, seen: "Seen") -> dict[str, object]:
    items = [item for part in seen.draft.content.parts for item in part.media]
    document = {
        "name": name,
        "messages": [sample.model_dump() for sample in seen.analysis.samples],
        "files": [{"file": item.source, "alt_text": item.alt_text} for item in items],
    }
    return document | ({"excluded": seen.left_out or None} if seen.is_of_one else {})


def _show(name: str, seen: "Seen") -> None:
    from campaign.cli.broadcast_panel import show_broadcast, show_messages

    console = Console(highlight=False)
    if seen.is_of_one:
        show_messages(console, seen.draft, seen.analysis)
    else:
        show_broadcast(console, name, seen.draft, seen.analysis)

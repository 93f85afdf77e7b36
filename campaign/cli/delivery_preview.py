"""`campaign delivery preview`: posts and messages in a terminal, as people will see them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli import output
from campaign.cli.delivery import find
from campaign.cli.delivery_options import AsJson, Like, Name, refuse_like
from campaign.cli.delivery_view import iso
from models import DeliveryKind

if TYPE_CHECKING:
    from campaign.broadcasts.prepare import Seen
    from campaign.deliveries.kind import Analysed
    from campaign.posts.prepare import RenderedPost


def preview(
    name: Name,
    like: Like = None,
    html: Annotated[Path | None, typer.Option(help="Write a page for the browser, in one file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show posts as X will show them, or messages as people get them."""
    if find(name).kind is DeliveryKind.DM:
        preview_broadcast(name, like, html, as_json=as_json)
        return
    refuse_like(name, like)
    from campaign.posts.prepare import as_analysed, preview_document
    from campaign.reporting import html as pages
    from campaign.reporting.terminal import print_document

    prepared = as_analysed(name)
    if html:
        output.write_page(html, pages.as_page(preview_document(prepared)))
    if as_json:
        output.print_json({"name": name, "posts": _posts_as_json(prepared)})
    elif not html:
        print_document(preview_document(prepared))


def _posts_as_json(analysed: "Analysed[RenderedPost]") -> list[dict[str, Any]]:
    from campaign.x.text import weigh

    times = {(one.service, one.part): one.at for one in analysed.analysis.timetable}
    return [
        {
            "service": one.target.internal_name,
            "part": part.part,
            "parts": one.of,
            "text": part.text,
            "weight": weigh(part.text),
            "limit": one.target.longest_post,
            "files": [{"file": file.source, "alt_text": file.alt_text, "kind": file.kind.value} for file in part.files],
            "poll": part.poll and part.poll.model_dump(),
            "reply_settings": part.reply_settings and part.reply_settings.value,
            "paid_partnership": part.paid_partnership,
            "at": iso(times.get((one.target.internal_name, part.part))),
        }
        for one in analysed.rendered.placed
        for part in [one.rendered]
    ]


def preview_broadcast(name: str, like: str | None, html: Path | None, *, as_json: bool) -> None:
    """Prints the messages of a broadcast, or the one that a person would get."""
    from campaign.broadcasts.prepare import as_analysed, as_person, attachments_of
    from campaign.broadcasts.preview import messages_of, preview_of
    from campaign.reporting import html as pages
    from campaign.reporting.terminal import print_blocks, print_document

    seen = as_analysed(name) if like is None else as_person(name, like)
    if html:
        files = attachments_of(seen.draft)
        output.write_page(html, pages.as_page(preview_of(name, seen.draft, seen.analysis, files)))
    if as_json:
        output.print_json(_messages_as_json(name, seen))
    elif seen.is_of_one and not html:
        print_blocks([*messages_of(seen.draft, seen.analysis)])
    elif not html:
        print_document(preview_of(name, seen.draft, seen.analysis))
    if seen.left_out:
        output.say(f"Nothing is sent to {like}: {seen.left_out}")


def _messages_as_json(name: str, seen: "Seen") -> dict[str, object]:
    items = [item for part in seen.draft.content.parts for item in part.media]
    document = {
        "name": name,
        "messages": [sample.model_dump() for sample in seen.analysis.samples],
        "files": [{"file": item.source, "alt_text": item.alt_text} for item in items],
    }
    return document | ({"excluded": seen.left_out or None} if seen.is_of_one else {})

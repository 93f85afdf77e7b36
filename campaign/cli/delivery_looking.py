"""`campaign delivery analyse` and `preview`: a delivery as it will go out. Nothing is sent."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from campaign.cli import output
from campaign.cli.connection import connected_to_prefect
from campaign.cli.delivery_forms import findings_as_json, iso, show_findings
from campaign.cli.delivery_options import AsJson, Name
from campaign.cli.delivery_showing import check_x, find
from campaign.domain.preview import PostView
from campaign.errors import NotPossible, WrongUsage
from models import DeliveryState


def analyse(name: Name, as_json: AsJson = False) -> None:
    """Look at every part for every account, as X will: what is wrong, what it costs, when it is out. Posts nothing."""
    check_x()
    find(name)
    with connected_to_prefect():
        from tasks.composing import look_at, somebody
        from tasks.services import saved_services

        saved_services()
        prepared = look_at(name, somebody())
    state = find(name).state
    if as_json:
        output.print_json({"state": state.value} | findings_as_json(prepared.analysis))
    else:
        show_findings(prepared.analysis)
    if not prepared.analysis.is_ok:
        raise NotPossible(f"{name} cannot go out like this; change it, then analyse it again.")
    if state is not DeliveryState.ANALYSED:
        raise NotPossible(f"{name} was changed meanwhile; analyse it again.")
    output.say(f"Nothing stands in its way. Say yes: campaign delivery confirm {name}")


def preview(
    name: Name,
    html: Annotated[Path | None, typer.Option(help="Write a page for the browser, in one file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show each post as X will show it."""
    find(name)
    with connected_to_prefect():
        from tasks.composing import prepare
        from tasks.previewing import head_of, views_of
        from tasks.services import saved_services

        saved_services()
        prepared = prepare(name)
        head, views = head_of(prepared), views_of(prepared)
    if html:
        from campaign.web.preview import render_page

        _write(html, render_page(head, views))
    if as_json:
        output.print_json({"name": name, "posts": [_as_json(view) for view in views]})
    elif not html:
        from campaign.cli.post_panel import show_posts

        show_posts(Console(highlight=False), head, views)


def _write(file: Path, page: str) -> None:
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise WrongUsage(f"{file} cannot be written ({error.strerror}); name another file with --html.") from None
    output.say(f"Open it in a browser: {file.absolute()}")


def _as_json(view: PostView) -> dict[str, Any]:
    return {
        "service": view.handle,
        "part": view.part,
        "parts": view.parts,
        "text": view.text,
        "weight": view.weight,
        "limit": view.limit,
        "files": [{"file": file.source, "alt_text": file.alt_text, "kind": file.kind.value} for file in view.files],
        "poll": view.poll and view.poll.model_dump(),
        "reply_settings": view.reply_settings and view.reply_settings.value,
        "paid_partnership": view.paid_partnership,
        "at": iso(view.at),
    }

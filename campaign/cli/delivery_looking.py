"""`campaign delivery analyse` and `preview`: a delivery as it will go out. Nothing is sent."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from campaign.cli import output
from campaign.cli.broadcast_forms import broadcast_as_json, show_broadcast_findings
from campaign.cli.broadcast_looking import aim_at_people, preview_broadcast
from campaign.cli.connection import connected_to_prefect
from campaign.cli.delivery_forms import findings_as_json, iso, show_findings
from campaign.cli.delivery_kinds import refuse_like
from campaign.cli.delivery_options import AsJson, Like, Name
from campaign.cli.delivery_ready import check_x, find
from campaign.domain.findings import Analysis
from campaign.domain.preview import PostView
from campaign.errors import NotPossible
from models import DeliveryKind, DeliveryState


def analyse(name: Name, as_json: AsJson = False) -> None:
    """Look at all of it as X and people will: what is wrong, who gets it, the cost, when it is out. Sends nothing."""
    check_x()
    kind = find(name).kind
    analysis = _look(name, kind)
    state = find(name).state
    if as_json:
        document = broadcast_as_json(analysis) if kind is DeliveryKind.DM else findings_as_json(analysis)
        output.print_json({"state": state.value} | document)
    else:
        (show_broadcast_findings if kind is DeliveryKind.DM else show_findings)(analysis)
    if not analysis.is_ok:
        raise NotPossible(f"{name} cannot go out like this; change it, then analyse it again.")
    if state is not DeliveryState.ANALYSED:
        raise NotPossible(f"{name} was changed meanwhile; analyse it again.")
    accept = " --accept-unconsented" if analysis.unconsented else ""
    output.say(f"Nothing stands in its way. Say yes: campaign delivery confirm {name}{accept}")


def _look(name: str, kind: DeliveryKind) -> Analysis:
    with connected_to_prefect():
        from tasks.composing import look_at, somebody
        from tasks.services import saved_services

        saved_services()
        return aim_at_people(name, somebody()) if kind is DeliveryKind.DM else look_at(name, somebody()).analysis


def preview(
    name: Name,
    like: Like = None,
    html: Annotated[Path | None, typer.Option(help="Write a page for the browser, in one file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show each post as X will show it, or the messages of a broadcast as people get them."""
    if find(name).kind is DeliveryKind.DM:
        preview_broadcast(name, like, html, as_json=as_json)
        return
    refuse_like(name, like)
    _preview_posts(name, html, as_json=as_json)


def _preview_posts(name: str, html: Path | None, *, as_json: bool) -> None:
    with connected_to_prefect():
        from tasks.composing import prepare
        from tasks.previewing import head_of, views_of
        from tasks.services import saved_services

        saved_services()
        prepared = prepare(name)
        head, views = head_of(prepared), views_of(prepared)
    if html:
        from campaign.web.preview import render_page

        output.write_page(html, render_page(head, views))
    if as_json:
        output.print_json({"name": name, "posts": [_as_json(view) for view in views]})
    elif not html:
        from campaign.cli.post_panel import show_posts

        show_posts(Console(highlight=False), head, views)


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

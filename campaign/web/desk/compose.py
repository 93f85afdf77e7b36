"""Writing a post: the form, its preview and cost while it is typed."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from babel.dates import format_timedelta
from starlette.responses import Response
from starlette.routing import Route

from campaign.db.engine import read_session
from campaign.deliveries import media
from campaign.deliveries.draft import MOST_PARTS
from campaign.formatting import format_duration, whole_number
from campaign.posts import prepare
from campaign.posts.documents import post_of
from campaign.reporting.html import show_posts
from campaign.web.desk.access import DeskRequest, desk_route
from campaign.web.desk.documents import localised_post
from campaign.web.desk.drafts import Writing, offer_files, take_uploads, use_file, with_date, with_slot, zone_for
from campaign.web.desk.post_form import POLL_MINUTES, PostForm, change_parts, differences, form_of, read_form
from campaign.web.desk.wording import N_
from campaign.x.text import ORDINARY_POST, weigh
from campaign.x.types import ReplySettings
from models import DeliveryKind, Role, Service

NEW, EDIT = "/desk/posts/new", "/desk/posts/{delivery}/edit"
#: Errors that are shown while a post is typed; the others with its analysis.
_SHOWN_AT_ONCE = {"over_cap", "unknown_field", "broken_template"}
WHO_MAY_REPLY = {
    "": N_("Everyone"),
    ReplySettings.FOLLOWING: N_("Accounts that it follows, or names"),
    ReplySettings.MENTIONED: N_("Only accounts that it names"),
    ReplySettings.SUBSCRIBERS: N_("Subscribers, and accounts that it names"),
    ReplySettings.VERIFIED: N_("Verified accounts, and accounts that it names"),
}


def routes() -> list[Route]:
    """Returns the routes of a new post and of one that is being edited."""
    return [
        desk_route(NEW, show_new, Role.WRITER),
        desk_route(NEW, change_post, Role.WRITER, method="POST"),
        desk_route(EDIT, show_saved, Role.WRITER),
        desk_route(EDIT, change_post, Role.WRITER, method="POST"),
    ]


def show_new(desk: DeskRequest) -> Response:
    """Shows the form of a new post, empty or as a template has it."""
    services = desk.services(Role.WRITER)
    draft = _POSTS.new_draft(desk, services)
    return _show(desk, with_date(desk, form_of(draft, zone_for(services, draft))), services)


def show_saved(desk: DeskRequest) -> Response:
    """Shows the form of a saved post."""
    draft = _POSTS.saved_draft(desk)
    if isinstance(draft, Response):
        return draft
    services = desk.services(Role.WRITER)
    return _show(desk, form_of(draft, zone_for(services, draft)), services)


def change_post(desk: DeskRequest) -> Response:
    """Does what the pressed button says: changes the form, shows the preview, saves, analyses, asks for approval."""
    services = desk.services(Role.WRITER)
    form = with_slot(desk, read_form(desk.form, _POSTS.base(desk), services), services)
    form, added = take_uploads(desk, form)
    do, _, rest = desk.text("do", "update").partition(":")
    place, _, what = rest.partition(":")
    number = whole_number(place) or 0
    part, more = "post_parts_part.html.jinja", dict[str, Any]()
    match do:
        case "preview":
            part = "post_live.html.jinja"
        case "upload":
            part, more = "post_uploaded.html.jinja", {"number": number, "added": added}
        case "library":
            part, more = "post_library.html.jinja", {"picker": number, "offered": offer_files()}
        case "use":
            form = use_file(form, number, what)
        case "update" | "add-part" | "remove-part" | "remove-file":
            form, more = change_parts(form, do, number, what), {"focus": f"{do}:{number}"}
        case "template":
            return _POSTS.save_template(desk, form, services)
        case _:
            if not form.to_save().content.parts:
                form = form.with_problem("text-1", N_("Write a text, or add a picture, a video or a poll."))
            return _POSTS.save(desk, form, services, do)
    return _respond(desk, form, services, part, **more)


def _show(desk: DeskRequest, form: PostForm, services: Sequence[Service], status: int = 200, **more: Any) -> Response:
    facts = _facts(desk, form, services) | more
    return desk.page("post_form.html.jinja", status, **facts)


def _respond(desk: DeskRequest, form: PostForm, services: Sequence[Service], part: str, **more: Any) -> Response:
    """Shows the part that a button changes, or without scripts the whole form."""
    if not desk.is_partial:
        return _show(desk, form, services, **more)
    return desk.part(part, path=desk.request.url.path, **_facts(desk, form, services) | more)


_POSTS = Writing(DeliveryKind.POST, "/desk/posts", _show, differences)


def _facts(desk: DeskRequest, form: PostForm, services: Sequence[Service]) -> dict[str, Any]:
    facts = _POSTS.facts(desk, form, services)
    return facts | {
        "preview_part": "post_preview.html.jinja",
        "who_may_reply": WHO_MAY_REPLY,
        "poll_minutes": POLL_MINUTES,
        "span": lambda minutes: _span(minutes, desk.language),
        "most_parts": MOST_PARTS,
        "live": _live(desk, form, facts["chosen"]),
    }


def _live(desk: DeskRequest, form: PostForm, chosen: list[Service]) -> dict[str, Any]:
    """Returns what follows the typing: the preview of one account, the lengths, the cost; nothing is saved."""
    draft = form.draft
    with read_session() as session:
        draft = media.describe(session, draft)
        proof = next((one for one in desk.services() if one.internal_name == draft.proof_service), None)
    post = prepare.render_draft(draft, chosen, proof, desk.delivery)
    analysis = prepare.analyse_post(post)
    shown = next((one for one in chosen if one.internal_name == form.typed.get("shown")), next(iter(chosen), None))
    posts = [
        localised_post(post_of(one.target, one.rendered, parts=one.of), desk.language, zone_for(chosen, draft))
        for one in post.placed
        if shown and one.target.service_id == shown.id
    ]
    lengths: dict[tuple[int, str], tuple[int, int]] = {}
    for one in post.placed:
        name = one.target.internal_name.lower()
        part = draft.content.parts[one.rendered.part - 1]
        length = weigh(one.rendered.text), one.target.longest_post
        # The common text has the length that is nearest to its account's limit.
        key = one.rendered.part, name if name in part.own_texts else ""
        lengths[key] = max(lengths.get(key, length), length, key=lambda pair: pair[0] / pair[1])
    for number, part in enumerate(draft.content.parts, start=1):
        lengths.setdefault((number, ""), (weigh(part.text), ORDINARY_POST))
    return {
        "shown": shown,
        "posts": show_posts(posts, lambda file: f"/desk/library/{Path(file.path).stem}"),
        "lengths": lengths,
        "cost": analysis.cost,
        "problems": [one.sentence for one in analysis.errors if one.code in _SHOWN_AT_ONCE],
        "costs": [one.sentence for one in analysis.findings if one.code == "cost"],
    }


def _span(minutes: int, language: str) -> str:
    length = timedelta(minutes=minutes)
    return format_timedelta(length, locale=language) if minutes in POLL_MINUTES else format_duration(length)

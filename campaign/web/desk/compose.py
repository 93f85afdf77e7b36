"""Writing a post: the form, its preview and cost while it is typed, drafts, templates, the analysis."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from babel.dates import format_timedelta
from slugify import slugify
from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.responses import Response
from starlette.routing import Route

from campaign import kinds
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, library, slots, templates
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import LIBRARY, MOST_PARTS, Draft, MediaItem
from campaign.deliveries.findings import Analysis, Level
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.formatting import format_duration
from campaign.posts import prepare
from campaign.posts.preview import file_name, post_of
from campaign.reporting.html import show_posts
from campaign.users import audit
from campaign.users import store as users
from campaign.web.desk.access import DeskRequest, desk_route
from campaign.web.desk.layout import N_, gettext
from campaign.web.desk.post_form import (
    POLL_MINUTES,
    PostForm,
    add_file,
    by_field,
    change_parts,
    differences,
    form_of,
    links_of,
    read_form,
    zone_of,
)
from campaign.x.text import ORDINARY_POST, weigh
from campaign.x.types import ReplySettings
from models import ApprovalMode, Delivery, DeliveryKind, DeliveryState, DeliveryTemplate, MediaBlob, Role, Service

NEW, EDIT = "/desk/posts/new", "/desk/posts/{delivery}/edit"
#: Files of the library that are offered at once, the newest first.
_OFFERED = 24
#: Errors that are shown while a post is typed; the others with its analysis.
_SHOWN_AT_ONCE = {"over_cap", "unknown_field", "broken_template"}
_NOT_ANALYSED = N_("The draft is saved, and could not be analysed.")
WHO_MAY_REPLY = {
    "": N_("Everyone"),
    ReplySettings.FOLLOWING: N_("Accounts that it follows, or names"),
    ReplySettings.MENTIONED: N_("Only accounts that it names"),
    ReplySettings.SUBSCRIBERS: N_("Subscribers, and accounts that it names"),
    ReplySettings.VERIFIED: N_("Verified accounts, and accounts that it names"),
}
APPROVALS = {
    ApprovalMode.MANUAL: N_("A person approves it"),
    ApprovalMode.SEMI_AUTOMATIC: N_("A person, where the analysis warns of something"),
    ApprovalMode.AUTOMATIC: N_("By itself, where the analysis finds no error"),
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
    draft = templates.draft_of(_template(desk)) if desk.text("template") else Draft()
    names = {service.internal_name for service in services}
    chosen = [name for name in draft.services if name in names] or [one.internal_name for one in services[:1]]
    draft = draft.model_copy(update={"services": chosen})
    form = form_of(draft, _zone(services, draft))
    if desk.text("date"):  # chosen in the calendar
        form = replace(form, typed={**form.typed, "when": "date", "date": desk.text("date"), "time": desk.text("time")})
    return _show(desk, form, services)


def show_saved(desk: DeskRequest) -> Response:
    """Shows the form of a saved post."""
    delivery = _delivery(desk)
    if delivery.state not in deliveries.EDITABLE:
        return desk.redirect(f"/desk/deliveries/{delivery.name}", N_("It cannot be changed any more."))
    if delivery.kind is not DeliveryKind.POST:
        return desk.redirect(f"/desk/broadcasts/{delivery.name}/edit")
    services = desk.services(Role.WRITER)
    with read_session() as session:
        draft = deliveries.draft_of(session, delivery)
    return _show(desk, form_of(draft, _zone(services, draft)), services)


def change_post(desk: DeskRequest) -> Response:
    """Does what the pressed button says: changes the form, shows the preview, saves, analyses, asks for approval."""
    services = desk.services(Role.WRITER)
    form, added = _take_uploads(desk, _with_slot(desk, read_form(desk.form, _base(desk), services), services))
    do, _, rest = desk.text("do", "update").partition(":")
    place, _, what = rest.partition(":")
    number = int(place) if place.isdecimal() else 0
    part, more = "post_parts_part.html.jinja", dict[str, Any]()
    match do:
        case "preview":
            part = "post_live.html.jinja"
        case "upload":
            part, more = "post_uploaded.html.jinja", {"number": number, "added": added}
        case "library":
            with read_session() as session:
                offered = library.listed(session)[:_OFFERED]
            part, more = "post_library.html.jinja", {"picker": number, "offered": offered}
        case "use":
            with read_session() as session:
                form = add_file(form, number, _item(library.find(session, what)))
        case "update" | "add-part" | "remove-part" | "remove-file":
            form, more = change_parts(form, do, number, what), {"focus": f"{do}:{number}"}
        case "template":
            return _save_template(desk, form, services)
        case _:
            return _save(desk, form, services, do)
    return _respond(desk, form, services, part, **more)


def _with_slot(desk: DeskRequest, form: PostForm, services: Sequence[Service]) -> PostForm:
    """Returns the form with the next free slot of its accounts as its date, where that was chosen."""
    if form.typed["when"] != "slot":
        return form
    found = _next_slot(desk, [one for one in services if one.internal_name in form.draft.services])
    if found is None:
        sentence = N_("These accounts have no weekly slots; add them under Calendar, or choose a date.")
        return form.with_problem("when", sentence)
    return replace(form, draft=form.draft.model_copy(update={"contact_date": found}))


def _next_slot(desk: DeskRequest, chosen: Sequence[Service]) -> datetime | None:
    with read_session() as session:
        return slots.next_free(session, chosen, desk.now)


def _item(blob: MediaBlob) -> MediaItem:
    return MediaItem(source=f"{LIBRARY}{blob.name}", alt_text=blob.alt_text)


def _save(desk: DeskRequest, form: PostForm, services: Sequence[Service], do: str) -> Response:
    draft = form.to_save()
    if not draft.services:
        form = form.with_problem("accounts", N_("Choose at least one account."))
    if not draft.content.parts:
        form = form.with_problem("text-1", N_("Write a text, or add a picture, a video or a poll."))
    if form.problems:
        return _show(desk, form, services, 400)
    desk.require(Role.WRITER, [service for service in services if service.internal_name in draft.services])
    try:
        name = _store(desk, draft)
    except approval.ChangedMeanwhile:
        return _show_both(desk, form, services)
    if do not in {"analyse", "ask"}:
        return desk.redirect(EDIT.format(delivery=name), N_("Saved."))
    with read_session() as session:
        is_analysed = deliveries.named(session, name).state is DeliveryState.ANALYSED
    if do == "ask" and is_analysed:
        with transaction() as session:
            approval.ask(session, deliveries.named(session, name, lock=True), desk.actor, desk.now)
        return desk.redirect(f"/desk/deliveries/{name}", N_("The post now waits for approval."))
    try:
        kinds.kind_of(name).analyse(name, desk.actor)
    except CampaignError as error:
        return desk.redirect(EDIT.format(delivery=name), f"{gettext(desk.language, _NOT_ANALYSED)} {error}")
    return desk.redirect(EDIT.format(delivery=name))


def _store(desk: DeskRequest, draft: Draft) -> str:
    """Saves the draft; a post that is as it was saved keeps its analysis."""
    if desk.delivery is None:
        template = _template(desk).name if desk.text("template") else templates.DEFAULTS[DeliveryKind.POST]
        return approval.compose(draft, actor=desk.actor, template=template).name
    name = desk.delivery.name
    with read_session() as session:
        saved = deliveries.draft_of(session, desk.delivery)
    if saved.model_dump() == draft.model_dump():
        return name
    approval.recompose(name, draft, actor=desk.actor, known=desk.text("revision"))
    if desk.delivery.state is DeliveryState.CONFIRMED:
        # Without a server there is no run to delete.
        with suppress(NotPossible):
            desk.runs.schedule(_named(name))
    return name


def _named(name: str) -> Delivery:
    with read_session() as session:
        return deliveries.named(session, name)


def _save_template(desk: DeskRequest, form: PostForm, services: Sequence[Service]) -> Response:
    label = desk.text("template-label")
    if not (name := slugify(label)):
        return _show(desk, form.with_problem("template", N_("Write a name for the template.")), services, 400)
    with_content, may_replace = "template-content" in desk.form, "template-replace" in desk.form
    try:
        with transaction() as session:
            templates.save(session, name, label, form.to_save(), with_content=with_content, may_replace=may_replace)
            audit.record(session, desk.actor, f"template {name}", "saved", desk.now)
    except (NotPossible, WrongUsage) as error:
        return _show(desk, form.with_problem("template", str(error)), services, 400)
    return _show(desk, form, services, done=N_("The template is saved; new posts can start from it."))


def _show_both(desk: DeskRequest, form: PostForm, services: Sequence[Service]) -> Response:
    """Shows what another person saved meanwhile beside what was typed; to save again replaces it."""
    with read_session() as session:
        delivery = deliveries.get(session, _delivery(desk).id)
        theirs = deliveries.draft_of(session, delivery)
        entry = deliveries.audit_of(session, delivery)[-1]
        by = entry.actor
        with suppress(WrongUsage):  # a command, or a run
            by = users.find_user(session, by).full_name
    conflict = {"by": by, "at": entry.at, "theirs": theirs, "rows": differences(form.to_save(), theirs)}
    return _show(desk, form, services, 409, conflict=conflict)


def _take_uploads(desk: DeskRequest, form: PostForm) -> tuple[PostForm, list[MediaItem]]:
    """Takes the files of the form into the library, and into their parts."""
    added = []
    for number in range(1, len(form.draft.content.parts) + 1):
        for file in desk.form.getlist(f"upload-{number}"):
            if not isinstance(file, UploadFile) or not file.filename:
                continue
            try:
                copy = library.take(file.filename, file.file)
                with transaction() as session:
                    blob = library.save(session, file.filename, copy, desk.actor, desk.now)
                    item = _item(blob)
            except CampaignError as error:
                form = form.with_problem(f"files-{number}", str(error))
                continue
            added.append(item)
            form = add_file(form, number, item)
    return form, added


def _show(desk: DeskRequest, form: PostForm, services: Sequence[Service], status: int = 200, **more: Any) -> Response:
    facts = _facts(desk, form, services) | more
    return desk.page("post_form.html.jinja", status, **facts)


def _respond(desk: DeskRequest, form: PostForm, services: Sequence[Service], part: str, **more: Any) -> Response:
    """Shows the part that a button changes, or without scripts the whole form."""
    if not desk.is_partial:
        return _show(desk, form, services, **more)
    return desk.part(part, path=desk.request.url.path, **_facts(desk, form, services) | more)


def _facts(desk: DeskRequest, form: PostForm, services: Sequence[Service]) -> dict[str, Any]:
    delivery, analysis = desk.delivery, None
    with read_session() as session:
        files = _files(session, form.draft)
        offered = _templates(session, services)
        revision = ""
        if delivery:
            delivery = deliveries.get(session, delivery.id)
            revision = deliveries.revision_of(session, delivery)
            analysis = _fresh_analysis(session, delivery)
    draft, links = form.draft, links_of(form.draft)
    chosen = [one for one in services if one.internal_name in draft.services]
    return {
        "form": form,
        "draft": draft,
        "typed": form.typed,
        "problems": form.problems,
        "services": services,
        "chosen": chosen,
        "delivery": delivery,
        "revision": revision,
        "zone": form.typed["zone"],
        "next_slot": _next_slot(desk, chosen),
        "files": files,
        "file_name": file_name,
        "picker": 0,
        "focus": "",
        "done": "",
        "links": links,
        "links_changed": [one.url for one, _ in links] != desk.form.getlist("link"),
        "templates": offered,
        "started_from": desk.text("template"),
        "who_may_reply": WHO_MAY_REPLY,
        "approvals": APPROVALS,
        "poll_minutes": POLL_MINUTES,
        "span": lambda minutes: _span(minutes, desk.language),
        "most_parts": MOST_PARTS,
        "proofs": sorted({*(one.internal_name for one in services if one.proof), draft.proof_service or ""} - {""}),
        "conflict": None,
        "analysis": analysis,
        "found": by_field([one for one in analysis.findings if one.level is not Level.INFO], draft) if analysis else {},
        "live": _live(desk, form, chosen),
    }


def _files(session: Session, draft: Draft) -> dict[str, MediaBlob]:
    """Returns the files of a draft that are in the library, by their source."""
    found = {}
    for source in {item.source for part in draft.content.parts for item in part.media if item.is_in_library}:
        with suppress(WrongUsage):  # the analysis says that it is missing
            found[source] = library.find(session, source)
    return found


def _live(desk: DeskRequest, form: PostForm, chosen: list[Service]) -> dict[str, Any]:
    """Returns what follows the typing: the preview of one account, the lengths, the cost; nothing is saved."""
    draft = form.draft
    with read_session() as session:
        draft = library.describe(session, draft)
        proof = next((one for one in desk.services() if one.internal_name == draft.proof_service), None)
    post = prepare.render_draft(draft, chosen, proof, desk.delivery)
    analysis = prepare.analyse_post(post)
    shown = next((one for one in chosen if one.internal_name == form.typed.get("shown")), next(iter(chosen), None))
    posts = [
        post_of(one.target, one.rendered, parts=one.of)
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


def _fresh_analysis(session: Session, delivery: Delivery) -> Analysis | None:
    """Returns the last analysis, unless the post was changed since."""
    entries = [one.action for one in deliveries.audit_of(session, delivery) if one.action in {"changed", "analysis"}]
    is_fresh = bool(delivery.analysis) and entries[-1:] == ["analysis"]
    return approval.saved_analysis(delivery, has_proof=bool(delivery.proofs)) if is_fresh else None


def _templates(session: Session, services: Sequence[Service]) -> list[DeliveryTemplate]:
    """Returns the saved templates of posts that name no account of others."""
    names = {service.internal_name for service in services}
    saved = [one for one in templates.listed(session) if one.kind is DeliveryKind.POST and not one.is_built_in]
    return [one for one in saved if set(templates.draft_of(one).services) <= names]


def _template(desk: DeskRequest) -> DeliveryTemplate:
    with read_session() as session:
        offered = {one.name: one for one in _templates(session, desk.services(Role.WRITER))}
    if desk.text("template") not in offered:
        raise WrongUsage(N_("There is no such template; choose another one."))
    return offered[desk.text("template")]


def _base(desk: DeskRequest) -> Draft:
    """Returns what the form does not show: that of the saved post, or of the template."""
    if desk.delivery is None:
        return templates.draft_of(_template(desk)) if desk.text("template") else Draft()
    with read_session() as session:
        return deliveries.draft_of(session, desk.delivery)


def _delivery(desk: DeskRequest) -> Delivery:
    if desk.delivery is None:
        raise WrongUsage(N_("The address names no post."))
    return desk.delivery


def _zone(services: Sequence[Service], draft: Draft) -> str:
    return zone_of(*(one for one in services if one.internal_name in draft.services[:1]))

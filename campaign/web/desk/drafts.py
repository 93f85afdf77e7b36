"""Writing a post, its preview and cost while it is typed; and what posts and broadcasts share while they are written.

They share saving, templates, two writers, the analysis, and files: uploaded, or those of the media library.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from babel.dates import format_timedelta
from slugify import slugify
from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from campaign import kinds
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, media, planning
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import LIBRARY, MOST_PARTS, Draft, LoadedFile, MediaItem
from campaign.deliveries.findings import Analysis, Level
from campaign.deliveries.media import load, thumbnail
from campaign.deliveries.media_types import Unusable
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.formatting import format_duration, whole_number
from campaign.posts import prepare
from campaign.posts.documents import file_name, post_of
from campaign.reporting.html import show_posts
from campaign.services.store import zone_of
from campaign.users import store as users
from campaign.web.desk.access import DeskRequest, desk_route
from campaign.web.desk.documents import localised_post
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
)
from campaign.web.desk.wording import N_, gettext
from campaign.x.text import ORDINARY_POST, weigh
from campaign.x.types import ReplySettings
from models import ApprovalMode, Delivery, DeliveryKind, DeliveryState, DeliveryTemplate, MediaBlob, Role, Service

FormT = TypeVar("FormT", bound=PostForm)
#: Files of the library that are offered at once, the newest first.
_OFFERED = 24
_NOT_ANALYSED = N_("The draft is saved, and could not be analysed.")
APPROVALS = {
    ApprovalMode.MANUAL: N_("A person approves it"),
    ApprovalMode.SEMI_AUTOMATIC: N_("A person, where the analysis warns of something"),
    ApprovalMode.AUTOMATIC: N_("By itself, where the analysis finds no error"),
}


@dataclass(frozen=True, slots=True)
class Writing:
    """The pages on which a kind of delivery is written."""

    kind: DeliveryKind
    path: str
    """/desk/posts or /desk/broadcasts."""
    show: Callable[..., Response]
    """Shows the form: of the request, the form and its services; with a status and further facts."""
    differences: Callable[[Draft, Draft], list[tuple[str, str, str]]]

    def edit(self, name: str) -> str:
        """Returns the path at which a saved delivery is edited."""
        return f"{self.path}/{name}/edit"

    def new_draft(self, desk: DeskRequest, services: Sequence[Service]) -> Draft:
        """Returns an empty draft or that of a template, on accounts of the person."""
        draft = deliveries.draft_of_template(self._template(desk)) if desk.text("template") else Draft(kind=self.kind)
        names = {service.internal_name for service in services}
        chosen = [name for name in draft.services if name in names] or [one.internal_name for one in services[:1]]
        return draft.model_copy(update={"services": chosen})

    def saved_draft(self, desk: DeskRequest) -> Draft | Response:
        """Returns the draft of the delivery in the address, or the page to which it belongs."""
        delivery = delivery_of(desk)
        if delivery.state not in deliveries.EDITABLE:
            return desk.redirect(f"/desk/deliveries/{delivery.name}", N_("It cannot be changed any more."))
        if delivery.kind is not self.kind:
            other = "posts" if delivery.kind is DeliveryKind.POST else "broadcasts"
            return desk.redirect(f"/desk/{other}/{delivery.name}/edit")
        with read_session() as session:
            return deliveries.draft_of(session, delivery)

    def base(self, desk: DeskRequest) -> Draft:
        """Returns what the form does not show: that of the saved delivery, or of the template."""
        if desk.delivery is None:
            return (
                deliveries.draft_of_template(self._template(desk)) if desk.text("template") else Draft(kind=self.kind)
            )
        if desk.delivery.kind is not self.kind:
            raise WrongUsage(N_("The address names a delivery of another kind."))
        with read_session() as session:
            return deliveries.draft_of(session, desk.delivery)

    def save(self, desk: DeskRequest, form: PostForm, services: Sequence[Service], do: str) -> Response:
        """Saves the draft, and analyses it or asks for its approval where that is wanted."""
        draft = form.to_save()
        if not draft.services:
            form = form.with_problem("accounts", N_("Choose at least one account."))
        if form.problems:
            return self.show(desk, form, services, 400)
        desk.require(Role.WRITER, [service for service in services if service.internal_name in draft.services])
        try:
            name = self._store(desk, draft)
        except approval.ChangedMeanwhile:
            return self._show_both(desk, form, services)
        if do not in {"analyse", "ask"}:
            return desk.redirect(self.edit(name), N_("Saved."))
        with read_session() as session:
            is_analysed = deliveries.named(session, name).state is DeliveryState.ANALYSED
        if do == "ask" and is_analysed:
            with transaction() as session:
                approval.ask(session, deliveries.named(session, name, lock=True), desk.actor, desk.now)
            return desk.redirect(f"/desk/deliveries/{name}", N_("It now waits for approval."))
        try:
            kinds.kind_of(name).analyse(name, desk.actor)
        except CampaignError as error:
            return desk.redirect(self.edit(name), f"{gettext(desk.language, _NOT_ANALYSED)} {error}")
        return desk.redirect(self.edit(name))

    def _store(self, desk: DeskRequest, draft: Draft) -> str:
        """Saves the draft; a delivery that is as it was saved keeps its analysis."""
        if desk.delivery is None:
            template = self._template(desk).name if desk.text("template") else deliveries.DEFAULTS[self.kind]
            return approval.compose(draft, actor=desk.actor, template=template).name
        name = desk.delivery.name
        with read_session() as session:
            saved = deliveries.draft_of(session, desk.delivery)
        if saved.model_dump() == draft.model_dump():
            return name
        approval.recompose(name, draft, actor=desk.actor, known=desk.text("revision"))
        if desk.delivery.state is DeliveryState.CONFIRMED or desk.delivery.flow_run_id:
            # Its run, or the run of its form that waits for an answer, ends; without a server there is none.
            with suppress(NotPossible), read_session() as session:
                desk.runs.schedule(deliveries.named(session, name))
        return name

    def _show_both(self, desk: DeskRequest, form: PostForm, services: Sequence[Service]) -> Response:
        """Shows what another person saved meanwhile beside what was typed; to save again replaces it."""
        with read_session() as session:
            delivery = deliveries.get(session, delivery_of(desk).id)
            theirs = deliveries.draft_of(session, delivery)
            entry = deliveries.audit_of(session, delivery)[-1]
            by = entry.actor
            with suppress(WrongUsage):  # a command, or a run
                by = users.find_user(session, by).full_name
        rows = self.differences(form.to_save(), theirs)
        conflict = {"by": by, "at": entry.at, "theirs": theirs, "rows": rows}
        return self.show(desk, form, services, 409, conflict=conflict)

    def save_template(self, desk: DeskRequest, form: PostForm, services: Sequence[Service]) -> Response:
        """Saves what is in the form as a template."""
        label = desk.text("template-label")
        if not (name := slugify(label)):
            problem = form.with_problem("template", N_("Write a name for the template."))
            return self.show(desk, problem, services, 400)
        with_content, may_replace = "template-content" in desk.form, "template-replace" in desk.form
        try:
            with transaction() as session:
                draft = form.to_save()
                deliveries.save(session, name, label, draft, with_content=with_content, may_replace=may_replace)
                users.record_audit(session, desk.actor, f"template {name}", "saved", desk.now)
        except (NotPossible, WrongUsage) as error:
            return self.show(desk, form.with_problem("template", str(error)), services, 400)
        done = N_("The template is saved; new posts and broadcasts can start from it.")
        return self.show(desk, form, services, done=done)

    def _templates(self, session: Session, services: Sequence[Service]) -> list[DeliveryTemplate]:
        """Returns the saved templates of the kind that name no account of others."""
        names = {service.internal_name for service in services}
        saved = [one for one in deliveries.list_templates(session) if one.kind is self.kind and not one.is_built_in]
        return [one for one in saved if set(deliveries.draft_of_template(one).services) <= names]

    def _template(self, desk: DeskRequest) -> DeliveryTemplate:
        with read_session() as session:
            offered = {one.name: one for one in self._templates(session, desk.services(Role.WRITER))}
        if desk.text("template") not in offered:
            raise WrongUsage(N_("There is no such template; choose another one."))
        return offered[desk.text("template")]

    def facts(self, desk: DeskRequest, form: PostForm, services: Sequence[Service]) -> dict[str, Any]:
        """Returns what both forms show."""
        delivery, analysis = desk.delivery, None
        with read_session() as session:
            files = _files(session, form.draft)
            offered = self._templates(session, services)
            revision = ""
            if delivery:
                delivery = deliveries.get(session, delivery.id)
                revision = deliveries.revision_of(session, delivery)
                analysis = _fresh_analysis(session, delivery)
        draft, links = form.draft, links_of(form.draft)
        chosen = [one for one in services if one.internal_name in draft.services]
        findings = [one for one in analysis.findings if one.level is not Level.INFO] if analysis else []
        return {
            "form": form,
            "draft": draft,
            "typed": form.typed,
            "problems": form.problems,
            "services": services,
            "chosen": chosen,
            "next_slot": _next_slot(desk, chosen),
            "delivery": delivery,
            "revision": revision,
            "zone": form.typed["zone"],
            "files": files,
            "file_name": file_name,
            "picker": 0,
            "focus": "",
            "done": "",
            "links": links,
            "links_changed": [one.url for one, _ in links] != desk.form.getlist("link"),
            "templates": offered,
            "started_from": desk.text("template"),
            "approvals": APPROVALS,
            "proofs": sorted({*(one.internal_name for one in services if one.proof), draft.proof_service or ""} - {""}),
            "conflict": None,
            "analysis": analysis,
            "found": by_field(findings, draft),
        }


def delivery_of(desk: DeskRequest) -> Delivery:
    """Returns the delivery in the address."""
    if desk.delivery is None:
        raise WrongUsage(N_("The address names no delivery."))
    return desk.delivery


def zone_for(services: Sequence[Service], draft: Draft) -> str:
    """Returns the time zone of the first account of a draft."""
    return zone_of(*(one for one in services if one.internal_name in draft.services[:1]))


def with_date(desk: DeskRequest, form: FormT) -> FormT:
    """Returns a new form with the day that was chosen in the calendar."""
    if not desk.text("date"):
        return form
    return replace(form, typed={**form.typed, "when": "date", "date": desk.text("date"), "time": desk.text("time")})


def with_slot(desk: DeskRequest, form: FormT, services: Sequence[Service]) -> FormT:
    """Returns the form with the next free slot of its accounts as its date, where that was chosen."""
    if form.typed["when"] != "slot":
        return form
    found = _next_slot(desk, [one for one in services if one.internal_name in form.draft.services])
    if found is None:
        sentence = N_("These accounts have no weekly slots; add them under Calendar, or choose a date.")
        return replace(form, problems={**form.problems, "when": sentence})
    return replace(form, draft=form.draft.model_copy(update={"contact_date": found}))


def _next_slot(desk: DeskRequest, chosen: Sequence[Service]) -> datetime | None:
    with read_session() as session:
        return planning.next_free(session, chosen, desk.now)


def take_uploads(desk: DeskRequest, form: PostForm) -> tuple[PostForm, list[MediaItem]]:
    """Takes the files of the form into the library, and into their parts."""
    added = []
    for number in range(1, len(form.draft.content.parts) + 1):
        for file in desk.form.getlist(f"upload-{number}"):
            if not isinstance(file, UploadFile) or not file.filename:
                continue
            try:
                copy = media.take(file.filename, file.file)
                with transaction() as session:
                    item = _item(media.save(session, file.filename, copy, desk.actor, desk.now))
            except CampaignError as error:
                form = form.with_problem(f"files-{number}", str(error))
                continue
            added.append(item)
            form = add_file(form, number, item)
    return form, added


def offer_files() -> list[MediaBlob]:
    """Returns the newest files of the library."""
    with read_session() as session:
        return media.listed(session)[:_OFFERED]


def use_file(form: PostForm, number: int, sha256: str) -> PostForm:
    """Returns the form with a file of the library in a part; raises WrongUsage for an unknown one."""
    with read_session() as session:
        return add_file(form, number, _item(media.find(session, sha256)))


def _item(blob: MediaBlob) -> MediaItem:
    return MediaItem(source=f"{LIBRARY}{blob.name}", alt_text=blob.alt_text)


def _files(session: Session, draft: Draft) -> dict[str, MediaBlob]:
    """Returns the files of a draft that are in the library, by their source."""
    found = {}
    for source in {item.source for part in draft.content.parts for item in part.media if item.is_in_library}:
        with suppress(WrongUsage):  # the analysis says that it is missing
            found[source] = media.find(session, source)
    return found


def _fresh_analysis(session: Session, delivery: Delivery) -> Analysis | None:
    """Returns the last analysis, unless the delivery was changed since."""
    entries = [one.action for one in deliveries.audit_of(session, delivery) if one.action in {"changed", "analysis"}]
    is_fresh = bool(delivery.analysis) and entries[-1:] == ["analysis"]
    return approval.saved_analysis(delivery, has_proof=bool(delivery.proofs)) if is_fresh else None


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
    """Returns the routes of a new post, of one that is being edited, and of files of the library."""
    return [
        desk_route("/desk/library/{sha256}", show_file, Role.VIEWER),
        desk_route("/desk/library/{sha256}/small", show_small, Role.VIEWER),
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
    if not desk.is_partial:  # without scripts the whole form is shown
        return _show(desk, form, services, **more)
    return desk.part(part, path=desk.request.url.path, **_facts(desk, form, services) | more)


def _show(desk: DeskRequest, form: PostForm, services: Sequence[Service], status: int = 200, **more: Any) -> Response:
    facts = _facts(desk, form, services) | more
    return desk.page("post_form.html.jinja", status, **facts)


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


#: What is sent is what was checked, under the type that its bytes have: no browser takes it for a page, and a page that
#: was opened all the same could do nothing. Its address names its bytes, so that it never changes.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SMALL = 240


def show_file(desk: DeskRequest) -> Response:
    """Sends a file of the library, or the stretch of it that a player asks for."""
    with read_session() as session:
        try:
            blob = media.find(session, desk.request.path_params["sha256"])
            copy = media.copy_of(session, blob)
        except (WrongUsage, Unusable):
            raise HTTPException(404) from None
    return FileResponse(copy.path, media_type=blob.media_type, filename=blob.name, headers=_HEADERS)


def show_small(desk: DeskRequest) -> Response:
    """Sends a small JPEG of a picture; a video has none."""
    with read_session() as session:
        try:
            blob = media.find(session, desk.request.path_params["sha256"])
        except WrongUsage:
            raise HTTPException(404) from None
    file = load(MediaItem(source=LIBRARY + blob.name))
    small = thumbnail(file, _SMALL) if isinstance(file, LoadedFile) else None
    if not small:
        raise HTTPException(404)
    name = f"{Path(blob.name).stem}.jpg"
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(small, media_type="image/jpeg", headers=headers)

"""What a post and a broadcast share while they are written: saving, templates, two writers, files, the analysis."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from slugify import slugify
from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.responses import Response

from campaign import kinds
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, media, planning
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import LIBRARY, Draft, MediaItem
from campaign.deliveries.findings import Analysis, Level
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.posts.documents import file_name
from campaign.services.store import zone_of
from campaign.users import store as users
from campaign.web.desk.access import DeskRequest
from campaign.web.desk.post_form import PostForm, add_file, by_field, links_of
from campaign.web.desk.wording import N_, gettext
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

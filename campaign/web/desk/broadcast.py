"""Writing a broadcast: its audience with a live count, its message as a person gets it, waves, cost and duration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from campaign.audience import follower_pages
from campaign.audience.conditions import FIELDS, spellings, takes_value
from campaign.broadcasts.analysis import EXCLUSION_LABELS
from campaign.broadcasts.context import quiet_hours_of
from campaign.broadcasts.prepare import Person, attachments_of, estimate, list_people, message_to
from campaign.broadcasts.preview import messages_of
from campaign.consent.opt_out import opt_out_line_of
from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft, MediaItem
from campaign.deliveries.findings import Analysis
from campaign.deliveries.templating import JOIN_LINK
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.formatting import whole_number
from campaign.reporting.html import show_messages
from campaign.settings import load_settings
from campaign.web.desk import broadcast_form
from campaign.web.desk.access import DeskRequest, desk_route
from campaign.web.desk.broadcast_form import (
    FIELD_LABELS,
    OPERATOR_LABELS,
    TIME_UNITS,
    BroadcastForm,
    add_waves,
    change_rows,
    condition_form,
    differences,
    example_of,
    form_of,
)
from campaign.web.desk.documents import localised_message
from campaign.web.desk.drafts import Writing, offer_files, take_uploads, use_file, with_date, with_slot, zone_for
from campaign.web.desk.post_form import change_parts
from campaign.web.desk.wording import N_
from models import Delivery, DeliveryKind, Priority, Role, Service

NEW, EDIT = "/desk/broadcasts/new", "/desk/broadcasts/{delivery}/edit"
#: Names on a page of the people of an audience.
_A_PAGE = 25
#: Deliveries that are offered as a target or to leave out their recipients, the newest first.
_OFFERED = 30
PRIORITIES = {
    Priority.VERY_HIGH: N_("Very high: before all others of the account"),
    Priority.HIGH: N_("High"),
    Priority.NORMAL: N_("Normal"),
    Priority.LOW: N_("Low"),
    Priority.VERY_LOW: N_("Very low: after all others of the account"),
}
INSERTED = {
    "visitor.full_name": N_("Name"),
    "visitor.username": N_("Handle"),
    "visitor.location": N_("Place"),
    "visitor.followers_count": N_("Number of followers"),
    "service.name": N_("Name of the account"),
    "service.username": N_("Handle of the account"),
}
"""Fields that a button puts into the text."""
#: Findings of the count: what is wrong with the audience, the waves and the money.
_SHOWN = frozenset(
    {"over_cap", "nobody_left", "nobody_on_service", "limit", "too_many_waves", "waves_over_all", "calendar_backwards"}
    | {"wave_after_validity", "ends_after_validity", "takes_long", "waves_overlap", "quiet_hours_long", "text_broken"}
)
_WITH_MESSAGE = frozenset({"preview", "upload", "use", "remove-file", "insert"})
_AUDIENCE = frozenset({"where", "except", "people", "limit"})


def routes() -> list[Route]:
    """Returns the routes of a new broadcast and of one that is being edited."""
    return [
        desk_route(NEW, show_new, Role.WRITER),
        desk_route(NEW, change_broadcast, Role.WRITER, method="POST"),
        desk_route(EDIT, show_saved, Role.WRITER),
        desk_route(EDIT, change_broadcast, Role.WRITER, method="POST"),
    ]


def show_new(desk: DeskRequest) -> Response:
    """Shows the form of a new broadcast, empty or as a template has it."""
    services = desk.services(Role.WRITER)
    draft = _BROADCASTS.new_draft(desk, services)
    form = with_date(desk, form_of(draft, zone_for(services, draft)))
    if segment := desk.text("segment"):
        form = form.with_condition("where", condition_form(_condition_of(segment)))
    return _show(desk, form, services)


def show_saved(desk: DeskRequest) -> Response:
    """Shows the form of a saved broadcast."""
    draft = _BROADCASTS.saved_draft(desk)
    if isinstance(draft, Response):
        return draft
    services = desk.services(Role.WRITER)
    return _show(desk, form_of(draft, zone_for(services, draft)), services)


def change_broadcast(desk: DeskRequest) -> Response:
    """Does what the pressed button says: changes the form, counts, lists, shows the message, saves, analyses."""
    services = desk.services(Role.WRITER)
    with read_session() as session:
        segments = [one.name for one in _offered(session, desk)]
    form = broadcast_form.read_form(desk.form, _BROADCASTS.base(desk), services, segments)
    plain, added = take_uploads(desk, with_slot(desk, form, services))
    form = replace(form, draft=plain.draft, problems=plain.problems)
    do, _, rest = desk.text("do", "update").partition(":")
    if do == "template":
        return _BROADCASTS.save_template(desk, form, services)
    if do in {"save", "analyse", "ask"}:
        if not form.to_save().content.parts:
            problem = N_("Write a text, or add a picture or a video.")
            form = replace(form, problems={**form.problems, "text-1": problem})
        return _BROADCASTS.save(desk, form, services, do)
    pressed = _Pressed(desk, form, services, do, rest, added)
    name, act = _BUTTONS.get(do, ("broadcast_audience", _change_audience))
    form, more = act(pressed)
    # The rows stay in their order: what is typed in one while its operator is on the way stays too.
    more["kept"] = do == "rows"
    if do in _WITH_MESSAGE:
        more["message"] = _message(desk, form, services)
    if not desk.is_partial:
        return _show(desk, form, services, **{"counted": _count(desk, form, services), **more})
    facts = _BROADCASTS.facts(desk, form, services) | _facts(desk, form)
    response = desk.part(f"{name}.html.jinja", path=desk.request.url.path, **facts | more)
    if name == "broadcast_audience":
        response.headers["HX-Trigger-After-Settle"] = "audience"
    return response


def _show(
    desk: DeskRequest, form: BroadcastForm, services: Sequence[Service], status: int = 200, **more: Any
) -> Response:
    facts = _BROADCASTS.facts(desk, form, services) | _facts(desk, form)
    facts["message"] = more.get("message") or _message(desk, form, services)
    return desk.page("broadcast_form.html.jinja", status, **facts | more)


_BROADCASTS = Writing(DeliveryKind.DM, "/desk/broadcasts", _show, differences)


def _facts(desk: DeskRequest, form: BroadcastForm) -> dict[str, Any]:
    with read_session() as session:
        saved, received = follower_pages.list_segments(session), _offered(session, desk)
    audience, known = form.draft.broadcast.audience, {one.name for one in received}
    gone = [name for name in (*audience.not_if_received, audience.recipients_of) if name and name not in known]
    return {
        "conditions": {"where": form.where, "except": form.except_where},
        "fields_of_people": [(one.name, FIELD_LABELS.get(one.name, one.label)) for one in FIELDS],
        "operator_labels": OPERATOR_LABELS,
        "spellings": spellings,
        "takes_value": takes_value,
        "example_of": example_of,
        "segments": saved,
        "segment_saved": "",
        "received": [(one.name, one.label or one.name) for one in received] + [(name, name) for name in gone],
        "priorities": PRIORITIES,
        "inserted": _inserted(form.draft),
        "time_units": TIME_UNITS,
        "preview_part": "broadcast_preview.html.jinja",
        "placeholder": _placeholder,
        "message": Shown(),
        "kept": False,
        "counted": None,
        "listed": None,
        "quiet": {one.internal_name: quiet_hours_of(one) for one in desk.services(Role.WRITER)},
        "opt_out_lines": {
            one.internal_name: opt_out_line_of(one.opt_out_line, with_link=bool(load_settings().public_url))
            for one in desk.services(Role.WRITER)
        },
    }


def _inserted(draft: Draft) -> dict[str, str]:
    return INSERTED | ({JOIN_LINK: N_("Link to become a contact")} if draft.is_invitation else {})


def _placeholder(name: str) -> str:
    """Returns a field as it stands in a text; X does not know everything of everybody."""
    return f"{{{{ {name} | default('you') }}}}" if name.startswith("visitor.") else f"{{{{ {name} }}}}"


def _condition_of(segment: str) -> str:
    with read_session() as session:
        return follower_pages.find_segment(session, segment).condition if segment else ""


def _offered(session: Session, desk: DeskRequest) -> list[Delivery]:
    """Returns the newest broadcasts that the person may see and that went out to people."""
    among = None if desk.person.may(Role.VIEWER) else [one.id for one in desk.services()]
    found = deliveries.listed(session, kind=DeliveryKind.DM, among=among, limit=_OFFERED)
    return [one for one in found if one.started_at and one.id != (desk.delivery and desk.delivery.id)]


# Buttons: each changes the form, or shows more of it.
@dataclass(frozen=True, slots=True)
class _Pressed:
    desk: DeskRequest
    form: BroadcastForm
    services: Sequence[Service]
    do: str
    rest: str
    """What the value of the button has behind its first colon."""
    added: Sequence[MediaItem]

    @property
    def number(self) -> int:
        place = self.rest.partition(":")[0]
        return whole_number(place) or 0


_Changed = tuple[BroadcastForm, dict[str, Any]]


def _change_audience(pressed: _Pressed) -> _Changed:
    form, prefix = pressed.form, pressed.rest.partition(":")[0]
    if pressed.do in {"add-row", "remove-row"}:
        number = pressed.rest.partition(":")[2]
        before = form.where if prefix == "where" else form.except_where
        changed = change_rows(before, pressed.do, whole_number(number) or 0)
        return form.with_condition(prefix, changed), {}
    if pressed.do == "segment":
        return form.with_condition("where", condition_form(_condition_of(pressed.desk.text("segment")))), {}
    return form, {}


def _save_segment(pressed: _Pressed) -> _Changed:
    desk, form = pressed.desk, pressed.form
    name, may_replace = desk.text("segment-name"), "segment-replace" in desk.form
    try:
        with transaction() as session:
            saved = follower_pages.save_segment(
                session, name, form.where.text, desk.actor, desk.now, may_replace=may_replace
            )
            return form, {"segment_saved": saved.name}
    except (NotPossible, WrongUsage) as error:
        return replace(form, problems={**form.problems, "segment": str(error)}), {}


def _change_message(pressed: _Pressed) -> _Changed:
    """Puts a file in or out, or a field at the end of the text: without scripts there is no cursor."""
    form, what = pressed.form, pressed.rest.partition(":")[2]
    if pressed.do == "use":
        changed = use_file(form, 1, what)
    elif pressed.do == "remove-file":
        changed = change_parts(form, pressed.do, 1, what)
    else:
        part, name = form.draft.content.parts[0], pressed.rest
        written = _placeholder(name) if name in _inserted(form.draft) else ""
        between = " " if part.text and not part.text[-1].isspace() else ""
        changed = form.with_parts([part.model_copy(update={"text": f"{part.text}{between}{written}"})])
    return replace(form, draft=changed.draft), {}


def _list_people(pressed: _Pressed) -> _Changed:
    left_out = pressed.do == "left-out"
    return pressed.form, {
        "listed": _list(pressed.desk, pressed.form, pressed.services, after=pressed.number, left_out=left_out)
    }


#: The part of the page that a button replaces, and what it does; the others change the audience.
_BUTTONS: Mapping[str, tuple[str, Callable[[_Pressed], _Changed]]] = {
    "preview": ("broadcast_preview", lambda pressed: (pressed.form, {})),
    "count": (
        "broadcast_counted",
        lambda pressed: (pressed.form, {"counted": _count(pressed.desk, pressed.form, pressed.services)}),
    ),
    "people": ("broadcast_people", _list_people),
    "left-out": ("broadcast_people", _list_people),
    "upload": ("post_uploaded", lambda pressed: (pressed.form, {"number": 1, "added": pressed.added})),
    "library": ("post_library", lambda pressed: (pressed.form, {"picker": 1, "offered": offer_files()})),
    "use": ("broadcast_message_part", _change_message),
    "remove-file": ("broadcast_message_part", _change_message),
    "insert": ("broadcast_message_part", _change_message),
    "add-waves": ("broadcast_waves", lambda pressed: (add_waves(pressed.form), {})),
    "save-segment": ("broadcast_audience", _save_segment),
}


# What follows the typing; nothing is saved.
@dataclass(frozen=True, slots=True)
class Counted:
    """The count of an audience, or why it cannot be counted."""

    analysis: Analysis | None = None
    problem: str = ""
    excluded: Sequence[tuple[str, int]] = ()
    duration: timedelta | None = None
    findings: Sequence[Any] = ()


def _chosen(form: BroadcastForm, services: Sequence[Service]) -> list[Service]:
    return [one for one in services if one.internal_name in form.draft.services]


def _id_of(desk: DeskRequest) -> int:
    return desk.delivery.id if desk.delivery else 0


def _count(desk: DeskRequest, form: BroadcastForm, services: Sequence[Service]) -> Counted:
    chosen = _chosen(form, services)
    if not chosen:
        return Counted(problem=N_("Choose an account to count who gets it."))
    if _AUDIENCE & set(form.problems):
        return Counted(problem=N_("Correct the audience first; then it is counted."))
    try:
        found = estimate(form.to_save(), chosen, _id_of(desk), desk.now)
    except CampaignError as error:
        return Counted(problem=str(error))
    labels = {reason.value: label for reason, label in EXCLUSION_LABELS.items()}
    begins = min((wave.begins_at for wave in found.waves), default=None)
    return Counted(
        found,
        excluded=[(labels[reason], count) for reason, count in found.excluded.items()],
        duration=found.ends_at - begins if begins and found.ends_at else None,
        findings=[one for one in found.findings if one.code in _SHOWN],
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the people of an audience."""

    people: Sequence[Person] = ()
    next_after: int = 0
    left_out: bool = False
    service: str = ""
    problem: str = ""


def _list(desk: DeskRequest, form: BroadcastForm, services: Sequence[Service], *, after: int, left_out: bool) -> Listed:
    service = _shown(form, services)
    if service is None or _AUDIENCE & set(form.problems):
        return Listed(problem=N_("Choose an account, and correct the audience; then its people are listed."))
    try:
        people = list_people(
            form.to_save(), service, _id_of(desk), desk.now, after=after, left_out=left_out, limit=_A_PAGE + 1
        )
    except CampaignError as error:
        return Listed(problem=str(error))
    page = people[:_A_PAGE]
    return Listed(page, page[-1].visitor_id if len(people) > _A_PAGE else 0, left_out, service.internal_name)


def _shown(form: BroadcastForm, services: Sequence[Service]) -> Service | None:
    chosen = _chosen(form, services)
    wanted = (one for one in chosen if one.internal_name == form.typed.get("shown"))
    return next(wanted, next(iter(chosen), None))


@dataclass(frozen=True, slots=True)
class Shown:
    """The message as one person gets it."""

    service: Service | None = None
    messages: Sequence[dict[str, Any]] = field(default_factory=list)
    left_out: str = ""
    problem: str = ""


def _message(desk: DeskRequest, form: BroadcastForm, services: Sequence[Service]) -> Shown:
    """Returns the message to the chosen person, or to the first who gets it, or as it is written."""
    service, draft = _shown(form, services), form.to_save()
    if service is None or not draft.content.parts:
        return Shown(service)
    sample, left_out, problem = None, "", ""
    has_audience = not _AUDIENCE & set(form.problems)
    handle = form.typed["as"]
    try:
        if not handle and has_audience:
            found = list_people(draft, service, _id_of(desk), desk.now, limit=1)
            handle = next((f"@{one.handle}" if one.handle else "" for one in found), "")
        if handle:
            sample, left_out = message_to(draft, service, _id_of(desk), desk.now, handle)
    except CampaignError as error:
        problem = str(error)
    samples = Analysis(samples=[sample] if sample else [])
    written = messages_of(draft, samples, attachments_of(draft))
    messages = [localised_message(one, desk.language) for one in written]
    return Shown(
        service,
        show_messages(messages, lambda file: f"/desk/library/{Path(file.path).stem}"),
        left_out,
        problem,
    )

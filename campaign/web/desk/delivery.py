"""One post or broadcast: where it stands, who did what, its preview, and what can be done with it now; and its log.

The log is read line by line, filtered, and as a spreadsheet; a person decides outcomes that X does not tell.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from tempfile import mkstemp
from typing import Any

from sqlmodel import Session, col, select
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from campaign import kinds
from campaign.audience import visitors
from campaign.broadcasts import log as messages
from campaign.broadcasts.report import Numbers, ends_about, numbers_of, standing_of
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, log
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import record_all_not_sent, record_by_hand
from campaign.errors import CampaignError, NotPossible
from campaign.formatting import byte_order_mark, write_csv
from campaign.posts.publish import report_on, withdrawable
from campaign.reporting.html import preview_facts
from campaign.services.store import zone_of
from campaign.web.desk.access import DeskRequest, desk_route
from campaign.web.desk.documents import localised
from campaign.web.desk.wording import N_, figure
from models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    Message,
    MessageState,
    Role,
    Service,
    User,
    Visitor,
)

_PAGE = "/desk/deliveries/{delivery}"
#: In these states something may go out at any moment.
_LIVE = frozenset({DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS})
_WHAT: Mapping[str, str] = {
    "created": N_("wrote it"),
    "changed": N_("changed it"),
    "analysis": N_("analysed it"),
    "analysed": N_("found it ready for approval"),
    "asked": N_("asked for approval"),
    "approved": N_("approved it, as the first of two"),
    "confirmed": N_("approved it"),
    "accepted": N_("accepted people without consent"),
    "being_edited": N_("returned it to editing"),
    "comment": N_("commented"),
    "in_progress": N_("let it go out"),
    "paused": N_("paused it"),
    "stopped": N_("stopped it"),
    "finished": N_("finished it"),
    "failed": N_("could not go on"),
    "expired": N_("ended it: its validity was over"),
    "proof": N_("sent a proof"),
    "proof_asked": N_("asked for a proof"),
    "withdrawn": N_("deleted a post from X"),
    "withdrawal_asked": N_("asked to delete it from X"),
    "repeated": N_("repeats it"),
    "of a series": N_("repeats it as a series"),
    "settled": N_("decided an unknown outcome"),
    "log exported": N_("saved its log as a file"),
}
_BY_ITSELF = {
    "campaign": N_("The program"),
    "dm-broadcast": N_("The workflow dm-broadcast"),
    "post-publication": N_("The workflow post-publication"),
}
#: How an entry of a change of state begins; the page shows the states themselves.
_BEFORE = re.compile(r"^Was [\w ]+\.\s*")


def routes() -> list[Route]:
    """Returns the routes of the page, of its buttons and of the log."""
    buttons: list[tuple[str, Callable[[DeskRequest], Response], Role]] = [
        ("ask", ask, Role.WRITER),
        ("proof", ask_for_proof, Role.WRITER),
        ("approve", approve, Role.APPROVER),
        ("send-back", send_back, Role.APPROVER),
        ("pause", pause, Role.APPROVER),
        ("resume", resume, Role.APPROVER),
        ("stop", stop, Role.APPROVER),
        ("withdraw", withdraw, Role.APPROVER),
    ]
    return [
        desk_route(f"{_PAGE}/log", show_log, Role.VIEWER),
        desk_route(f"{_PAGE}/log.csv", download_log, Role.VIEWER),
        desk_route(f"{_PAGE}/settle", settle, Role.APPROVER, method="POST"),
        desk_route(_PAGE, show_delivery, Role.VIEWER),
        desk_route(f"{_PAGE}/progress", show_progress, Role.VIEWER),
        *(desk_route(f"{_PAGE}/{name}", handler, role, method="POST") for name, handler, role in buttons),
    ]


def named(desk: DeskRequest) -> Delivery:
    """Returns the delivery in the address."""
    assert desk.delivery is not None  # noqa: S101  each route here has one in its path
    return desk.delivery


def show_delivery(desk: DeskRequest) -> Response:
    """Shows a delivery."""
    return _show(desk)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a delivery is, by messages or parts."""

    numbers: Numbers
    """Messages of a broadcast, or parts of a post on all accounts."""
    ends_about: Any = None
    unknown: int = 0

    @property
    def done(self) -> int:
        """Counts what has an outcome."""
        return self.numbers.total - self.numbers.pending - self.numbers.of(MessageState.UNCERTAIN)


def progress_of(session: Session, delivery: Delivery, now: Any) -> Progress:
    """Reads how far a delivery is."""
    numbers, ends = numbers_of(session, delivery), None
    if delivery.kind is DeliveryKind.DM and delivery.state is DeliveryState.IN_PROGRESS:
        planned = standing_of(session, delivery).planned_end
        ends = ends_about(numbers, planned, started_at=delivery.started_at, now=now)
    return Progress(numbers, ends, numbers.of(MessageState.UNCERTAIN))


def show_progress(desk: DeskRequest) -> Response:
    """Shows how far it is; htmx asks for it every few seconds while it goes out."""
    delivery = named(desk)
    if not desk.is_partial:
        return desk.redirect(path_of(delivery))
    with read_session() as session:
        progress = progress_of(session, delivery, desk.now)
        zone = zone_of(*deliveries.targets_of(session, delivery))
    is_live = delivery.state in _LIVE
    response = desk.part(
        "delivery_progress.html.jinja", delivery=delivery, progress=progress, is_live=is_live, zone=zone
    )
    if desk.text("was") != delivery.state.value:
        # Another state has other buttons.
        response.headers["HX-Refresh"] = "true"
    return response


def _show(desk: DeskRequest, status: int = 200, problems: Mapping[str, str] | None = None) -> Response:
    delivery = named(desk)
    with read_session() as session:
        delivery = deliveries.get(session, delivery.id)
        services = deliveries.targets_of(session, delivery)
        facts = _facts(session, desk, delivery, services)
    preview, sentence = _preview(desk, delivery, facts["zone"])
    runs = list[Any]()
    with suppress(NotPossible):  # without a server there are no runs
        runs = [run for run in desk.runs.active() if run.name.startswith(delivery.name)]
    return desk.page(
        "delivery.html.jinja",
        status,
        **facts,
        problems=problems or {},
        preview=preview,
        no_preview=sentence,
        runs=runs,
        typed={name: desk.text(name) for name in ("comment", "change")} if problems else {},
    )


@dataclass
class Acts:
    """What the person may do with a delivery now; `why_not` says why the person may not approve it."""

    can_edit: bool = False
    can_ask: bool = False
    can_prove: bool = False
    can_answer: bool = False
    why_not: str = ""
    can_pause: bool = False
    can_resume: bool = False
    can_stop: bool = False
    withdrawable: int = 0
    waits_for: list[str] = field(default_factory=list)


def _facts(session: Session, desk: DeskRequest, delivery: Delivery, services: Sequence[Service]) -> dict[str, Any]:
    standing = approval.standing_of(session, delivery)
    draft = deliveries.draft_of(session, delivery)
    is_dm = delivery.kind is DeliveryKind.DM
    return {
        "delivery": delivery,
        "services": services,
        "draft": draft,
        "zone": zone_of(*services),
        "analysis": approval.saved_analysis(delivery, has_proof=False),
        "standing": standing,
        "acts": _acts(session, desk, delivery, standing),
        "can_be_proved": kinds.kind_for(delivery.kind).can_be_proved(draft),
        "progress": progress_of(session, delivery, desk.now),
        "is_live": delivery.state in _LIVE,
        "expires_at": deliveries.expires_at(delivery),
        "history": _history(session, delivery),
        "edit": f"/desk/{'broadcasts' if is_dm else 'posts'}/{delivery.name}/edit",
    }


def _acts(session: Session, desk: DeskRequest, delivery: Delivery, standing: approval.Standing) -> Acts:
    state, ids = delivery.state, [one.id for one in deliveries.targets_of(session, delivery)]
    writes = all(desk.person.may(Role.WRITER, one) for one in ids)
    approves = all(desk.person.may(Role.APPROVER, one) for one in ids)
    acts = Acts(waits_for=[one.user.full_name for one in approval.may_approve(session, delivery)])
    if writes:
        acts.can_edit = state in deliveries.EDITABLE
        acts.can_ask = state in {DeliveryState.BEING_EDITED, DeliveryState.FAILED} or (
            state is DeliveryState.ANALYSED and delivery.asked_at is None
        )
        acts.can_prove = state in {DeliveryState.ANALYSED, DeliveryState.CONFIRMED}
    if approves:
        acts.can_answer = state is DeliveryState.ANALYSED
        acts.why_not = standing.why_not(desk.actor) if standing.rules.is_strict else ""
        acts.can_pause = state in _LIVE
        acts.can_resume = state is DeliveryState.PAUSED
        acts.can_stop = not delivery.is_over
        with suppress(NotPossible):
            acts.withdrawable = len(withdrawable(session, delivery))
    return acts


def _preview(desk: DeskRequest, delivery: Delivery, zone: str) -> tuple[dict[str, Any] | None, str]:
    """Returns what a template shows of the preview, or in one sentence why there is none."""
    is_changed = delivery.state is DeliveryState.BEING_EDITED and bool(delivery.reason)
    if delivery.kind is DeliveryKind.DM and (is_changed or not delivery.analysis):
        return None, N_("It is not analysed as it is now. Ask for approval: that selects the people and checks it.")
    kind = kinds.kind_for(delivery.kind)
    try:
        analysed = kind.last_analysed(delivery.name)
        # Messages to people of accounts that the person may not see are left out.
        seen = {one.internal_name for one in desk.services()}
        samples = [one for one in analysed.analysis.samples if one.service in seen]
        analysed = replace(analysed, analysis=analysed.analysis.model_copy(update={"samples": samples}))
        write = partial(figure, language=desk.language)
        return preview_facts(localised(kind.preview(analysed), desk.language, zone), write), ""
    except CampaignError as error:
        return None, str(error)


def _history(session: Session, delivery: Delivery) -> list[dict[str, Any]]:
    entries = deliveries.audit_of(session, delivery)
    names = {entry.actor for entry in entries}
    known = {one.name: one.full_name for one in session.exec(select(User).where(col(User.name).in_(names)))}
    return [
        {
            "at": entry.at,
            "who": known.get(entry.actor) or _BY_ITSELF.get(entry.actor, entry.actor),
            "what": _WHAT.get(entry.action, entry.action.replace("_", " ")),
            "detail": _BEFORE.sub("", entry.detail),
            "is_own": entry.action == "comment",
        }
        for entry in reversed(entries)
        if entry.action != DeliveryState.ANALYSED.value  # another entry of the same moment says the same
    ]


def path_of(delivery: Delivery) -> str:
    """Returns the path of the page of a delivery."""
    return _PAGE.format(delivery=delivery.name)


def ask(desk: DeskRequest) -> Response:
    """Analyses a delivery where that is due, and asks for approval of what was found to be without errors."""
    delivery = named(desk)
    if delivery.state is not DeliveryState.ANALYSED:
        kinds.kind_of(delivery.name).analyse(delivery.name, desk.actor)
    with transaction() as session:
        delivery = deliveries.named(session, delivery.name)
        if delivery.state is not DeliveryState.ANALYSED:
            return desk.redirect(path_of(delivery), N_("It cannot go out like this yet: the errors are listed below."))
        approval.ask(session, delivery, desk.actor, desk.now)
    return desk.redirect(path_of(delivery), N_("It waits for approval now."))


def ask_for_proof(desk: DeskRequest) -> Response:
    """Starts the run that sends the next proof."""
    return _start(desk, "proof", "proof_asked", N_("The proof goes out within a minute; Prefect shows its run."))


def withdraw(desk: DeskRequest) -> Response:
    """Starts the run that deletes the posts from X."""
    if not desk.text("sure"):
        return _show(desk, 400, {"withdraw": N_("Tick that they are to be deleted for good.")})
    with read_session() as session:
        withdrawable(session, named(desk))
    return _start(desk, "withdraw", "withdrawal_asked", N_("The posts are deleted within a minute; Prefect shows it."))


def _start(desk: DeskRequest, action: str, noted_as: str, notice: str) -> Response:
    delivery = named(desk)
    desk.runs.start(*_run_of(delivery, action))
    with transaction() as session:
        deliveries.note(session, deliveries.get(session, delivery.id), noted_as, desk.actor, desk.now)
    return desk.redirect(path_of(delivery), notice)


def _run_of(delivery: Delivery, action: str) -> tuple[str, str, dict[str, Any]]:
    """Returns the workflow, the name and all parameters of a run: none of its form's defaults counts."""
    workflow = kinds.kind_for(delivery.kind).workflow.partition("/")[0]
    more = {"broadcast": None, "like": ""} if delivery.kind is DeliveryKind.DM else {"post": None}
    return workflow, f"{delivery.name} · {action}", {"delivery": delivery.name, "action": action, **more}


def approve(desk: DeskRequest) -> Response:
    """Approves exactly what was shown, and schedules its run."""
    delivery = named(desk)
    analysis = approval.saved_analysis(delivery, has_proof=False)
    problems = {}
    if desk.text("count") != str(analysis.messages):
        problems["count"] = N_("Tick how many go out, after you have looked at the preview.")
    if analysis.unconsented and desk.text("unconsented") != str(analysis.unconsented):
        problems["unconsented"] = N_("Tick that you accept them, or send it back.")
    if problems:
        return _show(desk, 400, problems)
    confirmed = kinds.confirm(
        delivery.name,
        desk.actor,
        desk.text("comment"),
        accept_unconsented=bool(analysis.unconsented),
        shown=desk.text("fingerprint"),
    )
    if confirmed.state is not DeliveryState.CONFIRMED:
        return desk.redirect(path_of(delivery), N_("You approved it. A second person has to approve it too."))
    return _scheduled(desk, confirmed, N_("Approved. It goes out by itself."))


def send_back(desk: DeskRequest) -> Response:
    """Sends a delivery back to its writer, with what should change."""
    change = desk.text("change")
    if not change:
        return _show(desk, 400, {"change": N_("Write what should change.")})
    return _scheduled(desk, approval.reject(named(desk).name, desk.actor, change), N_("Sent back to its writer."))


def pause(desk: DeskRequest) -> Response:
    """Pauses a delivery; its run under way ends after the call that it makes."""
    return _scheduled(desk, approval.pause(named(desk).name, desk.actor), N_("Paused. Nothing more goes out."))


def resume(desk: DeskRequest) -> Response:
    """Lets a paused delivery go on, with a run at once or at its contact date."""
    delivery = approval.resume(named(desk).name, desk.actor)
    if delivery.state is DeliveryState.CONFIRMED:
        return _scheduled(desk, delivery, N_("Resumed. It goes out by itself."))
    return run_again(desk, delivery, path_of(delivery), N_("Resumed. It goes on within a minute."))


def stop(desk: DeskRequest) -> Response:
    """Stops a delivery for good."""
    if not desk.text("sure"):
        return _show(desk, 400, {"stop": N_("Tick that it is to be stopped for good.")})
    return _scheduled(desk, approval.stop(named(desk).name, desk.actor), N_("Stopped. What was sent stays."))


def run_again(desk: DeskRequest, delivery: Delivery, path: str, notice: str) -> Response:
    """Starts a run that goes on with a delivery that is under way."""
    if delivery.state is not DeliveryState.IN_PROGRESS:
        return desk.redirect(path, notice)
    action = "send" if delivery.kind is DeliveryKind.DM else "publish"
    return _then(desk, path, notice, lambda: desk.runs.start(*_run_of(delivery, action)))


def _scheduled(desk: DeskRequest, delivery: Delivery, notice: str) -> Response:
    """Schedules the run of a confirmed delivery, or deletes it of another one."""
    return _then(desk, path_of(delivery), notice, lambda: desk.runs.schedule(delivery))


def _then(desk: DeskRequest, path: str, notice: str, act: Callable[[], object]) -> Response:
    """Does what Prefect has to do after a decision; without a server the decision stays, and the page says so."""
    try:
        act()
    except NotPossible as error:
        notice = f"{notice} {error}"
    return desk.redirect(path, notice)


_AT_A_TIME = 100
#: Cards of outcomes to decide by hand.
_MOST_UNKNOWN = 10
STATES = {
    "pending": N_("to go"),
    "sending": N_("under way"),
    "sent": N_("sent"),
    "refused": N_("refused by X"),
    "uncertain": N_("outcome unknown"),
    "cancelled": N_("cancelled"),
    "withdrawn": N_("deleted from X"),
}
_HEAD = ("To", "State", "Time", "Address", "Reason")
COLUMNS = (N_("To"), N_("State"), N_("Time"), N_("Address"), N_("Reason"))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log: a message to a person, or a part of a post on an account."""

    who: str
    state: str
    at: datetime | None
    link: str
    reason: str
    id: int = 0
    external_id: str = ""


def show_log(desk: DeskRequest) -> Response:
    """Shows the log, a hundred lines at a time."""
    return _log_page(desk)


def _log_page(desk: DeskRequest, status: int = 200, problem: str = "") -> Response:
    delivery, state, after = named(desk), desk.text("state"), desk.number("after") or 0
    with read_session() as session:
        found = list(_lines(session, desk, state, after, _AT_A_TIME + 1))
        services = deliveries.targets_of(session, delivery)
        sees_all = all(desk.person.may(Role.VIEWER, one.id) for one in services)
        unknown = _unknown(session, delivery) if sees_all else []
        people = visitors.with_ids(session, [line.external_id for line in found if line.external_id])
    return desk.page(
        "delivery_log.html.jinja",
        status,
        delivery=delivery,
        rows=[
            {
                "who": line.who,
                "at": line.at,
                "link": line.link,
                "reason": line.reason,
                "state": STATES.get(line.state, line.state),
                "person": people.get(line.external_id),
            }
            for line in found[:_AT_A_TIME]
        ],
        after=found[_AT_A_TIME - 1].id if len(found) > _AT_A_TIME else 0,
        state=state,
        states=[one for one in STATES.items() if delivery.kind is DeliveryKind.POST or one[0] != "withdrawn"],
        columns=COLUMNS,
        zone=zone_of(*services),
        unknown=unknown,
        may_settle=all(desk.person.may(Role.APPROVER, one.id) for one in services),
        problem=problem,
    )


def _lines(session: Session, desk: DeskRequest, state: str, after: int = 0, limit: int | None = None) -> Iterator[Line]:
    """Reads the lines; people of accounts that the person may not see are in none of them."""
    delivery = named(desk)
    if delivery.kind is DeliveryKind.DM:
        own = [one.id for one in deliveries.targets_of(session, delivery) if desk.person.may(Role.VIEWER, one.id)]
        states = [one for one in MessageState if one.value == state]
        for one in messages.lines(session, delivery, states=states, services=own, after=after, limit=limit):
            who = " ".join(filter(None, [one.full_name, f"@{one.username}" if one.username else one.external_id]))
            yield Line(who, one.state, one.at, "", one.reason, one.id, one.external_id)
        return
    for part in report_on(session, delivery).lines:
        if state in {"", part.state}:
            number = f" #{part.part}" if part.part > 1 else ""
            yield Line(f"@{part.handle}{number}", part.state, part.at, part.link, part.reason)


def _unknown(session: Session, delivery: Delivery) -> list[dict[str, Any]]:
    """Returns the first messages whose outcome is unknown, or the first such part of a post."""
    if delivery.kind is DeliveryKind.POST:
        part = log.first(session, delivery)
        return [{"id": part.id, "who": f"#{part.part}", "to": "", "reason": part.reason}] if part else []
    rows = select(Message, Visitor).join(Visitor, col(Visitor.id) == col(Message.visitor_id))
    uncertain = rows.where(col(Message.delivery_id) == delivery.id, col(Message.state) == MessageState.UNCERTAIN).limit(
        _MOST_UNKNOWN
    )
    return [
        {
            "id": message.id,
            "who": f"@{visitor.username}" if visitor.username else visitor.external_id,
            "to": visitor.external_id,
            "reason": message.reason,
        }
        for message, visitor in session.exec(uncertain)
    ]


def download_log(desk: DeskRequest) -> Response:
    """Writes the log as a file first: a million lines take no more memory than a hundred."""
    delivery, state = named(desk), desk.text("state")
    with transaction() as session:
        deliveries.note(session, delivery, "log exported", desk.actor, desk.now)
    descriptor, path = mkstemp(suffix=".csv")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file, read_session() as session:
        file.write(byte_order_mark())
        lines = _lines(session, desk, state)
        write_csv(
            file, _HEAD, ((one.who, one.state, one.at and one.at.isoformat(), one.link, one.reason) for one in lines)
        )
    name = f"{delivery.name}{f'-{state}' if state in STATES else ''}.csv"
    return FileResponse(path, media_type="text/csv", filename=name, background=BackgroundTask(os.unlink, path))


def settle(desk: DeskRequest) -> Response:
    """Records what a person found on X, then lets the delivery go on."""
    delivery = named(desk)
    try:
        if desk.text("outcome") == "none_sent":
            record_all_not_sent(delivery.name, desk.actor)
        else:
            is_out = desk.text("outcome") == "sent"
            record_by_hand(delivery.name, desk.actor, desk.text("sent") if is_out else None, desk.text("to"))
    except CampaignError as error:
        return _log_page(desk, 400, str(error))
    return run_again(desk, delivery, f"{path_of(delivery)}/log", N_("Recorded."))

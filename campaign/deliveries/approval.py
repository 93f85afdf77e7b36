"""What people do with a delivery: compose, change, approve, confirm what was analysed, reject, pause, stop, decide."""

import getpass
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import pendulum
from sqlmodel import Session, col, select

from campaign.audience import visitors
from campaign.db.engine import announce, read_session, transaction
from campaign.deliveries import log
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft, LoadedFile, RenderedPart, delivery_name
from campaign.deliveries.findings import Analysis
from campaign.deliveries.kind import Analysed, Rendered
from campaign.deliveries.log import purpose_of
from campaign.deliveries.store import EDITABLE, move, note, void
from campaign.errors import NotPossible, WrongUsage
from campaign.limits import spend_cap
from campaign.services.store import choose_services
from campaign.users import store as users
from campaign.users.store import Person
from models import (
    NO_VISITOR,
    Approval,
    AuditEntry,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Message,
    MessageState,
    Role,
    Service,
)

#: Begins the name of a run in the audit, which is no person.
RUN = "the run "
_WRITING = ("created", "changed")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the services of a delivery ask for: another person than the writer, one person or two."""

    by_another: bool = False
    people: int = 1

    @property
    def is_strict(self) -> bool:
        """Returns whether it matters who approves."""
        return self.by_another or self.people > 1


def rules_for(services: Sequence[Service], recipients: int, cost: Decimal) -> Rules:
    """Returns the strictest rules of the services, for so many recipients of messages and US dollars."""
    is_large = any(
        0 < one.two_approvers_recipients < recipients or 0 < one.two_approvers_cost < cost for one in services
    )
    return Rules(any(one.approval_by_another for one in services), 2 if is_large else 1)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the approval of a delivery is: people by their accounts, a writer without one as in the audit."""

    rules: Rules
    writer: str
    given: tuple[str, ...] = ()
    """The people who approved exactly what was analysed."""

    @property
    def is_enough(self) -> bool:
        """Returns whether no further approval is needed."""
        return len(self.given) >= self.rules.people

    def why_not(self, person: str) -> str:
        """Returns in one sentence why a person may not approve it; empty when the person may."""
        if self.rules.by_another and (not self.writer or self.writer.startswith(RUN)):
            return "It is not known who wrote it. Save it once at the desk, or name the writer in the form of the run."
        if self.rules.by_another and person == self.writer:
            return f"{person} wrote it; another person has to approve it."
        if person in self.given:
            return f"{person} approved it already; a second person has to approve it too."
        return ""


def standing_of(session: Session, delivery: Delivery) -> Standing:
    """Reads how far the approval of a delivery is."""
    services = deliveries.targets_of(session, delivery)
    analysis = Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()
    recipients = analysis.messages if delivery.kind is DeliveryKind.DM else 0
    # An approval of something else than what was analysed does not count.
    approvals = select(Approval).where(
        col(Approval.delivery_id) == delivery.id, col(Approval.fingerprint) == delivery.analysed_fingerprint
    )
    given = tuple(one.person for one in session.exec(approvals.order_by(col(Approval.at), col(Approval.person))))
    rules = rules_for(services, recipients, analysis.cost)
    if rules.is_strict:  # the approval of a person who lost the role since does not count
        given = tuple(one for one in given if (found := _account(session, one)) and _has_role(found, services))
    entries = select(AuditEntry.actor).where(
        col(AuditEntry.delivery_id) == delivery.id, col(AuditEntry.action).in_(_WRITING)
    )
    writer = session.exec(entries.order_by(col(AuditEntry.id).desc()).limit(1)).first() or ""
    account = _account(session, writer)
    return Standing(rules, account.user.name if account else writer, given)


def _account(session: Session, name: str) -> Person | None:
    """Finds the account of a person by its name, the person's full name or email address; None unless it is one."""
    wanted = name.strip().casefold()
    open_accounts = users.list_users(session)
    by_name = [one for one in open_accounts if one.name == wanted]
    others = [one for one in open_accounts if wanted and wanted in {one.full_name.casefold(), one.email.casefold()}]
    found = by_name or others
    return Person(found[0], users.roles_of(session, found[0])) if len(found) == 1 else None


def may_approve(session: Session, delivery: Delivery, among: Iterable[Person] | None = None) -> list[Person]:
    """Lists the people who may give the next approval, by name; by default of all."""
    standing, services = standing_of(session, delivery), deliveries.targets_of(session, delivery)
    people = among or (Person(one, users.roles_of(session, one)) for one in users.list_users(session))
    return [one for one in people if _has_role(one, services) and not standing.why_not(one.user.name)]


def _has_role(person: Person, services: Sequence[Service]) -> bool:
    return all(person.may(Role.APPROVER, one.id) for one in services)


def add_approval(session: Session, delivery: Delivery, actor: str, now: datetime) -> Standing:
    """Records the approval of a person by the rules; raises NotPossible in one sentence when they do not allow it."""
    standing, services = standing_of(session, delivery), deliveries.targets_of(session, delivery)
    person = actor
    if standing.rules.is_strict:
        account = _account(session, actor)
        if account is None or not _has_role(account, services):
            names = ", ".join(f"@{one.internal_name}" for one in services)
            raise NotPossible(
                f"{delivery.name} has to be approved by a person who may approve for {names} at the desk;"
                f" {actor!r} may not. List the accounts with: campaign user list"
            )
        person = account.user.name
    if sentence := standing.why_not(person):
        raise NotPossible(f"{delivery.name} cannot be approved by {person}: {sentence}")
    fingerprint = delivery.analysed_fingerprint or ""
    session.add(Approval(delivery_id=delivery.id, fingerprint=fingerprint, person=person, at=now))
    return Standing(standing.rules, standing.writer, (*standing.given, person))


#: The finding that is no longer true once a proof is out.
NO_PROOF_SENT = "no_proof_sent"
SECOND_PERSON = "A second person has to approve it too."
#: A question without an answer for so long is withdrawn.
ANSWER_WITHIN = timedelta(days=3)


def record_analysis(
    session: Session, delivery: Delivery, analysis: str, fingerprint: str, *, is_ok: bool, actor: str, now: datetime
) -> None:
    """Saves what an analysis found; without errors the delivery waits for a confirmation."""
    if delivery.state not in EDITABLE:
        raise NotPossible(f"{delivery.name} is {delivery.state.words} and is not analysed again.")
    if delivery.state is not DeliveryState.BEING_EDITED:
        void(session, delivery, "It is analysed again.", actor, now)
    delivery.analysis, delivery.analysed_at, delivery.reason = analysis, now, ""
    note(session, delivery, "analysis", actor, now, "No errors." if is_ok else "Errors were found.")
    if is_ok:
        delivery.analysed_fingerprint = fingerprint
        move(session, delivery, DeliveryState.ANALYSED, actor, now)


def save_analysis(session: Session, analysed: Analysed[Rendered], actor: str, now: datetime) -> Delivery:
    """Saves what an analysis found; a delivery that changed meanwhile is not ready for a confirmation."""
    rendered, analysis = analysed.rendered, analysed.analysis
    delivery = deliveries.get(session, rendered.delivery.id)
    is_ok = analysis.is_ok and deliveries.version_of(session, delivery) == rendered.version
    record_analysis(
        session, delivery, analysis.model_dump_json(), rendered.fingerprint, is_ok=is_ok, actor=actor, now=now
    )
    return delivery


def saved_analysis(delivery: Delivery, *, has_proof: bool) -> Analysis:
    """Returns what the last analysis found, without the warning that a proof has answered since."""
    analysis = Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()
    if not has_proof:
        return analysis
    findings = [finding for finding in analysis.findings if finding.code != NO_PROOF_SENT]
    return analysis.model_copy(update={"findings": findings})


def ask(session: Session, delivery: Delivery, actor: str, now: datetime) -> None:
    """Notes that a person is asked for a confirmation from now on."""
    if delivery.asked_at is None:
        delivery.asked_at = now
        note(session, delivery, "asked", actor, now)
        says = f"{delivery.name} waits for a yes or a no: answer its run, or confirm or reject it with a command."
        announce(session, "delivery.asked", f"delivery.{delivery.name}", says)


def confirm(session: Session, delivery: Delivery, fingerprint: str, actor: str, comment: str, now: datetime) -> None:
    """Records the approval of exactly what was analysed; raises NotPossible when that is not so, or by the rules.

    Where the rules of its services ask for a second person, it stays analysed after the first.
    """
    session.refresh(delivery, with_for_update=True)  # two people may answer at the same moment
    if delivery.state is DeliveryState.CONFIRMED:
        raise NotPossible(f"{delivery.name} was confirmed by {delivery.confirmed_by} already.")
    if delivery.state is not DeliveryState.ANALYSED:
        raise NotPossible(f"{delivery.name} is {delivery.state.words}; only an analysed delivery can be confirmed.")
    if fingerprint != delivery.analysed_fingerprint:
        raise NotPossible(f"{delivery.name} has changed since its analysis; analyse it again, then confirm it.")
    people: Sequence[str] = (actor,)
    is_enough = True
    if any(one.has_approval_rules for one in deliveries.targets_of(session, delivery)):
        standing = add_approval(session, delivery, actor, now)
        people, actor, is_enough = standing.given, standing.given[-1], standing.is_enough
    if is_enough:
        move(session, delivery, DeliveryState.CONFIRMED, actor, now)
        delivery.confirmed_fingerprint, delivery.confirmed_at = fingerprint, now
        delivery.confirmed_by = " and ".join(people)
        delivery.asked_at = None
    else:
        delivery.asked_at = delivery.asked_at or now
        note(session, delivery, "approved", actor, now, SECOND_PERSON)
    if comment:
        note(session, delivery, "comment", actor, now, comment)


def return_unanswered(session: Session, now: datetime) -> list[Delivery]:
    """Withdraws the questions without an answer for three days; returns their deliveries."""
    waiting = select(Delivery).where(
        col(Delivery.state) == DeliveryState.ANALYSED, col(Delivery.asked_at) <= now - ANSWER_WITHIN
    )
    unanswered = list(session.exec(waiting))
    for delivery in unanswered:
        void(session, delivery, "There was no answer within 3 days.", "campaign", now)
    return unanswered


_NONE: Mapping[int, str] = MappingProxyType({})
#: What a broadcast has not, so that it is no part of its fingerprint.
_OF_POSTS: Any = {"links": True, "made_with_ai": True, "parts": {"__all__": {"own_texts"}}}


def fingerprint(draft: Draft, rendered: Sequence[RenderedPart]) -> str:
    """Returns 64 hexadecimal digits of the delivery as it goes out; its label, code and description may change freely.

    The order of the accounts does not matter, that of the parts does, and files count by what is in them.
    """
    parts = [
        {
            "service": one.service_id,
            "part": one.part,
            "text": one.text,
            "files": [_file(file) for file in one.files],
            "poll": one.poll and one.poll.model_dump(mode="json"),
            "reply_settings": one.reply_settings and one.reply_settings.value,
            "paid_partnership": one.paid_partnership,
            # Left out where it is off, so that older confirmations still count.
            **({"made_with_ai": True} if one.made_with_ai else {}),
        }
        for one in sorted(rendered, key=lambda one: (one.service_id, one.part))
    ]
    return _digest({**_settings(draft), "proof_service": draft.proof_service, "parts": parts})


def broadcast_fingerprint(
    draft: Draft,
    recipients_by_service: Mapping[int, int],
    unconsented: int,
    *,
    files: Sequence[LoadedFile] = (),
    opt_out_lines: Mapping[int, str] = _NONE,
    join_address: str = "",
) -> str:
    """Returns 64 hexadecimal digits of the broadcast: its text, its audience, recipients by service, its waves.

    Files count by where they are and, when given, by what is in them; opt-out lines by service, as people read them;
    of an invitation the address at which people join.
    """
    document = {
        **({"join_address": join_address} if join_address else {}),
        **_settings(draft),
        "content": draft.content.model_dump(mode="json", exclude=_OF_POSTS),
        "files": [_file(file) for file in files],
        "opt_out_lines": _by_service(opt_out_lines),
        "broadcast": draft.broadcast.model_dump(mode="json"),
        "priority": draft.priority.value,
        "recipients": _by_service(recipients_by_service),
        "unconsented": unconsented,
    }
    return _digest(document)


def _digest(document: Mapping[str, Any]) -> str:
    return sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _settings(draft: Draft) -> dict[str, Any]:
    """Returns what a post and a broadcast have in common; a date without a time zone, an error, as it is written."""
    date = draft.contact_date
    contact_date = date and (date.astimezone(UTC) if date.tzinfo else date).isoformat()
    # Left out where it is none, so that older confirmations still count.
    invitation = {"is_invitation": True} if draft.is_invitation else {}
    untracked = sorted(one.url for one in draft.content.links if not one.tracked)
    return {
        **invitation,
        **({"untracked": untracked} if untracked else {}),
        "kind": draft.kind.value,
        "contact_date": contact_date,
        "validity_days": draft.validity_days,
        "approval": draft.approval.value,
        "tracking": draft.tracking,
    }


def _by_service(values: Mapping[int, Any]) -> dict[str, Any]:
    return {str(service_id): value for service_id, value in values.items()}


def _file(file: LoadedFile) -> dict[str, Any]:
    return {name: value for name, value in asdict(file).items() if name in {"sha256", "alt_text", "media_type", "kind"}}


def start_delivery(session: Session, rendered: Rendered, delivery: Delivery, actor: str, now: datetime) -> str | None:
    """Lets a confirmed delivery go out as it is rendered, or returns in one sentence why it may not."""
    if delivery.state not in {DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS}:
        state = delivery.state.words
        return f"{delivery.name} is {state}; only a confirmed delivery can be sent."
    if delivery.confirmed_fingerprint not in {rendered.fingerprint, rendered.older_fingerprint}:
        changed = "It changed after its confirmation; look at it again, then confirm it."
        if delivery.state is DeliveryState.CONFIRMED:
            void(session, delivery, changed, "campaign", now)
        else:
            move(session, delivery, DeliveryState.FAILED, "campaign", now, changed)
        return f"{delivery.name} changed after its confirmation; analyse and confirm it again."
    if deliveries.is_expired(delivery, now):
        log.cancel_pending(session, delivery, now, "The validity of the delivery ended.")
        move(session, delivery, DeliveryState.EXPIRED, actor, now, "Its validity ended.")
        return f"The validity of {delivery.name} has ended."
    if delivery.state is DeliveryState.CONFIRMED:
        move(session, delivery, DeliveryState.IN_PROGRESS, actor, now)
    return None


def refuse_errors(name: str, analysis: Analysis) -> None:
    """Raises NotPossible with every error that an analysis found."""
    if analysis.errors:
        raise NotPossible(f"{name} cannot go out: {' '.join(finding.sentence for finding in analysis.errors)}")


def due_deliveries() -> list[str]:
    """Returns the names of the deliveries whose time has come."""
    with transaction() as session:
        return [delivery.name for delivery in deliveries.due(session, pendulum.now("UTC"))]


def sendable(names: Sequence[str]) -> list[str]:
    """Returns those of the deliveries that may go out: a run that only continues work leaves the others alone."""
    with read_session() as session:
        states = {name: deliveries.named(session, name).state for name in names}
    return [name for name, state in states.items() if state in {DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS}]


def opens_at(name: str) -> datetime | None:
    """Returns the contact date of a confirmed delivery that is not due yet: it can still be changed until then."""
    with read_session() as session:
        delivery = deliveries.named(session, name)
    if delivery.state is not DeliveryState.CONFIRMED:
        return None
    is_early = delivery.contact_date is not None and delivery.contact_date > pendulum.now("UTC")
    return delivery.contact_date if is_early else None


def current_user() -> str:
    """Returns the user of this session, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def compose(draft: Draft, *, actor: str, flow_run_id: str | None = None, template: str | None = None) -> Delivery:
    """Creates a delivery; raises WrongUsage when a service is unknown. A run started again finds the one it created."""
    services, proof = services_of(draft)
    with transaction() as session:
        if flow_run_id and (known := deliveries.composed_by(session, flow_run_id)):
            return known
        return compose_in(
            session,
            draft,
            services,
            proof,
            actor=actor,
            now=pendulum.now("UTC"),
            template=template,
            flow_run_id=flow_run_id,
        )


def compose_in(
    session: Session,
    draft: Draft,
    services: Sequence[Service],
    proof: Service | None,
    *,
    actor: str,
    now: datetime,
    template: str | None = None,
    flow_run_id: str | None = None,
) -> Delivery:
    """Creates a delivery, named after its label and date, in the caller's transaction."""
    day = (draft.contact_date or now).date()
    taken = deliveries.names_like(session, f"{draft.kind.value}-{day.isoformat()}")
    name = delivery_name(draft.label, draft.kind, day, taken)
    draft = _described(session, draft)
    return deliveries.create(
        session, draft, name, services, proof, actor=actor, now=now, template=template, flow_run_id=flow_run_id
    )


class ChangedMeanwhile(NotPossible):
    """Another person changed the delivery since it was read."""


def recompose(name: str, draft: Draft, *, actor: str, known: str | None = None) -> Delivery:
    """Changes a delivery to what is described; its analysis and its confirmation are void.

    Raises ChangedMeanwhile, and changes nothing, unless its revision is the `known` one, where that is given.
    """
    services, proof = services_of(draft)
    with transaction() as session:
        delivery = deliveries.named(session, name, lock=True)
        if known is not None and deliveries.revision_of(session, delivery) != known:
            raise ChangedMeanwhile(f"{name} was changed by another person meanwhile; read it again, then change it.")
        draft = _described(session, draft)
        deliveries.change(session, delivery, draft, services, proof, actor=actor, now=pendulum.now("UTC"))
        return delivery


def _described(session: Session, draft: Draft) -> Draft:
    if not any(item.is_in_library and not item.alt_text for part in draft.content.parts for item in part.media):
        return draft
    from campaign.deliveries import media

    return media.describe(session, draft)


def services_of(draft: Draft) -> tuple[list[Service], Service | None]:
    """Returns the services of a draft and that of its proofs; raises WrongUsage when one is unknown."""
    names = [*draft.services, *([draft.proof_service] if draft.proof_service else [])]
    saved = {service.internal_name.lower(): service for service in (choose_services(names).services if names else [])}
    named = {name.lower(): saved[name.lower()] for name in draft.services}
    return list(named.values()), saved[draft.proof_service.lower()] if draft.proof_service else None


def reject(name: str, actor: str, comment: str = "") -> Delivery:
    """Rejects a delivery: it goes back to editing."""
    with transaction() as session:
        delivery = deliveries.named(session, name)
        if delivery.state is not DeliveryState.ANALYSED:
            raise NotPossible(f"{delivery.name} is {delivery.state.words} and cannot be rejected.")
        reason = f"Rejected by {actor}. {comment}".rstrip()
        void(session, delivery, reason, actor, pendulum.now("UTC"))
        return delivery


def pause(name: str, actor: str) -> Delivery:
    """Pauses a delivery until it is resumed; a call that is under way is finished."""
    return _move(name, DeliveryState.PAUSED, actor)


def resume(name: str, actor: str) -> Delivery:
    """Lets a paused delivery go on with the next run."""
    with transaction() as session:
        delivery = deliveries.named(session, name)
        if delivery.state is not DeliveryState.PAUSED:
            raise NotPossible(f"{name} is {delivery.state.words}; only a paused delivery can be resumed.")
        next_state = DeliveryState.IN_PROGRESS if delivery.started_at else DeliveryState.CONFIRMED
        deliveries.move(session, delivery, next_state, actor, pendulum.now("UTC"))
        return delivery


def resume_if_paused(name: str, actor: str) -> None:
    """Resumes a delivery if it is paused."""
    with read_session() as session:
        is_paused = deliveries.named(session, name).state is DeliveryState.PAUSED
    if is_paused:
        resume(name, actor)


def stop(name: str, actor: str) -> Delivery:
    """Stops a delivery for good; unknown outcomes are still looked up."""
    return _move(name, DeliveryState.STOPPED, actor)


def _move(name: str, state: DeliveryState, actor: str) -> Delivery:
    with transaction() as session:
        delivery = deliveries.named(session, name)
        deliveries.move(session, delivery, state, actor, pendulum.now("UTC"))
        if delivery.is_over:
            log.cancel_pending(session, delivery, pendulum.now("UTC"), "The delivery was stopped.")
        return delivery


def record_by_hand(name: str, actor: str, sent_id: str | None, to: str = "") -> Message:
    """Records the outcome of a part or message that no look-up found: out under `sent_id`, or (None) not out.

    `to` is the recipient; without it the first one is decided.
    """
    with transaction() as session:
        delivery = deliveries.named(session, name)
        visitor_id = visitors.named(session, to).id if to else None
        message, now = log.first(session, delivery, visitor_id), pendulum.now("UTC")
        if message is None:
            raise NotPossible(
                f"No outcome of {name} to {to} is unknown." if to else f"No outcome of {name} is unknown."
            )
        if sent_id is None:
            spend_cap.release(session, message.service_id, purpose_of(message.id))
            log.record_outcome(session, message, MessageState.PENDING, now)
        else:
            if not re.fullmatch(r"[0-9]{1,20}", sent_id):
                raise WrongUsage(
                    f"Invalid id {sent_id!r} of a post or a message. Write the number at the end of its address."
                )
            if log.owned_ids(session, [sent_id]):
                raise WrongUsage(f"{sent_id} is in the log already.")
            spend_cap.charge_reserved(session, message.service_id, purpose_of(message.id))
            log.record_outcome(session, message, MessageState.SENT, now, x_id=sent_id)
        what = f"Message {message.id}" if message.visitor_id != NO_VISITOR else f"Part {message.part}"
        detail = f"{what} is {'on X as ' + sent_id if sent_id else 'not on X'}."
        deliveries.note(session, delivery, "settled", actor, now, detail)
        if delivery.is_over:
            log.cancel_pending(session, delivery, now, "The delivery is over.")
        return message


def record_all_not_sent(name: str, actor: str) -> int:
    """Records of all messages of a broadcast that were left to a person that they are not out; returns how many."""
    with transaction() as session:
        delivery, now = deliveries.named(session, name), pendulum.now("UTC")
        found = log.free_all(session, delivery, now)
        for service_id, message_ids in found.items():
            spend_cap.release_lost(session, service_id, [purpose_of(message_id) for message_id in message_ids])
        count = sum(map(len, found.values()))
        deliveries.note(session, delivery, "settled", actor, now, f"{count:,} messages are not on X.")
        if delivery.is_over:
            log.cancel_pending(session, delivery, now, "The delivery is over.")
        return count

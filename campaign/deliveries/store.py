"""Deliveries, their drafts and templates: created, found, changed, and moved from state to state."""

import json
import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pendulum
from sqlalchemy import ColumnElement, bindparam, delete, exists, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from campaign.db.engine import announce, read_session, transaction
from campaign.deliveries.draft import Broadcast, Content, Draft
from campaign.errors import NotPossible, WrongUsage
from campaign.users import store as users
from models import (
    Approval,
    AuditEntry,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
    DeliveryTemplate,
    Service,
)

_TARGET_IDS = (
    select(col(DeliveryTarget.service_id))
    .where(col(DeliveryTarget.delivery_id) == bindparam("delivery_id"))
    .order_by(col(DeliveryTarget.service_id))
)


def targets_of(session: Session, delivery: Delivery) -> list[Service]:
    """Returns the services a delivery goes to, in the order of their creation."""
    chosen = select(Service).join(DeliveryTarget, col(DeliveryTarget.service_id) == col(Service.id))
    return list(session.exec(chosen.where(col(DeliveryTarget.delivery_id) == delivery.id).order_by(col(Service.id))))


def version_of(session: Session, delivery: Delivery) -> str:
    """Returns the version of all that goes out: a digest that changes with any of it."""
    targets = list(session.scalars(_TARGET_IDS, {"delivery_id": delivery.id}))
    parts = (
        delivery.content,
        delivery.broadcast,
        targets,
        delivery.contact_date,
        delivery.validity_days,
        delivery.confirmed_fingerprint,
        delivery.is_invitation,
        delivery.tracking,
    )
    return sha256(repr(parts).encode()).hexdigest()


def revision_of(session: Session, delivery: Delivery) -> str:
    """Returns the revision of all that a person describes, also what does not go out: label, code, description."""
    described = draft_of(session, delivery).model_dump_json()
    return sha256(f"{version_of(session, delivery)} {described}".encode()).hexdigest()


def is_expired(delivery: Delivery, now: datetime) -> bool:
    """Returns whether the validity of a delivery is over."""
    ends_at = expires_at(delivery)
    return ends_at is not None and now > ends_at


def expires_at(delivery: Delivery) -> datetime | None:
    """Returns the end of the validity of a delivery; None before its confirmation, where it has no contact date."""
    begins = delivery.contact_date or delivery.confirmed_at
    return begins and begins + timedelta(days=delivery.validity_days)


def get(session: Session, delivery_id: int) -> Delivery:
    """Reads one delivery."""
    return session.get_one(Delivery, delivery_id)


def named(session: Session, name: str, *, lock: bool = False) -> Delivery:
    """Finds a delivery by its internal name, and locks it for a change; raises WrongUsage when there is none."""
    known = select(Delivery).where(col(Delivery.name) == name)
    found: Delivery | None = session.scalar(known.with_for_update() if lock else known)
    if found is None:
        raise WrongUsage(f"There is no delivery {name!r}; `campaign delivery list` shows them.")
    return found


def composed_by(session: Session, flow_run_id: str) -> Delivery | None:
    """Returns the delivery that a run created, when it is started again after a question or a crash."""
    return session.scalar(select(Delivery).where(col(Delivery.flow_run_id) == flow_run_id))


def names_like(session: Session, beginning: str) -> set[str]:
    """Returns the internal names that begin so."""
    return set(session.exec(select(Delivery.name).where(col(Delivery.name).startswith(beginning, autoescape=True))))


def due(session: Session, now: datetime) -> list[Delivery]:
    """Returns the posts that are confirmed or under way and whose time has come, the oldest first."""
    ready = col(Delivery.state).in_([DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS])
    is_time = col(Delivery.contact_date).is_(None) | (col(Delivery.contact_date) <= now)
    posts = select(Delivery).where(ready, is_time, col(Delivery.kind) == DeliveryKind.POST)
    return list(session.exec(posts.order_by(col(Delivery.id))))


def listed(
    session: Session,
    *,
    state: DeliveryState | None = None,
    kind: DeliveryKind | None = None,
    service_id: int | None = None,
    since: datetime | None = None,
    search: str = "",
    among: Collection[int] | None = None,
    before_id: int | None = None,
    limit: int | None = 50,
) -> list[Delivery]:
    """Returns the newest deliveries that fit, those before an id where one is given.

    `search` is text of their name, label or content; `among` are services, to one of which a delivery goes.
    """
    conditions: list[ColumnElement[bool]] = []
    if state is not None:
        conditions.append(col(Delivery.state) == state)
    if kind is not None:
        conditions.append(col(Delivery.kind) == kind)
    if since is not None:
        conditions.append(col(Delivery.created_at) >= since)
    for chosen in ([service_id] if service_id is not None else None, among):
        if chosen is not None:
            is_target = exists().where(
                col(DeliveryTarget.delivery_id) == col(Delivery.id), col(DeliveryTarget.service_id).in_(chosen)
            )
            conditions.append(is_target)
    if search:
        # The content is JSON, in which a quotation mark or a line break is written with a backslash.
        written = json.dumps(search, ensure_ascii=False)[1:-1]
        texts = ((Delivery.name, search), (Delivery.label, search), (Delivery.content, written))
        conditions.append(or_(*(col(column).icontains(text, autoescape=True) for column, text in texts)))
    if before_id is not None:
        conditions.append(col(Delivery.id) < before_id)
    return list(session.exec(select(Delivery).where(*conditions).order_by(col(Delivery.id).desc()).limit(limit)))


def note(session: Session, delivery: Delivery, action: str, actor: str, now: datetime, detail: str = "") -> None:
    """Writes an entry of the audit."""
    session.add(AuditEntry(at=now, actor=actor, delivery_id=delivery.id, action=action, detail=detail))


def audit_of(session: Session, delivery: Delivery) -> list[AuditEntry]:
    """Returns the history of a delivery, the oldest entry first."""
    entries = select(AuditEntry).where(col(AuditEntry.delivery_id) == delivery.id).order_by(col(AuditEntry.id))
    return list(session.exec(entries))


def move(
    session: Session, delivery: Delivery, state: DeliveryState, actor: str, now: datetime, reason: str = ""
) -> None:
    """Changes the state of a delivery, with an entry in the audit; raises InvalidTransition."""
    before = delivery.state
    delivery.become(state)
    delivery.reason = reason
    if state is DeliveryState.IN_PROGRESS and delivery.started_at is None:
        delivery.started_at = now
    if delivery.is_over:
        delivery.finished_at = now
    note(session, delivery, state.value, actor, now, f"Was {before.words}. {reason}".strip())
    says = f"{delivery.name} is {state.words}."
    announce(session, f"delivery.{state.value}", f"delivery.{delivery.name}", says)


def void(session: Session, delivery: Delivery, reason: str, actor: str, now: datetime) -> None:
    """Returns a delivery to editing: its analysis, its approvals and its confirmation no longer count."""
    delivery.analysed_fingerprint = delivery.confirmed_fingerprint = None
    delivery.asked_at = None
    session.execute(delete(Approval).where(col(Approval.delivery_id) == delivery.id))
    if delivery.state is not DeliveryState.BEING_EDITED:
        move(session, delivery, DeliveryState.BEING_EDITED, actor, now, reason)
    delivery.reason = reason


EDITABLE = frozenset(
    {DeliveryState.BEING_EDITED, DeliveryState.ANALYSED, DeliveryState.CONFIRMED, DeliveryState.FAILED}
)


def create(
    session: Session,
    draft: Draft,
    name: str,
    services: Sequence[Service],
    proof: Service | None,
    *,
    actor: str,
    now: datetime,
    template: str | None = None,
    flow_run_id: str | None = None,
) -> Delivery:
    """Creates a delivery that is being edited."""
    delivery = Delivery(name=name, template=template, flow_run_id=flow_run_id, created_at=now, **_columns(draft, proof))
    session.add(delivery)
    session.flush()
    _set_targets(session, delivery, services)
    note(session, delivery, "created", actor, now)
    return delivery


def change(
    session: Session,
    delivery: Delivery,
    draft: Draft,
    services: Sequence[Service],
    proof: Service | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Changes a delivery; its analysis and its confirmation are void. Raises NotPossible once it goes out."""
    if delivery.state not in EDITABLE:
        raise NotPossible(f"{delivery.name} is {delivery.state.words} and cannot be changed any more.")
    changed = []
    for column, value in _columns(draft, proof).items():
        if getattr(delivery, column) != value:
            changed.append(column.removesuffix("_id").replace("_", " "))
            setattr(delivery, column, value)
    if {one.id for one in targets_of(session, delivery)} != {one.id for one in services}:
        changed.append("services")
        _set_targets(session, delivery, services)
    note(session, delivery, "changed", actor, now, f"Changed: {', '.join(changed) or 'nothing'}.")
    void(session, delivery, "It was changed.", actor, now)


def draft_of(session: Session, delivery: Delivery) -> Draft:
    """Returns the delivery as a person describes it."""
    proof = session.get(Service, delivery.proof_service_id) if delivery.proof_service_id else None
    return Draft(
        kind=delivery.kind,
        label=delivery.label,
        code=delivery.code,
        description=delivery.description,
        services=[service.internal_name for service in targets_of(session, delivery)],
        proof_service=proof.internal_name if proof else None,
        content=Content.model_validate_json(delivery.content),
        contact_date=delivery.contact_date,
        validity_days=delivery.validity_days,
        approval=delivery.approval,
        tracking=delivery.tracking,
        is_invitation=delivery.is_invitation,
        broadcast=Broadcast.model_validate_json(delivery.broadcast) if delivery.broadcast else Broadcast(),
        priority=delivery.priority,
    )


def _columns(draft: Draft, proof: Service | None) -> dict[str, Any]:
    return {
        "label": draft.label,
        "code": draft.code,
        "description": draft.description,
        "kind": draft.kind,
        "proof_service_id": proof.id if proof else None,
        "content": draft.content.model_dump_json(),
        "contact_date": draft.contact_date,
        "validity_days": draft.validity_days,
        "approval": draft.approval,
        "tracking": draft.tracking,
        "is_invitation": draft.is_invitation,
        "broadcast": draft.broadcast.model_dump_json() if draft.kind is DeliveryKind.DM else "",
        "priority": draft.priority,
    }


def _set_targets(session: Session, delivery: Delivery, services: Sequence[Service]) -> None:
    session.execute(delete(DeliveryTarget).where(col(DeliveryTarget.delivery_id) == delivery.id))
    session.add_all(DeliveryTarget(delivery_id=delivery.id, service_id=service.id) for service in services)
    session.flush()


#: The templates of a new delivery when none is named.
DEFAULTS = {DeliveryKind.POST: "twitter", DeliveryKind.DM: "twitterDM"}
_BUILT_IN = {"twitter": ("Tweet", DeliveryKind.POST), "twitterDM": ("Tweet (Direct Message)", DeliveryKind.DM)}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


def list_templates(session: Session) -> list[DeliveryTemplate]:
    """Returns the built-in templates, then the saved ones by name."""
    saved = session.exec(select(DeliveryTemplate).order_by(col(DeliveryTemplate.name)))
    return [*map(_built_in, _BUILT_IN), *saved]


def find_template(session: Session, name: str) -> DeliveryTemplate:
    """Finds a template; raises WrongUsage in one sentence when there is none."""
    found = _built_in(name) if name in _BUILT_IN else session.get(DeliveryTemplate, name)
    if found is None:
        raise WrongUsage(f"There is no template {name!r}; `campaign template list` shows them.")
    return found


def draft_of_template(template: DeliveryTemplate) -> Draft:
    """Returns the settings of a template."""
    return Draft.model_validate_json(template.settings)


def save(
    session: Session, name: str, label: str, draft: Draft, *, with_content: bool, may_replace: bool = True
) -> DeliveryTemplate:
    """Saves a delivery's settings, without its date, under a name.

    Raises WrongUsage for an invalid name, NotPossible for that of a built-in template, or one that is taken and may
    not be replaced.
    """
    _check_not_built_in(name)
    if not _NAME.fullmatch(name):
        raise WrongUsage(
            f"{name!r} cannot be the name of a template; take 1 to 80 letters, digits, hyphens and underscores."
        )
    taken = NotPossible(f"The template {name} exists; take another name.")
    template = session.get(DeliveryTemplate, name)
    if template and not may_replace:
        raise taken
    template = template or DeliveryTemplate(name=name, label=label, kind=draft.kind, settings="")
    template.label, template.kind = label, draft.kind
    template.settings = _settings(draft, with_content=with_content)
    session.add(template)
    try:
        session.flush()
    except IntegrityError:
        raise taken from None
    return template


def template_for(kind: DeliveryKind | None, name: str | None) -> DeliveryTemplate:
    """Returns the template of a new delivery; raises WrongUsage when it is for another kind."""
    with read_session() as session:
        template = find_template(session, name or DEFAULTS[kind or DeliveryKind.POST])
    if kind not in {None, template.kind}:
        raise WrongUsage(f"The template {template.name} is for deliveries of the kind {template.kind.value}.")
    return template


def save_template(delivery_name: str, name: str, actor: str, *, with_content: bool) -> DeliveryTemplate:
    """Saves the settings of a delivery as a template, or replaces one; raises WrongUsage, NotPossible."""
    with transaction() as session:
        delivery = named(session, delivery_name)
        draft: Draft = draft_of(session, delivery)
        template = save(session, name, delivery.label or name, draft, with_content=with_content)
        users.record_audit(session, actor, f"template {name}", "saved", pendulum.now("UTC"), f"From {delivery.name}.")
    return template


def duplicate_template(name: str, new_name: str, label: str | None, actor: str) -> DeliveryTemplate:
    """Copies a template to a name that is not taken; raises WrongUsage, NotPossible."""
    with transaction() as session:
        original = find_template(session, name)
        draft = draft_of_template(original)
        copy = save(session, new_name, label or original.label, draft, with_content=True, may_replace=False)
        users.record_audit(session, actor, f"template {new_name}", "saved", pendulum.now("UTC"), f"A copy of {name}.")
    return copy


def delete_template(name: str, actor: str) -> None:
    """Deletes a template; raises WrongUsage when there is none, NotPossible when it is built in.

    Deliveries that were made from it stay as they are.
    """
    with transaction() as session:
        find_template(session, name)
        _check_not_built_in(name)
        session.execute(delete(DeliveryTemplate).where(col(DeliveryTemplate.name) == name))
        users.record_audit(session, actor, f"template {name}", "deleted", pendulum.now("UTC"))


def _built_in(name: str) -> DeliveryTemplate:
    label, kind = _BUILT_IN[name]
    settings = _settings(Draft(kind=kind), with_content=False)
    return DeliveryTemplate(name=name, label=label, kind=kind, is_built_in=True, settings=settings)


def _settings(draft: Draft, *, with_content: bool) -> str:
    content = draft.content if with_content else Content()
    return draft.model_copy(update={"content": content, "contact_date": None}).model_dump_json()


def _check_not_built_in(name: str) -> None:
    if name in _BUILT_IN:
        raise NotPossible(f"The template {name} is built in; duplicate it instead: campaign template duplicate {name}")

"""Templates: the built-in ones, which are part of this code, and saved ones."""

import re

import pendulum
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Content, Draft
from campaign.errors import NotPossible, WrongUsage
from campaign.users import audit
from models import DeliveryKind, DeliveryTemplate

#: The templates of a new delivery when none is named.
DEFAULTS = {DeliveryKind.POST: "twitter", DeliveryKind.DM: "twitterDM"}
_BUILT_IN = {"twitter": ("Tweet", DeliveryKind.POST), "twitterDM": ("Tweet (Direct Message)", DeliveryKind.DM)}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


def listed(session: Session) -> list[DeliveryTemplate]:
    """Returns the built-in templates, then the saved ones by name."""
    saved = session.exec(select(DeliveryTemplate).order_by(col(DeliveryTemplate.name)))
    return [*map(_built_in, _BUILT_IN), *saved]


def named(session: Session, name: str) -> DeliveryTemplate:
    """Finds a template; raises WrongUsage in one sentence when there is none."""
    found = _built_in(name) if name in _BUILT_IN else session.get(DeliveryTemplate, name)
    if found is None:
        raise WrongUsage(f"There is no template {name!r}; `campaign template list` shows them.")
    return found


def draft_of(template: DeliveryTemplate) -> Draft:
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
        template = named(session, name or DEFAULTS[kind or DeliveryKind.POST])
    if kind not in {None, template.kind}:
        raise WrongUsage(f"The template {template.name} is for deliveries of the kind {template.kind.value}.")
    return template


def save_template(delivery_name: str, name: str, actor: str, *, with_content: bool) -> DeliveryTemplate:
    """Saves the settings of a delivery as a template, or replaces one; raises WrongUsage, NotPossible."""
    with transaction() as session:
        delivery = deliveries.named(session, delivery_name)
        draft: Draft = deliveries.draft_of(session, delivery)
        template = save(session, name, delivery.label or name, draft, with_content=with_content)
        audit.record(session, actor, f"template {name}", "saved", pendulum.now("UTC"), f"From {delivery.name}.")
    return template


def duplicate_template(name: str, new_name: str, label: str | None, actor: str) -> DeliveryTemplate:
    """Copies a template to a name that is not taken; raises WrongUsage, NotPossible."""
    with transaction() as session:
        original = named(session, name)
        draft = draft_of(original)
        copy = save(session, new_name, label or original.label, draft, with_content=True, may_replace=False)
        audit.record(session, actor, f"template {new_name}", "saved", pendulum.now("UTC"), f"A copy of {name}.")
    return copy


def delete_template(name: str, actor: str) -> None:
    """Deletes a template; raises WrongUsage when there is none, NotPossible when it is built in.

    Deliveries that were made from it stay as they are.
    """
    with transaction() as session:
        named(session, name)
        _check_not_built_in(name)
        session.execute(delete(DeliveryTemplate).where(col(DeliveryTemplate.name) == name))
        audit.record(session, actor, f"template {name}", "deleted", pendulum.now("UTC"))


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

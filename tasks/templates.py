"""What people do with templates: make a delivery's settings one, start from one, copy it, forget it."""

from campaign.domain.drafts import Draft
from campaign.errors import WrongUsage
from campaign.store import deliveries, drafts, templates
from campaign.store.engine import reading, writing
from models import DeliveryKind, DeliveryTemplate


def template_for(kind: DeliveryKind | None, name: str | None) -> DeliveryTemplate:
    """The template that a new delivery starts from; raises WrongUsage when it is one for another kind."""
    with reading() as session:
        template = templates.named(session, name or templates.DEFAULTS[kind or DeliveryKind.POST])
    if kind not in {None, template.kind}:
        raise WrongUsage(f"The template {template.name} is for deliveries of the kind {template.kind.value}.")
    return template


def save_template(delivery_name: str, name: str, *, with_content: bool) -> DeliveryTemplate:
    """Make the settings of a delivery a template, or the new content of one; raises WrongUsage, NotPossible."""
    with writing() as session:
        delivery = deliveries.named(session, delivery_name)
        draft: Draft = drafts.draft_of(session, delivery)
        return templates.save(session, name, delivery.label or name, draft, with_content=with_content)


def duplicate_template(name: str, new_name: str, label: str | None) -> DeliveryTemplate:
    """Copy a template to a name that is not taken; raises WrongUsage, NotPossible."""
    with writing() as session:
        return templates.duplicate(session, name, new_name, label)


def delete_template(name: str) -> None:
    """Forget a template; raises WrongUsage when there is none, NotPossible when it is built in."""
    with writing() as session:
        templates.delete(session, name)

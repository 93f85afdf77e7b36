"""A delivery as a person describes it, whole: in a form, on the command line, or in a template."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from campaign.domain.broadcasts import Broadcast
from campaign.domain.content import Content
from models import ApprovalMode, DeliveryKind, Priority


class Draft(BaseModel):
    """What a delivery is made from; services by their internal names. A template is one, usually without parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: DeliveryKind = DeliveryKind.POST
    label: str = ""
    code: str = ""
    description: str = ""
    services: list[str] = []
    proof_service: str | None = None
    content: Content = Content()
    contact_date: datetime | None = None
    """With a time zone; None is as soon as it is confirmed."""
    validity_days: int = 5
    approval: ApprovalMode = ApprovalMode.MANUAL
    tracking: bool = True
    is_invitation: bool = False
    """Whether it invites people to become contacts: nobody twice, and no contact."""
    broadcast: Broadcast = Broadcast()
    """Of direct messages only."""
    priority: Priority = Priority.NORMAL
    """Of direct messages only: which of a service's broadcasts goes first."""

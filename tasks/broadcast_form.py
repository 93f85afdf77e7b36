"""The form of a new broadcast in the Prefect UI."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from campaign.domain.broadcasts import Audience, Broadcast
from campaign.domain.conditions import parse
from campaign.domain.content import Content, MediaItem, NamedLink, Part
from campaign.domain.drafts import Draft
from campaign.errors import WrongUsage
from models import ApprovalMode, DeliveryKind, Priority
from tasks.twitter_service import TwitterService
from tasks.wave_form import CalendarWaveForm, WaveForm, waves_of

#: The titles are what the form offers beside *None*.
_Number = Annotated[int, Field(title="Number", ge=1)]
_Moment = Annotated[AwareDatetime, Field(title="Date and time")]


class BroadcastForm(BaseModel):
    """Nothing goes out before you have seen who gets what, and said yes."""

    model_config = ConfigDict(title="New broadcast")

    label: str = Field(title="Label", description="The name you read in lists and reports.", min_length=1)
    services: list[TwitterService] = Field(
        title="Services", description="Whose followers get it, each from the account that is followed.", min_length=1
    )
    text: str = Field(
        title="Text",
        description="{{ visitor.full_name }} becomes each person's name; {{ visitor.full_name | default('there') }}"
        " also writes to people without one. Likewise visitor.username, visitor.location, service.label. The opt-out"
        " line of the service is added.",
        json_schema_extra={"format": "textarea"},
    )
    media: MediaItem | None = Field(None, title="Picture, GIF or video", description="One file for everybody.")
    tracking: bool = Field(
        True,
        title="Tracking",
        description="Counts who clicks on its links: each is replaced by a short one, another for each person.",
    )
    links: list[NamedLink] = Field(
        [],
        title="Links",
        description="Only for links that get a name in reports, or whose clicks are not to be counted.",
    )
    where: str = Field(
        "",
        title="Only those who meet this condition",
        description="Such as: followers_count > 50 and verified and location contains 'Gent'. Empty: all followers.",
    )
    people: list[str] = Field(
        [], title="Only these people", description="Handles or X user ids. Empty: all followers.", max_length=1_000
    )
    recipients_of: str = Field(
        "",
        title="Only recipients of",
        description="Those who got another broadcast, by its internal name, such as dm-2026-11-26-sale.",
    )
    except_where: str = Field(
        "", title="Except those who meet this condition", description="In the same words. Empty: no exceptions."
    )
    not_if_received: list[str] = Field(
        [], title="Not if received", description="Internal names of broadcasts: who got one of them does not get this."
    )
    limit: _Number | None = Field(None, title="Limit", description="At most so many people in all.")
    waves: WaveForm | None = Field(
        None,
        title="Waves of the same size",
        description="So many at a time, such as 100 every 24 hours. None: as fast as X allows.",
    )
    calendar: list[CalendarWaveForm] = Field(
        [],
        title="Waves by a calendar",
        description="Waves of different sizes, such as 50 at once and the rest after 24 hours. Choose one of the two.",
    )
    priority: Priority = Field(
        Priority.NORMAL, title="Priority", description="Of several broadcasts of a service the higher one goes first."
    )
    contact_date: _Moment | None = Field(
        None, title="Contact date", description="When it begins; as soon as it is confirmed when left empty."
    )
    validity_days: int = Field(
        5, title="Validity in days", description="What has not gone out by then is cancelled.", ge=1, le=60
    )
    proof_recipients: list[str] = Field(
        [],
        title="Proof recipients",
        description="Handles of followers, such as your own: they get it first, before you are asked.",
    )
    approval: ApprovalMode = Field(
        ApprovalMode.MANUAL,
        title="Approval",
        description="manual: you are always asked. semi_automatic: only when something was found. automatic: never,"
        " unless somebody in it never agreed to be written to.",
    )

    def draft(self) -> Draft:
        """The delivery that the form describes; raises WrongUsage when a condition cannot be understood."""
        self._check("where", self.where)
        self._check("except_where", self.except_where)
        part = Part(text=self.text, media=[self.media] if self.media else [])
        return Draft(
            kind=DeliveryKind.DM,
            label=self.label,
            services=[service.internal_name for service in self.services],
            content=Content(parts=[part], links=self.links),
            tracking=self.tracking,
            contact_date=self.contact_date,
            validity_days=self.validity_days,
            approval=self.approval,
            priority=self.priority,
            broadcast=Broadcast(
                audience=self._audience(),
                waves=waves_of(self.waves, self.calendar),
                proof_recipients=self.proof_recipients,
            ),
        )

    def _check(self, field: str, condition: str) -> None:
        """Here, and not when the form is read: of what is refused there Prefect shows more than one sentence."""
        try:
            if condition.strip():
                parse(condition)
        except WrongUsage as error:
            raise WrongUsage(f"{type(self).model_fields[field].title}: {error}") from None

    def _audience(self) -> Audience:
        return Audience(
            where=self.where,
            people=self.people,
            recipients_of=self.recipients_of,
            except_where=self.except_where,
            not_if_received=self.not_if_received,
            limit=self.limit,
        )

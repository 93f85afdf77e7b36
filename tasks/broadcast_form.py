"""The form of a new broadcast in the Prefect UI."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from campaign.domain.broadcasts import Audience, Broadcast, PlannedWave, SameWaves, Waves
from campaign.domain.conditions import parse
from campaign.domain.content import Content, MediaItem, Part
from campaign.domain.drafts import Draft
from campaign.errors import WrongUsage
from models import ApprovalMode, DeliveryKind, Priority
from tasks.twitter_service import TwitterService


class WaveForm(BaseModel):
    """How the messages are spread over time."""

    model_config = ConfigDict(title="Waves")

    size: int = Field(title="Size", description="Messages, or per cent of all of them.", ge=1)
    per_cent: bool = Field(False, title="Per cent")
    every_hours: int = Field(24, title="Every … hours", description="A wave of this size begins so often.", ge=1)


class CalendarWaveForm(BaseModel):
    """One wave of a calendar."""

    model_config = ConfigDict(title="Wave of a calendar")

    after_hours: int = Field(title="Begins … hours after the start", ge=0)
    size: int = Field(title="Size", description="Messages, or per cent of all of them.", ge=1)
    per_cent: bool = Field(False, title="Per cent")


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
        " also writes to people without one. The opt-out line of the service is added.",
        json_schema_extra={"format": "textarea"},
    )
    media: MediaItem | None = Field(None, title="Picture, GIF or video", description="One file for everybody.")
    where: str = Field(
        "",
        title="Only those who meet this condition",
        description="Such as: followers_count > 50 and verified and location contains 'Gent'. Empty: all followers.",
    )
    people: list[str] = Field(
        [], title="Only these people", description="Handles or X user ids. Empty: all followers.", max_length=1_000
    )
    recipients_of: str = Field("", title="Only recipients of", description="The internal name of another broadcast.")
    except_where: str = Field("", title="Except those who meet this condition")
    not_if_received: list[str] = Field(
        [], title="Not if received", description="Internal names of broadcasts: who got one of them gets nothing."
    )
    limit: int | None = Field(None, title="Limit", description="At most so many people in all.", ge=1)
    waves: WaveForm | None = Field(None, title="Waves of the same size", description="Otherwise as X allows.")
    calendar: list[CalendarWaveForm] = Field([], title="Waves by a calendar", description="Instead of the same size.")
    priority: Priority = Field(Priority.NORMAL, title="Priority", description="Among the broadcasts of a service.")
    contact_date: AwareDatetime | None = Field(
        None, title="Contact date", description="When it begins; as soon as it is confirmed when left empty."
    )
    validity_days: int = Field(
        5, title="Validity in days", description="What has not gone out by then is cancelled.", ge=1, le=60
    )
    proof_recipients: list[str] = Field(
        [], title="Proof recipients", description="Handles of those who get it first, exactly as it will be."
    )
    approval: ApprovalMode = Field(
        ApprovalMode.MANUAL,
        title="Approval",
        description="manual: you are always asked. semi_automatic: only when something was found. automatic: never.",
    )

    @model_validator(mode="after")
    def _check(self) -> "BroadcastForm":
        for text in filter(None, (self.where, self.except_where)):
            try:
                parse(text)
            except WrongUsage as error:
                raise ValueError(str(error)) from None
        return self

    def draft(self) -> Draft:
        """The delivery that the form describes."""
        part = Part(text=self.text, media=[self.media] if self.media else [])
        return Draft(
            kind=DeliveryKind.DM,
            label=self.label,
            services=[service.internal_name for service in self.services],
            content=Content(parts=[part]),
            contact_date=self.contact_date,
            validity_days=self.validity_days,
            approval=self.approval,
            priority=self.priority,
            broadcast=Broadcast(audience=self._audience(), waves=self._waves(), proof_recipients=self.proof_recipients),
        )

    def _audience(self) -> Audience:
        return Audience(
            where=self.where,
            people=self.people,
            recipients_of=self.recipients_of,
            except_where=self.except_where,
            not_if_received=self.not_if_received,
            limit=self.limit,
        )

    def _waves(self) -> Waves:
        same = self.waves and SameWaves(
            amount=self.waves.size,
            is_percentage=self.waves.per_cent,
            period_seconds=self.waves.every_hours * 3600,
        )
        planned = [
            PlannedWave(amount=one.size, is_percentage=one.per_cent, after_seconds=one.after_hours * 3600)
            for one in self.calendar
        ]
        return Waves(same=same, calendar=planned)

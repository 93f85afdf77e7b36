"""The forms of new deliveries in the Prefect UI."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from campaign.audience.conditions import parse
from campaign.audience.people_files import check_person
from campaign.deliveries.draft import (
    MOST_PARTS,
    Audience,
    Broadcast,
    Content,
    Draft,
    MediaItem,
    NamedLink,
    Part,
    PlannedWave,
    PollContent,
    SameWaves,
    Waves,
)
from campaign.errors import WrongUsage
from campaign.x.types import ReplySettings
from models import ApprovalMode, DeliveryKind, Priority
from tasks.services import XAccount


class PostAction(StrEnum):
    """What a run does with one post."""

    PUBLISH = "publish"
    PROOF = "proof"
    WITHDRAW = "withdraw"
    WITHDRAW_PROOFS = "withdraw proofs"


class BroadcastAction(StrEnum):
    """What a run does with one broadcast."""

    SEND = "send"
    PROOF = "proof"


_WRITER = Field(
    "",
    title="Your name",
    description="Needed where a service asks for approval by another person: the name of your account at the desk.",
)


def _check_filled(form: BaseModel) -> None:
    """Raises WrongUsage with each needed field that is empty: Prefect would refuse them in words of its own."""
    values = {name: getattr(form, name) for name in ("label", "services", "text")}
    empty = [name for name, value in values.items() if not (value.strip() if isinstance(value, str) else value)]
    if empty:
        titles = ", ".join(str(type(form).model_fields[name].title) for name in empty)
        raise WrongUsage(f"Empty in the form: {titles}. Fill in what is missing, and run it again.")


class PostForm(BaseModel):
    """Nothing goes out before you have seen the preview and confirmed it."""

    model_config = ConfigDict(title="New post")

    label: str = Field("", title="Label", description="Needed: the name you read in lists and reports.")
    services: list[XAccount] = Field(
        [], title="Accounts", description="Needed: the services whose accounts publish it."
    )
    text: str = Field(
        "",
        title="Text",
        description="Needed: at most 280 characters as X counts. {{ service.label }} becomes the label of each"
        " service.",
        json_schema_extra={"format": "textarea"},
    )
    more_parts: list[str] = Field(
        [],
        title="More parts",
        description="A thread: each of these replies to the one before it.",
        max_length=MOST_PARTS - 1,
    )
    media: list[MediaItem] = Field(
        [],
        title="Pictures, GIF or video",
        description="Up to four pictures, or one GIF or video, shown with the first part.",
    )
    poll: PollContent | None = Field(None, title="Poll", description="A question instead of pictures.")
    reply_settings: ReplySettings | None = Field(
        None, title="Who may answer", description="All people when nothing is chosen."
    )
    paid_partnership: bool = Field(False, title="Paid partnership", description="X marks it as such.")
    made_with_ai: bool = Field(False, title="Made with AI", description="X marks it as such.")
    tracking: bool = Field(
        True, title="Tracking", description="Counts the clicks on its links: each is replaced by a short one of ours."
    )
    links: list[NamedLink] = Field(
        [],
        title="Links",
        description="Only for links that get a name in reports, or whose clicks are not to be counted.",
    )
    contact_date: AwareDatetime | None = Field(
        None, title="Contact date", description="When it goes out; as soon as it is confirmed when left empty."
    )
    validity_days: int = Field(
        5, title="Validity in days", description="After the contact date it may go out for so many days.", ge=1, le=60
    )
    proof: XAccount | None = Field(
        None, title="Proof service", description="A private test account that gets it first, exactly as it will be."
    )
    approval: ApprovalMode = Field(
        ApprovalMode.MANUAL,
        title="Approval",
        description="manual: you are always asked. semi_automatic: only when something was found. automatic: never,"
        " unless a service has rules for it.",
    )
    written_by: str = _WRITER

    def draft(self) -> Draft:
        """Returns the delivery that the form describes; raises WrongUsage where a needed field is empty."""
        _check_filled(self)
        first = Part(text=self.text, media=self.media, poll=self.poll)
        parts = [first, *(Part(text=text) for text in self.more_parts)]
        return Draft(
            label=self.label,
            services=[service.internal_name for service in self.services],
            proof_service=self.proof.internal_name if self.proof else None,
            content=Content(
                parts=parts,
                reply_settings=self.reply_settings,
                paid_partnership=self.paid_partnership,
                made_with_ai=self.made_with_ai,
                links=self.links,
            ),
            tracking=self.tracking,
            contact_date=self.contact_date,
            validity_days=self.validity_days,
            approval=self.approval,
        )


_SIZE = "A number of messages, or a percentage of all messages, see below."
_PER_CENT = "The size is a percentage."


class WaveForm(BaseModel):
    """How the messages are spread over time."""

    model_config = ConfigDict(title="Waves")

    size: int = Field(title="Size", description=_SIZE, ge=1)
    per_cent: bool = Field(False, title="Per cent", description=_PER_CENT)
    every_hours: int = Field(24, title="Every … hours", description="The time between the starts of two waves.", ge=1)


class CalendarWaveForm(BaseModel):
    """One wave of a calendar."""

    model_config = ConfigDict(title="Wave of a calendar")

    after_hours: int = Field(title="Begins … hours after the start", description="0: at once.", ge=0)
    size: int = Field(title="Size", description=_SIZE, ge=1)
    per_cent: bool = Field(False, title="Per cent", description=_PER_CENT)


def waves_of(every: WaveForm | None, calendar: Sequence[CalendarWaveForm]) -> Waves:
    """Returns the waves that the form describes."""
    same = every and SameWaves(
        amount=every.size,
        is_percentage=every.per_cent,
        period_seconds=every.every_hours * 3600,
    )
    planned = [
        PlannedWave(amount=one.size, is_percentage=one.per_cent, after_seconds=one.after_hours * 3600)
        for one in calendar
    ]
    return Waves(same=same, calendar=planned)


_READ = TypeVar("_READ")
#: The titles are what the form offers beside *None*.
_Number = Annotated[int, Field(title="Number", ge=1)]
_Moment = Annotated[AwareDatetime, Field(title="Date and time")]


class BroadcastForm(BaseModel):
    """Nothing goes out before you have seen who gets what, and confirmed it."""

    model_config = ConfigDict(title="New broadcast")

    label: str = Field("", title="Label", description="Needed: the name you read in lists and reports.")
    services: list[XAccount] = Field(
        [], title="Services", description="Needed: whose followers get it, each from the account that is followed."
    )
    text: str = Field(
        "",
        title="Text",
        description="Needed. {{ visitor.full_name }} becomes each person's name;"
        " {{ visitor.full_name | default('there') }} also writes to people without one. Likewise visitor.username,"
        " visitor.location, service.label. The opt-out line of the service is added.",
        json_schema_extra={"format": "textarea"},
    )
    media: MediaItem | None = Field(None, title="Picture, GIF or video", description="One file for all recipients.")
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
        [],
        title="Only these people",
        description="Handles, X user ids or addresses of profiles. Empty: all.",
        max_length=1_000,
    )
    recipients_of: str = Field(
        "",
        title="Only recipients of",
        description="Those who got another broadcast, by its internal name, such as dm-2026-11-26-sale.",
    )
    except_where: str = Field(
        "", title="Except those who meet this condition", description="Written in the same way. Empty: no exceptions."
    )
    not_if_received: list[str] = Field(
        [],
        title="Not if received",
        description="Internal names of broadcasts: recipients of any of them do not get this one.",
    )
    limit: _Number | None = Field(None, title="Limit", description="The most recipients in all.")
    waves: WaveForm | None = Field(
        None,
        title="Waves of the same size",
        description="Such as 100 every 24 hours. None: as fast as X allows.",
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
        5, title="Validity in days", description="Messages that have not gone out by then are cancelled.", ge=1, le=60
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
        " unless some recipients never agreed to receive messages, or a service has rules for it.",
    )
    written_by: str = _WRITER

    def draft(self) -> Draft:
        """Returns the delivery that the form describes; raises WrongUsage for an invalid condition, handle or id."""
        _check_filled(self)
        for field in ("where", "except_where"):
            if condition := getattr(self, field).strip():
                self._read(field, parse, condition)
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
                audience=Audience(
                    where=self.where,
                    people=[self._read("people", check_person, text.strip()) for text in self.people if text.strip()],
                    recipients_of=self.recipients_of,
                    except_where=self.except_where,
                    not_if_received=self.not_if_received,
                    limit=self.limit,
                ),
                waves=waves_of(self.waves, self.calendar),
                proof_recipients=[
                    self._read("proof_recipients", check_person, text.strip())
                    for text in self.proof_recipients
                    if text.strip()
                ],
            ),
        )

    def _read(self, field: str, read: Callable[[str], _READ], text: str) -> _READ:
        """Reads a text of a field: a validator of the form would make Prefect show a long error."""
        try:
            return read(text)
        except WrongUsage as error:
            raise WrongUsage(f"{type(self).model_fields[field].title}: {error}") from None


_LINK = "{{ join_link }} becomes"
_MESSAGE = (
    "Hello {{ visitor.full_name | default('there') }}, may we get to know you? Share your profile with"
    " {{ service.label }} here: {{ join_link }}"
)
_POST = "May we get to know you? Share your profile with {{ service.label }} here: {{ join_link }}"


class MessageInvitationForm(BroadcastForm):
    """Each person is invited once, and no contact. Nothing goes out before you have seen and confirmed it."""

    model_config = ConfigDict(title="Invitation by direct message")

    text: str = Field(
        _MESSAGE,
        title="Text",
        description=f"{_LINK} each person's own link to the page that asks. Other fields as in a broadcast, such as"
        " visitor.full_name and service.label. The opt-out line of the service is added.",
        json_schema_extra={"format": "textarea"},
    )

    def draft(self) -> Draft:
        """Returns the delivery that the form describes; raises WrongUsage for an invalid condition, handle or id."""
        return super().draft().model_copy(update={"is_invitation": True})


class PostInvitationForm(PostForm):
    """Nothing goes out before you have seen the preview and confirmed it."""

    model_config = ConfigDict(title="Invitation by post")

    text: str = Field(
        _POST,
        title="Text",
        description=f"{_LINK} the link to the page that asks, the same for all readers. At most 280 characters as X"
        " counts: the link counts 23.",
        json_schema_extra={"format": "textarea"},
    )

    def draft(self) -> Draft:
        """Returns the delivery that the form describes."""
        return super().draft().model_copy(update={"is_invitation": True})

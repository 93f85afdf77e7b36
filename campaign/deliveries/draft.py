"""What a person describes of a delivery: content, target, waves, schedule, name. Pure."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from slugify import slugify

from campaign.formatting import without_remarks
from campaign.x.types import MediaKind, ReplySettings
from models import ApprovalMode, DeliveryKind, Priority

MOST_PARTS = 25
LIBRARY = "library:"
"""Before the name of a file of the media library."""


class _Plain(BaseModel):
    """Unchangeable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _unremarked(text: str) -> str:
    return without_remarks(text).strip() if "{#" in text else text


class MediaItem(_Plain):
    """A picture, GIF or video, and its description for those who cannot see it."""

    model_config = ConfigDict(title="File")

    source: str = Field(
        title="File",
        description="`library:NAME` of the media library (`campaign media list`), a path in the media folder, or an"
        " https address.",
    )
    alt_text: Annotated[str, AfterValidator(_unremarked)] = Field("", title="Alternative text", max_length=1000)

    @property
    def is_in_library(self) -> bool:
        """Whether it names a file of the media library."""
        return self.source.lstrip().startswith(LIBRARY)


class PollContent(_Plain):
    """A question's answers, and how long it is open."""

    model_config = ConfigDict(title="Poll")

    options: list[Annotated[str, AfterValidator(_unremarked)]] = Field(title="Answers", min_length=2, max_length=4)
    minutes: int = Field(1440, title="Open for minutes", ge=5, le=10_080)


class Part(_Plain):
    """One post: alone, or one of a thread."""

    text: str = ""
    media: list[MediaItem] = []
    poll: PollContent | None = None
    own_texts: dict[str, str] = {}
    """The texts of single accounts, by their internal names in lower case, in place of `text`. Of posts only."""

    def text_for(self, account: str) -> str:
        """Returns the text of an account: its own where it has one."""
        return self.own_texts.get(account.lower(), self.text)

    @property
    def texts(self) -> list[str]:
        """Returns the text, and those of single accounts."""
        return [self.text, *self.own_texts.values()]


class NamedLink(_Plain):
    """What reports call a link of the text, and whether its clicks are counted."""

    model_config = ConfigDict(title="Link")

    url: str = Field(title="Link", description="As it is written in the text.", min_length=1)
    label: str = Field("", title="Label", description="What reports call it.")
    category: str = Field("", title="Category", description="Reports add up the links of a category.")
    tracked: bool = Field(True, title="Tracked", description="Whether its clicks are counted.")


class Content(_Plain):
    """Everything that goes out to each account; several parts are a thread, each answering the one before."""

    parts: list[Part] = Field(default=[], max_length=MOST_PARTS)
    reply_settings: ReplySettings | None = None
    paid_partnership: bool = False
    made_with_ai: bool = False
    links: list[NamedLink] = []
    """Only of links that have a name, or are not tracked."""


MOST_WAVES = 100
LONGEST_LIST = 100_000


class Audience(_Plain):
    """The target: all followers, or a list, or the recipients of another delivery; those of them who meet `where`."""

    where: str = ""
    """A condition, see campaign.audience.conditions; empty includes all."""
    people: list[str] = Field(default=[], max_length=LONGEST_LIST)
    """Handles or X user ids."""
    recipients_of: str = ""
    """The internal name of a delivery: its recipients."""
    except_where: str = ""
    """People who meet this condition are excluded."""
    not_if_received: list[str] = []
    """Internal names of deliveries: their recipients are excluded."""
    limit: int | None = Field(default=None, ge=1)
    """At most so many people in all."""


class WaveSize(_Plain):
    """How large a wave is: so many messages, or so many per cent of all of them."""

    amount: int = Field(ge=1)
    is_percentage: bool = False


class PlannedWave(WaveSize):
    """One wave of a calendar: its size, and how long after the start of the delivery it begins."""

    after_seconds: int = Field(0, ge=0)


class SameWaves(WaveSize):
    """Waves of one size, one every `period_seconds`, as many as it takes."""

    period_seconds: int = Field(ge=60)


class Waves(_Plain):
    """At most one of the two; neither is a single wave. The last wave of a calendar takes all that are left."""

    same: SameWaves | None = None
    calendar: list[PlannedWave] = Field(default=[], max_length=MOST_WAVES)


class Broadcast(_Plain):
    """What only a broadcast has."""

    audience: Audience = Audience()
    waves: Waves = Waves()
    proof_recipients: list[str] = Field(default=[], max_length=100)
    """Handles of the recipients of its proofs, from the first service of the delivery."""


class Draft(BaseModel):
    """The settings of a delivery; services by their internal names. A template is one, usually without parts."""

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
    """Whether it invites people to become contacts: each once, and not those who are contacts."""
    broadcast: Broadcast = Broadcast()
    """Of direct messages only."""
    priority: Priority = Priority.NORMAL
    """Of direct messages only: which of a service's broadcasts goes first."""


LONGEST_NAME = 80
"""What the column of the name holds, see models.Delivery."""


def delivery_name(label: str, kind: DeliveryKind, day: date, taken: Container[str]) -> str:
    """Makes a name of the label that is not `taken`: plain letters, digits and hyphens, and a number where needed."""
    base = "-".join(filter(None, [kind.value, day.strftime("%Y-%m-%d"), slugify(label)]))
    endings = (f"-{number}" if number > 1 else "" for number in count(1))
    names = (base[: LONGEST_NAME - len(ending)].rstrip("-") + ending for ending in endings)
    return next(name for name in names if name not in taken)


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file that was read: `sha256` of its bytes, `path` of the copy that is sent, `size` in bytes."""

    source: str
    path: str
    sha256: str
    size: int
    media_type: str
    kind: MediaKind
    alt_text: str
    width: int = 0
    height: int = 0
    seconds: float = 0
    """Of a video."""


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file that cannot be sent, with a code and a sentence that says why."""

    source: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Target:
    """An account as the analysis knows it: its limits, what it may still spend, what it posted lately."""

    service_id: int
    internal_name: str
    label: str
    name: str
    """Its name on X."""
    longest_post: int
    blocked_because: str
    """Empty when it is not."""
    protected: bool | None = None
    api_version: str = "2"
    recent_texts: tuple[str, ...] = ()
    """What went out on it through us in the last 24 hours."""
    left: Decimal = Decimal(0)
    """US dollars that its spend cap still allows this month."""
    link_price: Decimal = Decimal("0.200")
    plain_price: Decimal = Decimal("0.015")
    upload_price: Decimal = Decimal("0.010")
    alt_text_price: Decimal = Decimal("0.005")
    deletion_price: Decimal = Decimal("0.005")
    open_at: datetime | None = None
    """When X allows posts again; None when it does now."""
    fields: tuple[tuple[str, str], ...] = ()
    """The fields of `service` that a text may be personalised with: label, internal_name, name, username."""
    join_link: str = ""
    """Where people become contacts of the account, as this delivery invites them; empty without a public address."""


@dataclass(frozen=True, slots=True)
class RenderedPart:
    """One post of one account, final."""

    service_id: int
    part: int
    text: str
    files: tuple[LoadedFile, ...] = ()
    poll: PollContent | None = None
    reply_settings: ReplySettings | None = None
    paid_partnership: bool = False
    made_with_ai: bool = False
    links: tuple[NamedLink, ...] = ()
    """Those whose clicks can be counted, by their addresses in this text."""


def loaded(part: Part, files: Mapping[str, object]) -> tuple[LoadedFile, ...]:
    """Returns the files of a part that can be sent, each with the description that this part gives it."""
    found = [(files.get(item.source), item.alt_text) for item in part.media]
    return tuple(replace(file, alt_text=alt_text) for file, alt_text in found if isinstance(file, LoadedFile))

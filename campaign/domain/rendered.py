"""A delivery as it will go out: every part for every account, personalised, with its files looked at."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from campaign.domain.content import NamedLink, PollContent
from campaign.domain.posts import MediaKind, ReplySettings


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


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file that cannot be sent, with a code and a sentence that says why."""

    source: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Target:
    """An account as the analysis knows it: what it may write, what it may still spend, what it posted lately."""

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
    alt_text_price: Decimal = Decimal("0.005")
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
    links: tuple[NamedLink, ...] = ()
    """Those whose clicks can be counted, by their addresses in this text."""

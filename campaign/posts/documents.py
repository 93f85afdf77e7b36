"""A post as people read it: its preview, as X will show it, and its report, part by part. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import quote, urlsplit

from campaign.deliveries.draft import LIBRARY, LoadedFile, RenderedPart, Target
from campaign.formatting import usd
from campaign.reporting.document import Attachment, Document, Findings, Mark, Piece, Post, Section
from campaign.x.text import spans, weigh
from campaign.x.types import MediaKind, ReplySettings
from models import Delivery, DeliveryState, Message, Service

_HAS_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_ADDRESS_CHARACTERS = "/:?#@!$&'*+,;=%~[]"
_WHO_MAY_REPLY = {
    None: "Everyone can reply",
    ReplySettings.FOLLOWING: "Only accounts that @{handle} follows or mentions can reply",
    ReplySettings.MENTIONED: "Only accounts that @{handle} mentions can reply",
    ReplySettings.SUBSCRIBERS: "Only subscribers of @{handle} and accounts it mentions can reply",
    ReplySettings.VERIFIED: "Only verified accounts and those that @{handle} mentions can reply",
}
_KINDS = {MediaKind.IMAGE: "image", MediaKind.GIF: "GIF", MediaKind.VIDEO: "video"}
_KILOBYTE, _MEGABYTE = 1_000, 1_000_000


class Found(Protocol):
    """What is shown of a finding of the analysis."""

    @property
    def level(self) -> str:
        """One of error, warning, info."""

    @property
    def sentence(self) -> str:
        """What is the matter and what to do."""


def preview_of(label: str, name: str, posts: Sequence[Post], cost: Decimal, findings: Iterable[Found] = ()) -> Document:
    """Makes the preview of a delivery: its posts, their cost in US dollars, and what its analysis found."""
    price = Section(bold="Cost:", text=usd(cost))
    return Document(label, name, (*posts, price, *by_level(findings)))


def post_of(
    target: Target,
    part: RenderedPart,
    *,
    parts: int,
    thumbnails: Sequence[bytes | None] = (),
    at: datetime | None = None,
) -> Post:
    """Makes a post of a part, one of so many, as the account will show it; without a time once it is confirmed."""
    missing = (None,) * len(part.files)
    # The parts after the first repeat who may reply only where they say so themselves.
    disclosures = ["Paid partnership"] * part.paid_partnership + ["Made with AI"] * part.made_with_ai
    says_who_may_reply = part.part == 1 or part.reply_settings is not None
    return Post(
        account_name=target.name or target.internal_name,
        handle=target.internal_name,
        label=target.label,
        part=part.part,
        parts=parts,
        pieces=tuple(pieces(part.text)),
        weight=weigh(part.text),
        limit=target.longest_post,
        at=at,
        who_may_reply=_WHO_MAY_REPLY[part.reply_settings].format(handle=target.internal_name)
        if says_who_may_reply
        else "",
        everyone_may_reply=part.reply_settings is None,
        files=tuple(map(attachment, part.files, (*thumbnails, *missing))),
        answers=tuple(part.poll.options) if part.poll else (),
        poll_ends=poll_ends(part.poll.minutes) if part.poll else "",
        disclosures=tuple(disclosures),
    )


def pieces(text: str) -> list[Piece]:
    """Cuts a text where X begins and ends a link, a mention, a hashtag or a cashtag; nothing of it is lost."""
    found, end = [], 0
    for span in spans(text):
        marked = text[span.start : span.end]
        found += [Piece(text[end : span.start]), Piece(marked, Mark(span.kind), _address(Mark(span.kind), marked))]
        end = span.end
    return [piece for piece in (*found, Piece(text[end:])) if piece.text]


def _address(mark: Mark, text: str) -> str:
    name = quote(text[1:], safe="/")
    match mark:
        case Mark.MENTION:
            return f"https://x.com/{name}"
        case Mark.HASHTAG:
            return f"https://x.com/hashtag/{name}"
        case Mark.CASHTAG:
            return f"https://x.com/search?q=%24{name}"
    return quote(text if _HAS_SCHEME.match(text) else f"https://{text}", safe=_ADDRESS_CHARACTERS)


def attachment(file: LoadedFile, thumbnail: bytes | None = None) -> Attachment:
    """Makes an attachment of a file, with what it is: an image, 1200 by 800, 85 kB."""
    measured = f" {file.width}\N{MULTIPLICATION SIGN}{file.height}" if file.width and file.height else ""
    is_large = file.size >= _MEGABYTE
    size = f"{file.size / _MEGABYTE:.1f} MB" if is_large else f"{max(1, round(file.size / _KILOBYTE))} kB"
    return Attachment(
        name=file_name(file.source),
        facts=f"{_KINDS[file.kind]}{measured}, {size}",
        alt_text=file.alt_text,
        thumbnail=thumbnail or b"",
        kind=_KINDS[file.kind],
        path=str(file.path),
        media_type=file.media_type,
        size=file.size,
        width=file.width,
        height=file.height,
    )


def file_name(source: str) -> str:
    """Returns the name of a file without the folders or the address that it came from."""
    return PurePosixPath(urlsplit(source).path if "://" in source else source).name.removeprefix(LIBRARY) or source


def poll_ends(minutes: int) -> str:
    """Formats how long a poll is open, in the largest units that are not empty: `1 day 3 hours left`."""
    left = timedelta(minutes=minutes)
    hours, rest = divmod(left.seconds // 60, 60)
    units = (("day", left.days), ("hour", hours), ("minute", rest))
    return " ".join(f"{count} {unit}{'s' * (count != 1)}" for unit, count in units if count) + " left"


def by_level(findings: Iterable[Found]) -> list[Findings]:
    """Collects the sentences of each level, errors first; a level without any is left out."""
    found: dict[str, list[str]] = {"error": [], "warning": [], "info": []}
    for finding in findings:
        found[str(finding.level)].append(finding.sentence)
    return [Findings(level, tuple(sentences)) for level, sentences in found.items() if sentences]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One part on one account."""

    service: str
    handle: str
    part: int
    proof_number: int
    state: str
    x_id: str | None
    at: datetime | None
    reason: str

    @property
    def link(self) -> str:
        """Returns the address on X; empty while it is not out."""
        return f"https://x.com/{self.handle}/status/{self.x_id}" if self.x_id else ""

    def as_json(self) -> dict[str, object]:
        """Returns the line for scripts."""
        return {
            "state": self.state,
            "service": self.service,
            "external_id": None,
            "part": self.part,
            "proof": self.proof_number or None,
            "x_id": self.x_id,
            "at": self.at.isoformat() if self.at else None,
            "link": self.link or None,
            "reason": self.reason or None,
        }

    def as_row(self) -> dict[str, str]:
        """Returns the line for people."""
        return {
            "Account": f"@{self.handle}",
            "Part": str(self.part),
            "Proof": str(self.proof_number or ""),
            "State": self.state,
            "Time": f"{self.at:%Y-%m-%d %H:%M:%S %Z}" if self.at else "",
            "Link": self.link,
            "Reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A delivery with its log."""

    name: str
    label: str
    state: DeliveryState
    reason: str
    lines: tuple[LogLine, ...]

    @property
    def is_unhappy(self) -> bool:
        """Returns whether a person has to do something."""
        return self.state in {DeliveryState.FAILED, DeliveryState.EXPIRED}

    @property
    def first_link(self) -> str:
        """Returns the address of the first post on X."""
        return next((line.link for line in self.lines if line.link), "")


def report_of(delivery: Delivery, log: Sequence[Message], services: Mapping[int, Service]) -> DeliveryReport:
    """Makes the report of a delivery."""
    accounts = ((message, services[message.service_id]) for message in log)
    lines = tuple(
        LogLine(
            service=service.internal_name,
            handle=service.x_username or service.internal_name,
            part=message.part,
            proof_number=message.proof_number,
            state="withdrawn" if message.withdrawn_at else message.state.value,
            x_id=message.x_id,
            at=message.withdrawn_at or message.settled_at,
            reason=message.reason,
        )
        for message, service in accounts
    )
    return DeliveryReport(delivery.name, delivery.label, delivery.state, delivery.reason, lines)

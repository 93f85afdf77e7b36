"""A post as X will show it, before it is there: what every preview draws. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote

from campaign.domain.content import PollContent
from campaign.domain.posts import ReplySettings
from campaign.domain.rendered import LoadedFile, RenderedPart, Target
from campaign.domain.weight import spans, weigh

_HAS_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_ADDRESS_CHARACTERS = "/:?#@!$&'*+,;=%~[]"


class Found(Protocol):
    """What is shown of a finding of the analysis."""

    @property
    def level(self) -> str:
        """One of error, warning, info."""

    @property
    def code(self) -> str:
        """The name scripts know it by."""

    @property
    def sentence(self) -> str:
        """What is the matter and what to do."""


@dataclass(frozen=True, slots=True)
class PreviewHead:
    """What is said of the delivery as a whole: `cost` in US dollars, and what its analysis found."""

    label: str
    name: str
    cost: Decimal
    findings: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class PostView:
    """One post on one account; `thumbnails` are small JPEGs, one for each file, None where there is none."""

    account_name: str
    handle: str
    label: str
    part: int
    parts: int
    text: str
    weight: int
    limit: int
    files: tuple[LoadedFile, ...] = ()
    thumbnails: tuple[bytes | None, ...] = ()
    poll: PollContent | None = None
    reply_settings: ReplySettings | None = None
    paid_partnership: bool = False
    at: datetime | None = None
    """None is as soon as it is confirmed."""

    @property
    def pictured(self) -> list[tuple[LoadedFile, bytes | None]]:
        """Each file with its thumbnail."""
        missing = (None,) * len(self.files)
        return list(zip(self.files, (*self.thumbnails, *missing), strict=False))


class Mark(StrEnum):
    """How X shows a piece of a text; all but plain ones lead somewhere."""

    PLAIN = ""
    LINK = "link"
    MENTION = "mention"
    HASHTAG = "hashtag"
    CASHTAG = "cashtag"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text that is shown one way; `address` is where it leads, http or https."""

    text: str
    mark: Mark = Mark.PLAIN
    address: str = ""


def view_of(
    target: Target,
    part: RenderedPart,
    *,
    parts: int,
    thumbnails: Sequence[bytes | None] = (),
    at: datetime | None = None,
) -> PostView:
    """See a part, one of so many, as the account will show it."""
    return PostView(
        account_name=target.name or target.internal_name,
        handle=target.internal_name,
        label=target.label,
        part=part.part,
        parts=parts,
        text=part.text,
        weight=weigh(part.text),
        limit=target.longest_post,
        files=part.files,
        thumbnails=tuple(thumbnails),
        poll=part.poll,
        reply_settings=part.reply_settings,
        paid_partnership=part.paid_partnership,
        at=at,
    )


def pieces(text: str) -> list[Piece]:
    """Cut a text where X begins and ends a link, a mention, a hashtag or a cashtag; nothing of it is lost."""
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

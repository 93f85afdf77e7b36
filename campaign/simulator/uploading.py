"""How a file comes to X, in one piece or in segments. Both versions of X's API come through here."""

import time
from enum import StrEnum

from campaign.simulator.accounts import Account
from campaign.simulator.media import CATEGORIES, KINDS, MEGABYTE, Kind, Media
from campaign.simulator.media_contents import DIMENSIONS, problem_of
from campaign.simulator.world import World

MOST_SEGMENTS = 1_000
LARGEST_SEGMENT = 5 * MEGABYTE
LONGEST_ALT_TEXT = 1_000
SIGNS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"BM": "image/bmp"}


class Fault(StrEnum):
    """What is wrong with an upload."""

    TYPE = "media type unrecognized."
    CATEGORY = "media category does not fit the media type."
    SIZE = "File size exceeds the limit or is zero."
    UNKNOWN = "media id is not found, expired, or of another user."
    INDEX = "segment index is not between 0 and 999."
    SEGMENT = "Payload Too Large"
    EMPTY = "media is missing."
    INCOMPLETE = "Segments do not add up to provided total file size."
    FINALIZED = "media is finalized already."
    DIMENSIONS = DIMENSIONS
    ALT_TEXT = "alt text has more than 1000 characters."


class Unusable(Exception):
    """X does not take the upload."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


def begin(
    world: World, account: Account, media_type: str, total_bytes: int, category: str | None, *, shared: bool = False
) -> Media:
    """Begins a file that is to come; when `shared`, several messages may use it."""
    kind = KINDS.get(media_type)
    if kind is None:
        raise Unusable(Fault.TYPE)
    if category is not None and CATEGORIES.get(category) is not kind:
        raise Unusable(Fault.CATEGORY)
    if not 0 < total_bytes <= kind.most_bytes:
        raise Unusable(Fault.SIZE)
    now = time.time()
    media = Media(world.ids.make(now), account.number, media_type, total_bytes, now, world.care)
    media.category, media.shared = category or "", shared
    world.media[media.id] = media
    return media


def find(world: World, account: Account, media_id: str) -> Media:
    """Returns the account's own file, while X still has it."""
    media = world.media.get(media_id)
    if media is None or media.owner != account.number or not media.expires_in(time.time()):
        raise Unusable(Fault.UNKNOWN)
    return media


def append(media: Media, index: int, content: bytes | None) -> None:
    """Saves one segment; the same one may come again."""
    if not 0 <= index < MOST_SEGMENTS:
        raise Unusable(Fault.INDEX)
    if not content:
        raise Unusable(Fault.EMPTY)
    if len(content) > LARGEST_SEGMENT:
        raise Unusable(Fault.SEGMENT)
    if media.finalized is not None:
        raise Unusable(Fault.FINALIZED)
    media.segments[index] = content


def finish(world: World, media: Media) -> bool:
    """Ends an upload, and returns whether this call did; X refuses a photo at once, all else when it is processed."""
    if media.finalized is not None:
        return False
    if not media.is_whole:
        raise Unusable(Fault.INCOMPLETE)
    media.problem = problem_of(media.kind, media.content)
    if media.problem and media.kind is Kind.PHOTO:
        raise Unusable(Fault.DIMENSIONS)
    media.complete(time.time(), world.care)
    return True


def at_once(world: World, account: Account, content: bytes, category: str | None, *, shared: bool = False) -> Media:
    """Uploads a whole file in one piece; its type is read from its first bytes."""
    if len(content) > LARGEST_SEGMENT:
        raise Unusable(Fault.SEGMENT)
    media = begin(world, account, sniffed(content), len(content), category, shared=shared)
    append(media, 0, content)
    finish(world, media)
    return media


def sniffed(content: bytes) -> str:
    """Returns the media type of a file, by its first bytes; empty when they say nothing."""
    if content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return "video/mp4"
    return next((media_type for sign, media_type in SIGNS.items() if content.startswith(sign)), "")


def describe(media: Media, text: str) -> None:
    """Saves what the file shows, for people who cannot see it."""
    if len(text) > LONGEST_ALT_TEXT:
        raise Unusable(Fault.ALT_TEXT)
    media.alt_text = text

"""Files that are uploaded: what X checks of them, how long it keeps and processes them.

docs.x.com/x-api/media/quickstart. Of the bytes only their sum is kept once they are complete.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

DAY = 86_400
MEGABYTE = 1 << 20
IMAGES = ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/pjpeg")
VIDEOS = ("video/mp4", "video/quicktime", "video/webm", "video/mp2t")


UNSUPPORTED = "Unsupported video format"


class Kind(StrEnum):
    """What a file is to X; the value is the beginning of its media_key."""

    PHOTO = "3"
    GIF = "16"
    VIDEO = "7"

    @property
    def most_bytes(self) -> int:
        """Returns how large it may be."""
        return {Kind.PHOTO: 5, Kind.GIF: 15, Kind.VIDEO: 512}[self] * MEGABYTE

    @property
    def word(self) -> str:
        """Returns X's word for it, in the links to it and as its type in v1.1."""
        return "photo" if self is Kind.PHOTO else "video"


KINDS = dict.fromkeys(IMAGES, Kind.PHOTO) | {"image/gif": Kind.GIF} | dict.fromkeys(VIDEOS, Kind.VIDEO)
CATEGORIES = {
    **dict.fromkeys(("tweet_image", "dm_image"), Kind.PHOTO),
    **dict.fromkeys(("tweet_gif", "dm_gif"), Kind.GIF),
    **dict.fromkeys(("tweet_video", "dm_video", "amplify_video"), Kind.VIDEO),
}


@dataclass(frozen=True, slots=True)
class Care:
    """How X treats files at the moment: `expires_after` and `processing` in seconds."""

    expires_after: float = DAY
    processing: float = 1.0
    fails: bool = False


@dataclass
class Media:
    """One file of the account `owner` (its user's number); times are Unix seconds."""

    id: str
    owner: int
    media_type: str
    total_bytes: int
    created: float
    care: Care
    category: str = ""
    shared: bool = False
    """Whether several messages may use it."""
    in_messages: int = 0
    segments: dict[int, bytes] = field(default_factory=dict)
    sha256: str | None = None
    finalized: float | None = None
    alt_text: str | None = None
    problem: str | None = None
    """Why processing fails, or is to fail."""

    @property
    def kind(self) -> Kind:
        """Returns whether it is a photo, a GIF or a video."""
        return KINDS[self.media_type]

    @property
    def key(self) -> str:
        """Returns X's media_key."""
        return f"{self.kind}_{self.id}"

    @property
    def is_for_messages(self) -> bool:
        """Returns whether it was uploaded to be sent."""
        return self.category.startswith("dm_")

    @property
    def is_whole(self) -> bool:
        """Returns whether all segments have come, and together are as long as was announced."""
        counted = sorted(self.segments) == list(range(len(self.segments)))
        return counted and sum(map(len, self.segments.values())) == self.total_bytes

    @property
    def content(self) -> bytes:
        """Returns the segments that have come, in their order."""
        return b"".join(self.segments[index] for index in sorted(self.segments))

    def complete(self, now: float, care: Care) -> None:
        """Lets X process the file from now on, with the care it takes now."""
        self.sha256, self.finalized = sha256(self.content).hexdigest(), now
        self.care = Care(self.care.expires_after, care.processing)
        self.problem = self.problem or (UNSUPPORTED if care.fails else None)
        self.segments.clear()

    def expires_in(self, now: float) -> int:
        """Returns whole seconds until X forgets it, when no post uses it; 0 when it has."""
        return max(0, math.ceil(self.created + self.care.expires_after - now))

    def processing_info(self, now: float) -> dict[str, Any] | None:
        """Returns how far X is; images need no processing, and X says nothing of it."""
        if self.kind is Kind.PHOTO:
            return None
        if self.finalized is None:
            return {"state": "pending", "check_after_secs": 1}
        passed, needed = now - self.finalized, self.care.processing
        if passed < needed:
            state = "pending" if passed * 4 < needed else "in_progress"
            progress = {"progress_percent": int(100 * passed / needed)} if state == "in_progress" else {}
            return {"state": state, "check_after_secs": max(1, math.ceil(needed - passed))} | progress
        if self.problem:
            return {"state": "failed", "error": {"code": 1, "name": "InvalidMedia", "message": self.problem}}
        return {"state": "succeeded", "progress_percent": 100}

    def is_ready(self, now: float) -> bool:
        """Returns whether a post may use it."""
        info = self.processing_info(now)
        return self.sha256 is not None and (info is None or info["state"] == "succeeded") and self.expires_in(now) > 0

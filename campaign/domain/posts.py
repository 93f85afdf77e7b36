"""A post as it goes out to X, and as X shows it afterwards."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ReplySettings(StrEnum):
    """Who may answer a post (docs.x.com/x-api/posts/create-post, `reply_settings`); everybody when none is set."""

    FOLLOWING = "following"
    MENTIONED = "mentionedUsers"
    SUBSCRIBERS = "subscribers"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Poll:
    """Two to four answers of at most 25 characters, open for 5 to 10,080 minutes."""

    options: tuple[str, ...]
    minutes: int


@dataclass(frozen=True, slots=True)
class NewPost:
    """Everything that X is told of one post; `reply_to` is the X id of the post it answers."""

    text: str
    media_ids: tuple[str, ...] = ()
    reply_to: str | None = None
    reply_settings: ReplySettings | None = None
    poll: Poll | None = None
    paid_partnership: bool = False


@dataclass(frozen=True, slots=True)
class OwnPost:
    """A post of the account as its timeline shows it: `text` as it was written, short links expanded."""

    x_id: str
    text: str
    created_at: datetime
    reply_to: str | None = None
    media: int = 0
    """How many images, or 1 for a GIF or a video."""


class MediaKind(StrEnum):
    """What X does with a file: at most four images, or one of the others, in a post."""

    IMAGE = "tweet_image"
    GIF = "tweet_gif"
    VIDEO = "tweet_video"


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file to be uploaded: its type as in `image/png`, and what it shows for those who cannot see it."""

    path: str
    media_type: str
    kind: MediaKind
    alt_text: str = ""
    for_messages: bool = False
    """Whether it goes with direct messages, to any number of people, instead of a post."""

    @property
    def category(self) -> str:
        """X's media_category: tweet_image, dm_video."""
        return self.kind.value.replace("tweet", "dm") if self.for_messages else self.kind.value


@dataclass(frozen=True, slots=True)
class UploadedMedia:
    """X's id of an uploaded file, which a post may use until `expires_at`."""

    media_id: str
    expires_at: datetime

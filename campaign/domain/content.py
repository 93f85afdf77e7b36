"""What a post says, before it is personalised: its parts, their files, who may answer."""

from pydantic import BaseModel, ConfigDict, Field

from campaign.domain.posts import ReplySettings

MOST_PARTS = 25


class _Plain(BaseModel):
    """Unchangeable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MediaItem(_Plain):
    """A picture, GIF or video, and its description for those who cannot see it."""

    model_config = ConfigDict(title="File")

    source: str = Field(title="File", description="A path on the machine of the worker, or an https address.")
    alt_text: str = Field("", title="Alternative text", max_length=1000)


class PollContent(_Plain):
    """A question's answers, and how long it is open."""

    model_config = ConfigDict(title="Poll")

    options: list[str] = Field(title="Answers", min_length=2, max_length=4)
    minutes: int = Field(1440, title="Open for minutes", ge=5, le=10_080)


class Part(_Plain):
    """One post: alone, or one of a thread."""

    text: str = ""
    media: list[MediaItem] = []
    poll: PollContent | None = None


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
    links: list[NamedLink] = []
    """Only of links that have a name, or are not tracked."""

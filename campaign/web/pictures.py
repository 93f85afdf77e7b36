"""What a page shows of a post's files: their own bytes where that is possible, so that it needs no server."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from campaign.domain.posts import MediaKind
from campaign.domain.preview_words import facts_of, name_of
from campaign.domain.rendered import LoadedFile

#: The kinds of picture that every browser shows and none takes for a page with scripts, as SVG is.
_SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_LARGEST_FILE = 5_000_000
#: Of all real files of a page; those after it are shown by their thumbnails. Browsers open 50 MB, and mail takes less.
_LARGEST_PAGE = 20_000_000


@dataclass(frozen=True, slots=True)
class Tile:
    """A file's place in a post; `source` is a data URI, empty where there is nothing to show."""

    source: str
    name: str
    facts: str
    alt_text: str
    badge: str
    is_video: bool
    width: int
    height: int


class Album:
    """The pictures of one page, which share what it may weigh."""

    def __init__(self) -> None:
        self._left = _LARGEST_PAGE

    def tile(self, file: LoadedFile, thumbnail: bytes | None) -> Tile:
        """See a file: itself, or its thumbnail, or only its name."""
        is_video = file.kind is MediaKind.VIDEO
        return Tile(
            source=(not is_video and self._itself(file)) or _uri("image/jpeg", thumbnail or b""),
            name=name_of(file),
            facts=facts_of(file),
            alt_text=file.alt_text,
            badge="GIF" if file.kind is MediaKind.GIF else "",
            is_video=is_video,
            width=file.width,
            height=file.height,
        )

    def _itself(self, file: LoadedFile) -> str:
        if file.media_type not in _SHOWN or file.size > min(_LARGEST_FILE, self._left):
            return ""
        try:
            content = Path(file.path).read_bytes()
        except OSError:
            return ""
        self._left -= len(content)
        return _uri(file.media_type, content)


def _uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}" if content else ""

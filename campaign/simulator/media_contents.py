"""What X finds wrong with the content of a file: its width and height, the pictures of a GIF, the codecs of a video.

docs.x.com/x-api/media/quickstart/best-practices. A file that cannot be read is taken: tests upload bytes of no meaning.
"""

from collections.abc import Iterator
from io import BytesIO

from campaign.simulator.media import UNSUPPORTED, Kind

SMALLEST, LARGEST = 4, 8_192
WIDEST_GIF, HIGHEST_GIF = 1_280, 1_080
MOST_FRAMES, MOST_PIXELS = 350, 300_000_000
VIDEO_CODECS, AUDIO_CODECS = {b"avc1", b"avc3"}, {b"mp4a"}
"""H.264 and AAC, as a track of an MP4 names them."""
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
DIMENSIONS = "Image dimensions must be >= 4x4 and <= 8192x8192"


def problem_of(kind: Kind, content: bytes) -> str | None:
    """Returns what is wrong with the content, in X's words where they are known."""
    if kind is Kind.VIDEO:
        return _video_problem(content)
    size = _size_and_frames(content)
    if size is None:
        return None
    width, height, frames = size
    if min(width, height) < SMALLEST or max(width, height) > LARGEST:
        return DIMENSIONS
    if kind is Kind.GIF and (width > WIDEST_GIF or height > HIGHEST_GIF):
        return f"GIF dimensions must be <= {WIDEST_GIF}x{HIGHEST_GIF}"
    if kind is Kind.GIF and (frames > MOST_FRAMES or width * height * frames > MOST_PIXELS):
        return "GIF has too many frames"
    return None


def _size_and_frames(content: bytes) -> tuple[int, int, int] | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(content)) as image:
            return *image.size, int(getattr(image, "n_frames", 1))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _video_problem(content: bytes) -> str | None:
    """Checks the codecs of every track of sound or pictures; a container of another kind than MP4 is taken."""
    for name, box in _boxes(content):
        if name != b"trak":
            continue
        parts = dict(_boxes(box))
        handler, codec = parts.get(b"hdlr", b"")[8:12], parts.get(b"stsd", b"")[12:16]
        allowed = {b"vide": VIDEO_CODECS, b"soun": AUDIO_CODECS}.get(handler)
        if codec and allowed is not None and codec not in allowed:
            return UNSUPPORTED
    return None


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the boxes of an MP4 (ISO 14496-12) by name: those that only hold others, and what they hold."""
    position = 0
    while position + 8 <= len(content):
        size, name = int.from_bytes(content[position : position + 4]), content[position + 4 : position + 8]
        start = position + 8
        if size == 1:
            size, start = int.from_bytes(content[start : start + 8]), start + 8
        end = position + size if size else len(content)
        if end <= start or end > len(content):
            return
        box = content[start:end]
        yield name, box
        if name in CONTAINERS:
            yield from _boxes(box)
        position = end

"""The type of a file by its bytes, and whether X takes it.

Sizes: docs.x.com/x-api/media (5, 15 and 512 MB); that a MB is 1,048,576 bytes is what X answers with error 324 ("Image
file size must be <= 5242880 bytes").
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from campaign.x.types import MediaKind

MEGABYTE = 1 << 20
MOST_BYTES = {MediaKind.IMAGE: 5 * MEGABYTE, MediaKind.GIF: 15 * MEGABYTE, MediaKind.VIDEO: 512 * MEGABYTE}
SIGN_BYTES = 12
"""How many bytes at the beginning are enough for the type."""

_PROBE = Path(__file__).with_name("media_probe.py")
_BRAND_BYTES = 256
_LABELS = {MediaKind.IMAGE: "an image", MediaKind.GIF: "a GIF", MediaKind.VIDEO: "a video"}
# ISO/IEC 14496-12 keeps more than MP4 in boxes; a picture or a sound names itself first, QuickTime names no MP4 brand.
_NOT_A_VIDEO = re.compile(rb"hei|hev|mif1|msf1|avi|M4[AB] |qt  ")
_MP4_BRAND = re.compile(rb"iso[m2-9]|mp4[12]|avc1|M4V[ HP]|MSNV|dash")


class Unusable(Exception):
    """A file cannot be sent; the message goes on after the file's name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Arriving(NamedTuple):
    """A file on its way: its size in bytes as announced, None when it was not, and its pieces."""

    announced: int | None
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class FileType:
    """The type of a file for X, the end of its name, its pixels, and the length of a video."""

    media_type: str
    extension: str
    kind: MediaKind
    width: int = 0
    height: int = 0
    seconds: float = 0


# Every GIF is one, moving or not: X documents no other category for image/gif.
_GIF = FileType("image/gif", ".gif", MediaKind.GIF)
_JPEG = FileType("image/jpeg", ".jpg", MediaKind.IMAGE)
_MP4 = FileType("video/mp4", ".mp4", MediaKind.VIDEO)
_SIGNS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), FileType("image/png", ".png", MediaKind.IMAGE)),
    (re.compile(rb"\xff\xd8\xff"), _JPEG),
    (re.compile(rb"GIF8[79]a"), _GIF),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), FileType("image/webp", ".webp", MediaKind.IMAGE)),
    (re.compile(rb".{4}ftyp", re.DOTALL), _MP4),
)


def known_type(media_type: str, width: int, height: int, seconds: float) -> FileType:
    """Returns the type of a file that was checked earlier."""
    found = next(each for _, each in _SIGNS if each.media_type == media_type)
    return replace(found, width=width, height=height, seconds=seconds)


def check_size(beginning: bytes, size: int) -> None:
    """Raises Unusable when `size` bytes are too many for a file that begins like this; a short beginning may be all."""
    is_known = len(beginning) >= SIGN_BYTES
    kind = _begins_like(beginning).kind if is_known else MediaKind.VIDEO
    if size > MOST_BYTES[kind]:
        most = f"{MOST_BYTES[kind]:,} ({MOST_BYTES[kind] // MEGABYTE} MB)"
        raise Unusable(
            "file_too_large",
            f"has {size:,} bytes or more, and {_LABELS[kind]} may have at most {most}: make it smaller.",
        )


def type_of(file: Path) -> FileType:
    """Returns the type of a file, whatever its name; raises Unusable when X would not take it or it is broken."""
    with file.open("rb") as content:
        beginning = content.read(_BRAND_BYTES)
    found = _begins_like(beginning)
    if found is _MP4:
        # A box begins with its size; in this one the main brand, a version and more brands follow, four bytes each.
        box = beginning[8 : max(SIGN_BYTES, int.from_bytes(beginning[:4], "big"))]
        brands = [box[at : at + 4] for at in range(0, len(box), 4)]
        if _NOT_A_VIDEO.match(box) or not any(_MP4_BRAND.fullmatch(brand) for brand in brands):
            raise Unusable("file_wrong_type", "is a relative of MP4 but not an MP4 video: save it as PNG, JPEG or MP4.")
    # A process of its own looks into the file, and ends when it takes too long.
    done = run_probe(found.media_type, str(file))
    if done.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise Unusable("file_too_complex", "takes too long to be decoded: open it, save it again, and take that.")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        # The decoder itself crashed.
        raise Unusable("file_broken", "is broken: open it, save it again, and take that.") from None
    if "problem" in answer:
        raise Unusable(answer["code"], answer["problem"])
    return replace(found, **answer)


def _begins_like(beginning: bytes) -> FileType:
    for sign, file_type in _SIGNS:
        if sign.match(beginning):
            return file_type
    raise Unusable("file_wrong_type", "is not a PNG, JPEG, WEBP, GIF or MP4: convert it to one of these.")


def run_probe(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs campaign.deliveries.media_probe to its end, or ends it after a minute."""
    command = [sys.executable, "-P", str(_PROBE), *arguments]
    try:
        return subprocess.run(  # noqa: S603 - our own program, and the path of our own copy
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -signal.SIGKILL, b"", b"")

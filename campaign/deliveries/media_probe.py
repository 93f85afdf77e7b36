"""Looks into a picture or a video for what X refuses: `python media_probe.py image/png FILE`.

`python media_probe.py thumbnail FILE WIDTH` writes a small JPEG of a picture instead.

A program of its own with a limit of processor time, because a file can be made so that it keeps a decoder busy for
hours. It prints {"width", "height", "seconds"} as JSON, or {"code", "problem"}, where `problem` goes on after the
file's name. It imports nothing of the house, so that it starts quickly.

The limits are those of docs.x.com/x-api/media/quickstart/best-practices; that a picture has sides of 4 to 8,192 pixels
is what X answers with error 324 ("Image dimensions must be >= 4x4 and <= 8192x8192").
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

CPU_SECONDS = 15
"""Of which the largest picture takes two or three."""
SHORTEST_SIDE, LONGEST_SIDE = 4, 8_192
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
"""The only decoders of Pillow that ever see a file."""
MOST_SCANS = 64
"""Of a JPEG; programs write about ten. Each is decoded over the whole picture."""
WIDEST_GIF, HIGHEST_GIF, MOST_FRAMES, MOST_PIXELS = 1_280, 1_080, 350, 300_000_000
SMALLEST_VIDEO, LONGEST_EDGE, LONGEST_SHORT_EDGE = 32, 1_920, 1_200
"""X's page says 1280x1024, and that subscribers upload 1080p; it is taken from others too."""
FASTEST, SHORTEST_SECONDS, MOST_CHANNELS, WIDEST_RATIO = 60.5, 0.5, 2, 3
LONGEST_SECONDS = 125 * 60
"""With X Premium; what other accounts and direct messages may have is for the analysis."""
_ROUNDED, _JPEG_QUALITY = 0.01, 80
_SAVE_AGAIN = "open it, save it again, and take that."


class Problem(Exception):
    """X would refuse the file, or it is broken."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(problem)
        self.code = code


def probe_picture(media_type: str, path: str) -> dict[str, Any]:
    """Returns the size of a picture that can be decoded; raises Problem."""
    from PIL import Image

    content = Path(path).read_bytes()
    scans = content.count(b"\xff\xda") if media_type == "image/jpeg" else 0
    if scans > MOST_SCANS:
        raise Problem("file_too_complex", f"is drawn in {scans:,} passes, {MOST_SCANS} are enough: {_SAVE_AGAIN}")
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            is_animated = getattr(image, "is_animated", False) if media_type in {"image/png", "image/webp"} else False
            _check_size(width, height, is_animated=is_animated)
            if media_type == "image/gif":
                _check_gif(width, height, _count_frames(content))
            # A JPEG may be decoded at an eighth of its size; of a GIF only the first picture is.
            image.draft("RGB", (1, 1))
            image.load()
    except Problem:
        raise
    except Image.DecompressionBombError:
        problem = f"has sides of more than {LONGEST_SIDE:,} pixels: make it smaller."
        raise Problem("file_too_large", problem) from None
    except Exception:  # noqa: BLE001 - there is hardly an error that Pillow does not raise for a broken file
        raise Problem("file_broken", f"is broken: {_SAVE_AGAIN}") from None
    return {"width": width, "height": height, "seconds": 0}


def _check_size(width: int, height: int, *, is_animated: bool) -> None:
    size = f"has {width:,} x {height:,} pixels, and X takes"
    if max(width, height) > LONGEST_SIDE:
        raise Problem("file_too_large", f"{size} at most {LONGEST_SIDE:,} x {LONGEST_SIDE:,}: make it smaller.")
    if min(width, height) < SHORTEST_SIDE:
        raise Problem("file_too_small", f"{size} at least {SHORTEST_SIDE} x {SHORTEST_SIDE}: make it larger.")
    # Several pictures in a JPEG are not a film: cameras store a preview or the brightness there.
    if is_animated:
        problem = "moves, which X shows of a GIF or an MP4 only: save it as one of these."
        raise Problem("file_wrong_type", problem)


def _check_gif(width: int, height: int, frames: int) -> None:
    if width > WIDEST_GIF or height > HIGHEST_GIF:
        size = f"is a GIF of {width:,} x {height:,} pixels"
        problem = f"{size}, and X takes at most {WIDEST_GIF:,} x {HIGHEST_GIF:,}: make it smaller, or save it as MP4."
        raise Problem("file_too_large", problem)
    if frames > MOST_FRAMES or width * height * frames > MOST_PIXELS:
        most = f"at most {MOST_FRAMES} pictures, and {MOST_PIXELS // 1_000_000} million pixels in all of them"
        raise Problem("file_too_long", f"is a GIF that is too long: X takes {most}; cut it, or save it as MP4.")


def _count_frames(content: bytes) -> int:
    """Counts the pictures of a GIF by its blocks, without decoding one; stops after one too many."""

    def skip_table(flags: int) -> int:
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    frames, position = 0, 13 + skip_table(content[10])
    while frames <= MOST_FRAMES and position < len(content) and content[position] in b"!,":
        if content[position] == ord(","):
            frames += 1
            position += 11 + skip_table(content[position + 9])
        else:
            position += 2
        while position < len(content) and content[position]:
            position += content[position] + 1
        position += 1
    return frames


def probe_video(path: str) -> dict[str, Any]:
    """Returns size and length of a video whose tracks X can play; raises Problem."""
    from pymediainfo import MediaInfo

    if not MediaInfo.can_parse():
        raise Problem("file_unchecked", "cannot be checked: install libmediainfo on the machine of the worker.")
    tracks = MediaInfo.parse(path).tracks
    if any(track.istruncated == "Yes" for track in tracks):
        raise Problem("file_broken", "ends too early, as if it were cut off: copy it again.")
    videos = [track for track in tracks if track.track_type == "Video"]
    if not videos:
        raise Problem("file_broken", f"has no track with pictures that can be read: {_SAVE_AGAIN}")
    if len(videos) > 1:
        raise Problem("file_wrong_type", f"has {len(videos)} tracks with pictures, and X takes one: remove the others.")
    [video] = videos
    for audio in tracks:
        if audio.track_type == "Audio":
            _check_sound(audio)
    _check_coding(video)
    _check_shape(video)
    return {"width": video.width, "height": video.height, "seconds": _seconds_of(video)}


def _seconds_of(video: Any) -> float:
    return float(video.duration or 0) / 1000


def _check_sound(audio: Any) -> None:
    features = str(audio.format_additionalfeatures or "")
    if audio.format != "AAC" or features.split()[:1] not in ([], ["LC"]) or "SBR" in features:
        named = f"{audio.format or 'an unknown format'} {features}".strip()
        problem = f"has sound in {named}, and X takes AAC with low complexity (LC): save it with that."
        raise Problem("file_wrong_codec", problem)
    if int(audio.channel_s or 0) > MOST_CHANNELS:
        problem = f"has sound in {audio.channel_s} channels, and X takes mono or stereo: save it with one of these."
        raise Problem("file_wrong_codec", problem)


def _check_coding(video: Any) -> None:
    chroma, rate, seconds = video.chroma_subsampling or "4:2:0", float(video.frame_rate or 0), _seconds_of(video)
    if video.format != "AVC":
        named = video.format or "an unknown format"
        raise Problem("file_wrong_codec", f"is a video in {named}, and X takes H.264 (AVC): save it with that.")
    if chroma != "4:2:0":
        raise Problem("file_wrong_codec", f"has colours in {chroma}, and X takes YUV 4:2:0: save it with that.")
    if (video.scan_type or "Progressive") != "Progressive":
        raise Problem("file_wrong_codec", "is interlaced, and X takes progressive pictures: save it as such.")
    if rate > FASTEST:
        raise Problem("file_wrong_rate", f"has {rate:g} pictures a second, and X takes at most 60: save it with fewer.")
    if seconds < SHORTEST_SECONDS:
        problem = f"takes {seconds:g} seconds, and X takes videos of at least {SHORTEST_SECONDS}: make it longer."
        raise Problem("file_too_short", problem)
    if seconds > LONGEST_SECONDS:
        problem = f"takes {seconds / 60:,.0f} minutes, and X takes at most {LONGEST_SECONDS // 60}: cut it."
        raise Problem("file_too_long", problem)


def _check_shape(video: Any) -> None:
    width, height, pixels = int(video.width or 0), int(video.height or 0), float(video.pixel_aspect_ratio or 1)
    size = f"is a video of {width} x {height} pixels"
    if min(width, height) < SMALLEST_VIDEO:
        problem = f"{size}, and X takes at least {SMALLEST_VIDEO} x {SMALLEST_VIDEO}: make it larger."
        raise Problem("file_too_small", problem)
    if max(width, height) > LONGEST_EDGE or min(width, height) > LONGEST_SHORT_EDGE:
        problem = f"{size}, and X takes at most {LONGEST_EDGE:,} x {LONGEST_SHORT_EDGE:,}: make it smaller."
        raise Problem("file_too_large", problem)
    if max(width, height) > WIDEST_RATIO * min(width, height):
        raise Problem("file_wrong_size", f"{size}, and X takes sides of 1:3 to 3:1: cut it.")
    if abs(pixels - 1) > _ROUNDED:
        raise Problem("file_wrong_size", f"has pixels of {pixels:.2f}:1, and X takes square ones: save it with these.")


def thumbnail(path: str, width: int) -> bytes:
    """Returns a JPEG of a picture, upright on white, at most `width` pixels wide and twice as high."""
    from io import BytesIO

    from PIL import Image, ImageOps

    size = width, 2 * width
    with Image.open(path, formats=FORMATS) as image:
        # Roughly first: what follows makes copies, of which those of a large picture would take hundreds of megabytes.
        image.thumbnail((8 * max(size), 8 * max(size)), Image.Resampling.NEAREST)
        small = ImageOps.exif_transpose(image).convert("RGBA")
    small.thumbnail(size)
    background, written = Image.new("RGBA", small.size, "white"), BytesIO()
    Image.alpha_composite(background, small).convert("RGB").save(written, "JPEG", quality=_JPEG_QUALITY)
    return written.getvalue()


def main(media_type: str, path: str, argument: str = "") -> None:
    """Prints what the file is, or what is wrong with it; the system ends it when that takes too long."""
    if media_type == "thumbnail":
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        sys.stdout.buffer.write(thumbnail(path, int(argument)))
        return
    seconds = int(argument or CPU_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    try:
        found = probe_video(path) if media_type == "video/mp4" else probe_picture(media_type, path)
    except Problem as problem:
        found = {"code": problem.code, "problem": str(problem)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Small files of every type that X takes, and of some that it does not."""

from io import BytesIO
from pathlib import Path

from PIL import Image

VIDEOS = Path(__file__).with_name("videos")
"""Each a second of one colour, and what their names say."""
MP4 = (VIDEOS / "good.mp4").read_bytes()
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"


def picture(kind: str, size: tuple[int, int] = (12, 8), color: str = "red") -> bytes:
    """A picture in Pillow's format `kind`."""
    return _saved(Image.new("RGB", size, color), kind)


def moving(kind: str) -> bytes:
    """A film of two pictures in Pillow's format `kind`."""
    return _saved(Image.new("RGB", (12, 8), "red"), kind, Image.new("RGB", (12, 8), "blue"))


def _saved(image: Image.Image, kind: str, *more: Image.Image) -> bytes:
    written = BytesIO()
    if more:
        image.save(written, kind, save_all=True, append_images=more)
    else:
        image.save(written, kind)
    return written.getvalue()


def gif(width: int, height: int, frames: int = 2) -> bytes:
    """A GIF of so many pictures."""
    pictures = [Image.new("1", (width, height), number % 2) for number in range(frames)]
    written = BytesIO()
    pictures[0].save(written, "GIF", save_all=True, append_images=pictures[1:])
    return written.getvalue()


def scans_of(size: int, count: int) -> bytes:
    """A progressive JPEG of size x size pixels in so many scans; but for the first ones nothing is in them."""
    written = BytesIO()
    Image.new("L", (size, size)).save(written, "JPEG", progressive=True)
    whole = written.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * count + whole[-2:]

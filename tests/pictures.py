"""Small files of every type that X takes, and of some that it does not."""

from io import BytesIO

from PIL import Image

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
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

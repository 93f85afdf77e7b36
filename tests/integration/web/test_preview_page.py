"""The page of a preview in a real browser, which is skipped where there is no Chromium."""

import os
import re
import socket
import subprocess
from base64 import b64encode
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from campaign.deliveries.draft import PollContent
from campaign.reporting.document import Post
from campaign.reporting.html import as_page
from tests.browsing import CHROMIUM, NEEDS_CHROMIUM
from tests.unit.posts.test_preview_samples import ATTACKS, loaded, post, preview

pytestmark = NEEDS_CHROMIUM

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
TEAL = (0, 128, 128)
LIGHT, DARK = "--blink-settings=preferredColorScheme=1", "--blink-settings=preferredColorScheme=0"


def browse(folder: Path, page: str, *arguments: str, width: int = 700) -> str:
    """Open a page as a file, without a server, and return what the browser says of it."""
    file = folder / "preview.html"
    file.write_text(page)
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={folder / 'browser'}", f"--window-size={width},1000", *arguments, file.as_uri()]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=90, env={**os.environ, "HOME": str(folder)}
    )
    return done.stdout


def picture_of(folder: Path, page: str, *arguments: str, width: int = 700) -> Image.Image:
    file = folder / "preview.png"
    browse(folder, page, f"--screenshot={file}", *arguments, width=width)
    return Image.open(file).convert("RGB")


def teal(size: tuple[int, int] = (80, 40)) -> bytes:
    stream = BytesIO()
    Image.new("RGB", size, TEAL).save(stream, "PNG")
    return stream.getvalue()


def illustrated(folder: Path) -> Post:
    """A post with two files, whose bytes are those of a real picture."""
    path = folder / "teal.png"
    path.write_bytes(teal())
    file = loaded(path=str(path), media_type="image/png", size=path.stat().st_size)
    return post(text="Autumn is here", files=(file, file))


def corner(picture: Image.Image) -> object:
    return picture.getpixel((2, 2))


def chosen(page: str, theme: str) -> str:
    """The page as it is after a click on one of its colours."""
    unchosen = page.replace(" checked>", ">")
    return unchosen.replace(f'id="theme-{theme}">', f'id="theme-{theme}" checked>')


@pytest.mark.parametrize(
    ("theme", "preference", "colour"),
    [
        ("system", LIGHT, WHITE),
        ("system", DARK, BLACK),
        ("light", DARK, WHITE),
        ("dark", LIGHT, BLACK),
    ],
)
def test_the_colours_are_those_of_the_system_until_a_person_chooses(
    tmp_path: Path, theme: str, preference: str, colour: tuple[int, int, int]
) -> None:
    page = as_page(preview(post()))
    assert corner(picture_of(tmp_path, chosen(page, theme), preference)) == colour


@pytest.mark.parametrize("width", [500, 700])
def test_pictures_are_drawn_from_the_file_itself(tmp_path: Path, width: int) -> None:
    picture = picture_of(tmp_path, as_page(preview(illustrated(tmp_path))), LIGHT, width=width)
    share = sum(picture.getpixel((x, y)) == TEAL for x in range(0, width, 10) for y in range(0, 1000, 10))
    assert share > 400


def test_no_text_becomes_a_part_of_the_page(tmp_path: Path) -> None:
    views = [post(text=attack, account_name=attack, poll=PollContent(options=[attack, "B"])) for attack in ATTACKS]
    seen = browse(tmp_path, as_page(preview(*views, label=ATTACKS[0])), "--dump-dom")
    tags = set(re.findall(r"<([a-z0-9]+)", seen))
    assert tags & {"script", "img", "iframe", "form", "link", "object"} == set()
    assert seen.count("<article") == len(ATTACKS)


def test_nothing_is_asked_of_any_person_and_nothing_runs(tmp_path: Path) -> None:
    """Even if something slipped into the page, the browser would neither fetch nor run it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x.png"
        slipped = f'<img src="{address}"><script>document.body.innerHTML = "taken"</script></main>'
        page = as_page(preview(illustrated(tmp_path))).replace("</main>", slipped)
        seen = browse(tmp_path, page, "--dump-dom")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert "Autumn is here" in seen
    assert b64encode(teal()).decode() in seen

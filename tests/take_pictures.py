"""Takes the pictures of README and the guides from the demo: `python -m tests.take_pictures [FOLDER]`."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from PIL import Image

from campaign.cli.demo import BRAND
from campaign.settings import ROOT
from tests.browsing import Window, open_browser

_WIDE, _PHONE = 1_400, 390
_PLANNED = [
    (2, "09:00", "New in the shop this week"),
    (4, "12:30", "A look behind our counter"),
    (8, "09:00", "Three ways to wear blue"),
    (10, "17:00", "Our winter collection is coming"),
    (10, "17:05", "Tell us your favourite"),
    (15, "09:00", "The best of this year"),
]
_PASSWORD = "a picture of the desk"


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo whose story has ended, and what it printed."""

    home: Path
    printed: str

    def find(self, pattern: str) -> str:
        """Returns what the demo printed there."""
        found = re.findall(pattern, self.printed)
        assert found, f"The demo printed nothing like {pattern}:\n{self.printed}"
        return str(found[-1])

    def run(self, *arguments: str) -> str:
        """Runs a command in the home of the demo; returns what it printed."""
        command, environment = [*_COMMAND, *arguments], _environment(self.home)
        return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


_COMMAND = [sys.executable, "-m", "campaign.cli"]


def _environment(home: Path) -> dict[str, str]:
    # The author of what is written at a terminal is the user of this machine: here it is Ann as at the desk.
    return os.environ | {"CAMPAIGN_HOME": str(home), "CAMPAIGN_TIMEZONE": "Europe/Amsterdam", "LOGNAME": "ann"}


@contextmanager
def running_demo(home: Path) -> Iterator[Demo]:
    """Runs `campaign demo` up to the end of its story, and ends it with the block."""
    with subprocess.Popen(
        [*_COMMAND, "demo"],
        env=_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        printed = ""
        try:
            for line in process.stdout:
                printed += line
                print(line, end="", flush=True)  # noqa: T201
                if "Ctrl-C ends everything" in line:
                    break
            yield Demo(home, printed)
        finally:
            process.send_signal(signal.SIGINT)


class Album:
    """Takes pictures of a window and saves them small."""

    def __init__(self, window: Window, folder: Path, suffix: str = "") -> None:
        self._window = window
        self._folder = folder
        self._suffix = suffix

    def take(self, name: str, *, width: int = _WIDE, height: int | None = None, dark: bool = False) -> None:
        """Saves the page that the window shows, from its top down to a height."""
        self._window.resize(width, height or 900, dark=dark)
        self._window.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
        while not self._window.evaluate("[...document.images].every(one => one.complete)"):
            time.sleep(0.1)
        picture = Image.open(BytesIO(self._window.picture())).convert("RGB")
        picture = picture.crop((0, 0, width, min(height or picture.height, picture.height)))
        # Pages have few colours: with a palette their files are a third of the size.
        picture.quantize(192, dither=Image.Dither.NONE).save(self._folder / f"{name}{self._suffix}.png", optimize=True)
        print(name + self._suffix, picture.size)  # noqa: T201


def take_pictures(demo: Demo, window: Window, folder: Path) -> None:
    """Walks through the desk in its languages, and through Prefect, as the guides do."""
    desk = demo.find(r"The pages begin at (\S+);") + "/desk"
    _plan_posts(demo)
    english, dutch = Album(window, folder), Album(window, folder, "-nl")
    _sign_in(demo, window, english)
    # The run that recovers the profile of the person who joined.
    window.see("Nothing is going out at the moment.")
    _show_others(desk, demo, window, english)
    _show_prefect(demo, window, english)
    for album in (english, dutch):
        if album is dutch:
            window.open(f"{desk}/me")
            window.evaluate("language.value = 'nl', language.form.submit()")
            window.see('lang="nl"')
        _show_desk(desk, demo, window, album)
        _write_post(desk, demo, window, album)
        _write_broadcast(desk, window, album)


def _plan_posts(demo: Demo) -> None:
    """Fills the calendar with posts, of which four are approved."""
    file = demo.home / "posts.csv"
    rows = ["accounts,date,time,text"]
    for days, clock, text in _PLANNED:
        rows.append(f"{BRAND},{date.today() + timedelta(days)},{clock},{text}")  # noqa: DTZ011  # of any zone
    file.write_text("\n".join(rows))
    for one in json.loads(demo.run("delivery", "import", str(file), "--json"))[:4]:
        demo.run("delivery", "confirm", one["delivery"])
    demo.run("slot", "add", BRAND, "tuesday", "09:00")


def _sign_in(demo: Demo, window: Window, album: Album) -> None:
    window.resize(_WIDE, 560)
    window.go(demo.find(r"desk opens with this link, which works once: (\S+)"))
    window.see("Welcome")
    album.take("desk-welcome", width=800, height=430)
    window.click("#password")
    window.write(_PASSWORD)
    window.press("Tab")
    window.write(_PASSWORD)
    window.press("Enter")
    window.see("Waits for you")


def _show_desk(desk: str, demo: Demo, window: Window, album: Album) -> None:
    window.open(desk)
    album.take("desk-today")
    window.open(f"{desk}/accounts/new")
    album.take("desk-connect")
    where = quote("followers_count > 1000 and verified")
    window.open(f"{desk}/people?service={BRAND}&order=followers&where={where}")
    window.see(">371 ")
    album.take("desk-people", height=1_000)
    window.open(f"{desk}/calendar?view=month&day={date.today() + timedelta(10)}")  # noqa: DTZ011
    album.take("desk-calendar")
    waiting = demo.find(r"(post-\S+-last-days)")
    window.open(f"{desk}/deliveries/{waiting}")
    album.take("desk-approval", height=1_900)
    album.take("desk-approval-phone", width=_PHONE, height=1_900)


def _write_post(desk: str, demo: Demo, window: Window, album: Album) -> None:
    window.resize(_WIDE)
    window.open(f"{desk}/posts/new")
    window.write("Our summer collection is here: https://example.com/summer")
    window.choose_files("#upload-1", demo.home / "summer.png")
    window.see("library:summer.png")  # known from the demo, with its description
    window.see("215</")
    window.see('">54 ')
    album.take("desk-post", height=1_100)


def _write_broadcast(desk: str, window: Window, album: Album) -> None:
    window.resize(_WIDE)
    window.open(f"{desk}/broadcasts/new")
    window.click("#where")
    window.write("followers_count > 1000 and verified")
    window.click("#text-1")
    window.write("Hi ")
    window.click('[value="insert:visitor.full_name"]')
    window.write(", our sale begins tomorrow. You are the first to know.")
    window.see(">371 ")
    window.see('class="phones"')
    album.take("desk-broadcast", height=1_600)


def _show_others(desk: str, demo: Demo, window: Window, album: Album) -> None:
    published = demo.find(r"(post-\S+-summer)")
    window.open(f"{desk}/reports/delivery/{published}")
    album.take("report-delivery", height=1_500)
    window.open(desk.removesuffix("desk"))
    album.take("start-page", height=500)
    window.open(f"{desk}/accounts")
    album.take("desk-accounts")
    window.open(f"{desk}/reports/service/{BRAND}")
    album.take("report-service", height=1_500, dark=True)
    album.take("report-phone", width=_PHONE, height=1_500)


def _show_prefect(demo: Demo, window: Window, album: Album) -> None:
    prefect, password = demo.find(r"The UI is at (\S+);"), demo.find(r"for this password: (\S+)")
    window.resize(_WIDE)
    window.go(f"{prefect}/v2/")
    window.see('type="password"')
    window.press("Tab")
    window.write(password)
    window.press("Enter")
    window.see("<title>Dashboard")
    window.go(f"{prefect}/v2/deployments")
    window.see("post-publication")
    album.take("deployment", height=800)


def main() -> None:
    """Takes all pictures into a folder, by default that of the guides."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    with (
        TemporaryDirectory(prefix="campaign-pictures-", ignore_cleanup_errors=True) as home,
        running_demo(Path(home)) as demo,
        open_browser(Path(home, "browser")) as window,
    ):
        take_pictures(demo, window, folder)


if __name__ == "__main__":
    main()

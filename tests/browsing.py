"""A real browser, driven by its own protocol as a person would: keys, no scripts, a window of a size."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.sync.connection import Connection

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
#: Where CI=true they fail.
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("CI") != "true",
    reason="There is no Chromium to look with; install it, as with `apt-get install chromium`.",
)
_KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Space": (32, " ")}
_SECONDS = 20
#: The least contrast of each text with what is behind it, as WCAG 2.2 defines it, and the text that has it.
_CONTRAST = """
(() => {
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = numbers(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  let least = [99, ""];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join("");
    if (!text) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, text];
  }
  return least;
})()
"""


class Window:
    """The only window of a browser."""

    def __init__(self, socket: Connection) -> None:
        self._socket = socket
        self._number = 0
        self.clicks = 0
        for domain in ("Page", "DOM", "Runtime"):
            self._ask(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Go to a page and wait until it is there."""
        self._ask("Page.navigate", url=address)
        self._wait(lambda: self.address.rstrip("/") == address.rstrip("/") and "</body>" in self.page)

    def go(self, address: str) -> None:
        """Go to an address that may lead to another page."""
        self._ask("Page.navigate", url=address)

    def resize(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._ask("Emulation.setDeviceMetricsOverride", **metrics)
        colours = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[colours])

    def forbid_scripts(self) -> None:
        self._ask("Emulation.setScriptExecutionDisabled", value=True)

    def allow_scripts(self) -> None:
        self._ask("Emulation.setScriptExecutionDisabled", value=False)

    def press(self, *keys: str) -> None:
        for key in keys:
            code, text = _KEYS[key]
            given = {"key": text if key == "Space" else key, "code": key, "windowsVirtualKeyCode": code}
            self._ask("Input.dispatchKeyEvent", type="keyDown", **given, **({"text": text} if text else {}))
            self._ask("Input.dispatchKeyEvent", type="keyUp", **given)

    def write(self, text: str) -> None:
        self._ask("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click with the mouse on the first element that a CSS selector finds, as soon as nothing covers it."""
        middle: dict[str, float] = {}
        # A part of the page may take the place of another one between two questions: then both are asked again.
        self._wait(lambda: self._find_middle(selector, middle))
        self.clicks += 1
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **middle)

    def _find_middle(self, selector: str, middle: dict[str, float]) -> bool:
        if node := self._found(selector):
            self.evaluate(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
            edges = self._ask("DOM.getContentQuads", nodeId=node)["quads"][0]
            middle.update(x=sum(edges[::2]) / 4, y=sum(edges[1::2]) / 4)
            at = "document.elementFromPoint({x}, {y})".format(**middle)
            return bool(self.evaluate(f"document.querySelector({selector!r}).contains({at})"))
        return False

    def choose_files(self, selector: str, *files: Path) -> None:
        """Choose files of this machine, which takes a click on the field."""
        self.clicks += 1
        self._ask("DOM.setFileInputFiles", nodeId=self._found(selector), files=[str(file) for file in files])

    def tab_to(self, selector: str) -> None:
        """Press Tab until an element has the focus."""
        for _ in range(150):
            self.press("Tab")
            if self.evaluate(f"document.activeElement.matches({selector!r})"):
                return
        raise AssertionError(f"No Tab leads to {selector}: {self.page[:3000]}")

    def evaluate(self, expression: str) -> Any:
        """What an expression says of the page."""
        return self._ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def _found(self, selector: str) -> int:
        root = self._ask("DOM.getDocument")["root"]["nodeId"]
        return int(self._ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"])

    def see(self, text: str) -> None:
        """Wait until the page says this."""
        self._wait(lambda: text in self.page)

    def await_focus(self, selector: str) -> None:
        """Wait until an element has the focus."""
        self._wait(lambda: self.evaluate(f"document.activeElement.matches({selector!r})") is True)

    def arrive(self, part: str) -> None:
        """Wait until this is in the address of the page."""
        self._wait(lambda: part in self.address)

    @property
    def address(self) -> str:
        history = self._ask("Page.getNavigationHistory")
        return str(history["entries"][history["currentIndex"]]["url"])

    @property
    def page(self) -> str:
        root = self._ask("DOM.getDocument")["root"]["nodeId"]
        return str(self._ask("DOM.getOuterHTML", nodeId=root)["outerHTML"])

    @property
    def is_scrolled_sideways(self) -> bool:
        """Whether the page is wider than its window."""
        metrics = self._ask("Page.getLayoutMetrics")
        return bool(metrics["cssContentSize"]["width"] > metrics["cssLayoutViewport"]["clientWidth"])

    @property
    def has_cut_table(self) -> bool:
        """Whether a table is wider than its place, so that a part of it is hidden."""
        wider = "[...document.querySelectorAll('.scroll')].some(one => one.scrollWidth > one.clientWidth + 1)"
        return bool(self.evaluate(wider))

    @property
    def has_cut_choice(self) -> bool:
        """Whether a list of choices is too narrow for one of them; 40 pixels are its edges and its arrow."""
        return bool(
            self.evaluate("""
            [...document.querySelectorAll("select")].some(one => {
              const paper = document.createElement("canvas").getContext("2d");
              paper.font = getComputedStyle(one).font;
              const widths = [...one.options].map(option => paper.measureText(option.text).width);
              return one.clientWidth > 0 && Math.max(...widths) + 40 > one.clientWidth;
            })
            """)
        )

    def least_contrast(self) -> tuple[float, str]:
        ratio, text = self._ask("Runtime.evaluate", expression=_CONTRAST, returnByValue=True)["result"]["value"]
        return float(ratio), str(text)

    def picture(self) -> bytes:
        """The whole page as a PNG."""
        return b64decode(self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"])

    def _wait(self, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SECONDS
        # What is there of a page that still arrives has not all the places that keys lead to.
        while not (self._holds(is_there) and self._holds(self._is_at_rest)):
            assert time.monotonic() < deadline, f"{self.address}: {self.evaluate('document.body.innerText')}"
            time.sleep(0.05)

    def _is_at_rest(self) -> bool:
        """Whether the page has arrived, and no part of it is about to be replaced."""
        expression = "document.readyState === 'complete' && !document.querySelector('.htmx-request, .htmx-added')"
        return self.evaluate(expression) is True

    @staticmethod
    def _holds(is_there: Callable[[], bool]) -> bool:
        try:
            return is_there()
        except LookupError:  # one page has gone and the next is not there yet
            return False

    def _ask(self, method: str, **given: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": given}))
        while True:
            answer = json.loads(self._socket.recv(_SECONDS))
            if answer.get("id") == self._number:
                break
        if "error" in answer:
            raise LookupError(answer["error"]["message"])
        return dict(answer["result"])


@contextmanager
def open_browser(folder: Path) -> Iterator[Window]:
    """A browser that keeps its things in this folder."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += ["--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with connect(_address_of(folder), max_size=None) as socket:
                yield Window(socket)
        finally:
            process.terminate()


def _address_of(folder: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            port = (folder / "DevToolsActivePort").read_text().split()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                pages = [one for one in json.load(answer) if one["type"] == "page"]
            return str(pages[0]["webSocketDebuggerUrl"])
        except (OSError, IndexError):
            time.sleep(0.1)
    raise TimeoutError("The browser did not start.")

"""Pictures and films of a post: uploaded, refused, described, taken from the library, served."""

import re
import socket
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest
from sqlmodel import select

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.web.pages import LONGEST_DESK_BODY, LONGEST_POST_BODY
from models import Delivery, MediaBlob, Role
from tests.databases import Database
from tests.desk_site import Desk, DeskBrowser, open_desk
from tests.pictures import HEIC, MP4, moving, picture
from tests.readings import saved_service

NEW = "/desk/posts/new"
EVIL = '"><script>alert(1)</script>.png'


@pytest.fixture
def desk(sqlite_database: Database) -> Iterator[Desk]:  # noqa: ARG001
    with open_desk() as opened:
        saved_service()
        yield opened


@pytest.fixture
def ann(desk: Desk) -> DeskBrowser:
    return desk.person("ann", Role.WRITER)


def upload(browser: DeskBrowser, *files: tuple[str, bytes, str], do: str = "upload:1", **fields: str) -> httpx.Response:
    """Send files with the form of a new post, as a browser without scripts does."""
    given = {"account": "acme", "text-1": "Hello", "when": "now", "validity": "5", "zone": "UTC"} | fields
    return browser.send(browser.get(NEW), action=NEW, files=[("upload-1", one) for one in files], do=do, **given)


def library() -> list[MediaBlob]:
    with read_session() as session:
        return list(session.exec(select(MediaBlob).order_by(MediaBlob.name)))


def test_files_of_every_kind_go_into_the_library_and_the_post(ann: DeskBrowser) -> None:
    files = [("a fox.png", picture("PNG"), "image/png"), ("wave.gif", moving("GIF"), "image/gif")]
    page = upload(ann, *files, ("film.mp4", MP4, "video/mp4"), ("a fox again.png", picture("PNG"), "image/png"))
    assert page.status_code == 200
    assert [blob.name for blob in library()] == ["a-fox.png", "film.mp4", "wave.gif"]
    sources = re.findall(r'name="source-1" value="([^"]+)"', page.text)
    assert sources == ["library:a-fox.png", "library:wave.gif", "library:film.mp4", "library:a-fox.png"]


def test_a_file_is_saved_with_the_post_even_if_only_save_is_pressed(ann: DeskBrowser) -> None:
    upload(ann, ("fox.png", picture("PNG"), "image/png"), do="save")
    with read_session() as session:
        (item,) = deliveries.draft_of(session, session.exec(select(Delivery)).one()).content.parts[0].media
    assert item.source == "library:fox.png"


def test_descriptions_stay_with_their_files(ann: DeskBrowser) -> None:
    upload(ann, ("one.png", picture("PNG"), "image/png"), ("two.png", picture("PNG", color="blue"), "image/png"))
    sources = {"source-1": ["library:one.png", "library:two.png"], "alt-1": ["A red field", '<b>"Blue"</b>']}
    page = upload(ann, do="remove-file:1:library:one.png", **sources)  # type: ignore[arg-type]
    assert 'value="library:two.png"' in page.text
    assert 'value="library:one.png"' not in page.text
    assert "&lt;b&gt;&#34;Blue&#34;&lt;/b&gt;</textarea>" in page.text
    too_long = upload(ann, do="save", **sources | {"alt-1": ["x" * 1001, ""]})  # type: ignore[arg-type]
    assert too_long.status_code == 400
    assert "x" * 1001 in too_long.text


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("page.html", b"<html><script>alert(1)</script>", "is not a PNG, JPEG, WEBP, GIF or MP4"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "is not a PNG"),
        ("photo.png", HEIC, "is a relative of MP4"),
        ("empty.png", b"", "is empty"),
        ("broken.jpg", picture("JPEG")[:200], "broken"),
        ("large.png", picture("PNG") + b"\0" * (5 << 20), "may have at most 5,242,880"),
    ],
    ids=["page", "svg", "heic", "empty", "broken", "large"],
)
def test_what_x_would_not_take_is_refused_with_the_reason(
    ann: DeskBrowser, name: str, content: bytes, reason: str
) -> None:
    page = upload(ann, (name, content, "image/png"))
    assert reason in unescape(page.text)
    assert "Hello</textarea>" in page.text
    assert not library()


def test_a_file_name_is_only_ever_text(ann: DeskBrowser) -> None:
    page = upload(ann, (EVIL, picture("PNG"), "text/html"), ("../../x.png", picture("PNG", color="blue"), "image/png"))
    assert "<script>alert" not in page.text
    assert [blob.name for blob in library()] == ["script.png", "x.png"]
    refused = upload(ann, (EVIL, b"no picture", "text/html"))
    assert "<script>alert" not in refused.text


def test_a_served_file_can_do_nothing_in_a_browser(desk: Desk, ann: DeskBrowser) -> None:
    # A picture that is a page, too, for a browser that guesses.
    content = picture("GIF") + b"<html><script>alert(1)</script>"
    upload(ann, ("fox.gif", content, "text/html"))
    (blob,) = library()
    answer = ann.get(f"/desk/library/{blob.sha256}")
    assert answer.content == content
    headers = answer.headers
    assert headers["content-type"] == "image/gif"
    assert headers["content-disposition"] == 'attachment; filename="fox.gif"'
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["x-content-type-options"] == "nosniff"
    assert "private" in headers["cache-control"]
    assert ann.get(f"/desk/library/{blob.sha256}", range="bytes=0-5").status_code == 206
    small = ann.get(f"/desk/library/{blob.sha256}/small")
    assert (small.headers["content-type"], small.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert ann.get("/desk/library/unknown").status_code == 404
    assert desk.browser().get(f"/desk/library/{blob.sha256}").status_code == 303
    assert desk.person("none", {}).get(f"/desk/library/{blob.sha256}").status_code == 403


def test_a_file_of_the_library_is_chosen_with_a_click(ann: DeskBrowser) -> None:
    assert "The library is empty" in upload(ann, do="library:1").text
    upload(ann, ("fox.png", picture("PNG"), "image/png"))
    (choice,) = re.findall(r'value="(use:1:[0-9a-f]{64})"', upload(ann, do="library:1").text)
    assert 'name="source-1" value="library:fox.png"' in upload(ann, do=choice).text


def test_htmx_gets_only_the_new_files_so_that_nothing_typed_is_lost(ann: DeskBrowser) -> None:
    token = re.findall(r'name="token" value="([^"]+)"', ann.get(NEW).text)[0]
    fields = {"token": token, "do": "upload:1", "account": "acme", "text-1": "Hello", "source-1": "library:old.png"}
    files = [("upload-1", ("fox.png", picture("PNG"), "image/png")), ("upload-1", ("no.txt", b"no", "text/plain"))]
    part = ann.client.post(NEW, data=fields, files=files, headers={"hx-request": "true"}).text
    assert part.count("<li") == 1
    assert "library:old.png" not in part
    assert 'name="text-1"' not in part
    assert "no.txt is not a PNG" in part


def test_no_source_of_the_form_reaches_a_file_of_the_machine(ann: DeskBrowser) -> None:
    forged = {"source-1": ["/etc/passwd", "http://169.254.169.254/", "library:x.png"], "alt-1": ["", "", ""]}
    page = upload(ann, do="update", **forged)  # type: ignore[arg-type]
    assert re.findall(r'name="source-1" value="([^"]+)"', page.text) == ["library:x.png"]


def test_only_the_form_of_a_post_takes_a_video(desk: Desk) -> None:
    ann = desk.person("ann", Role.WRITER)
    for path, most in (("/desk/me", LONGEST_DESK_BODY), (NEW, LONGEST_POST_BODY)):
        assert status_of(desk, ann, path, most + 1) == 413
        assert status_of(desk, desk.browser(), path, most - 1) == 303
    # Nothing of it is read for a person who may not send it.
    assert status_of(desk, desk.person("viv", Role.VIEWER), NEW, LONGEST_POST_BODY - 1) == 403


def status_of(desk: Desk, browser: DeskBrowser, path: str, length: int) -> int:
    """The answer to the head of a form of this length."""
    address = urlsplit(desk.url)
    cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {cookies}\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=9) as connection:
        connection.sendall(head.encode())
        return int(connection.recv(1000).split()[1])

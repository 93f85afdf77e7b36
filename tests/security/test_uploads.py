"""The upload of a signed-in writer may take its time; that of others may not."""

import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from campaign.web.app import REQUEST_SECONDS
from models import Role
from tests.databases import Database
from tests.desk_site import Desk, open_desk
from tests.pictures import MP4
from tests.readings import saved_service

NEW = "/desk/posts/new"


@pytest.fixture
def desk(sqlite_database: Database) -> Iterator[Desk]:  # noqa: ARG001
    with open_desk() as opened:
        yield opened


def test_a_slow_upload_of_a_writer_is_not_cut_off(desk: Desk) -> None:
    saved_service()
    ann = desk.person("ann", Role.WRITER)
    token = re.findall(r'name="token" value="([^"]+)"', ann.get(NEW).text)[0]
    fields = {"token": token, "do": "upload:1", "account": "acme", "text-1": "Hello"}
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    file = '--b\r\nContent-Disposition: form-data; name="upload-1"; filename="film.mp4"\r\n\r\n'
    body = "".join([*parts, file]).encode() + MP4 + b"\r\n--b--\r\n"
    address = urlsplit(desk.url)
    cookies = "; ".join(f"{name}={value}" for name, value in ann.client.cookies.items())
    head = f"POST {NEW} HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {cookies}\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode())
        pieces, began = 6, time.monotonic()
        for number in range(pieces):
            time.sleep((REQUEST_SECONDS + 2) / pieces)
            connection.sendall(body[number * len(body) // pieces : (number + 1) * len(body) // pieces])
        assert time.monotonic() - began > REQUEST_SECONDS
        answer = b""
        while piece := connection.recv(100_000):
            answer += piece
            if b"</html>" in answer:
                break
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"library:film.mp4" in answer

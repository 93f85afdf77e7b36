"""The body of a call: a form, JSON, or parts (RFC 7578). Only a form is signed (RFC 5849, section 3.4.1.3)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data"
BOUNDARY = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
NAME = re.compile(rb'[;\s]name="([^"]*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Body:
    """`fields` are those of a form or of parts without a filename, as text; `files` all parts; `raw` all of it."""

    form: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    raw: bytes = b""

    def json(self) -> dict[str, Any] | None:
        """Returns the object that it is in JSON; None when it is none."""
        try:
            content = orjson.loads(self.raw)
        except orjson.JSONDecodeError:
            return None
        return content if isinstance(content, dict) else None


async def read(request: Request) -> Body:
    """Returns the body of this request, by its content type."""
    raw, kind = await request.body(), request.headers.get("content-type", "")
    if kind.startswith(FORM):
        form = raw.decode(errors="replace")
        return Body(form, dict(parse_qsl(form)), raw=raw)
    boundary = BOUNDARY.search(kind)
    if kind.startswith(PARTS) and boundary:
        return _of_parts(_parts(raw, boundary[1].encode()))
    return Body(raw=raw)


def _of_parts(parts: Iterable[tuple[bytes, bytes]]) -> Body:
    body = Body()
    for head, content in parts:
        name = NAME.search(head)
        if name:
            body.files[name[1].decode(errors="replace")] = content
        if name and b"filename=" not in head:
            body.fields[name[1].decode(errors="replace")] = content.decode(errors="replace")
    return body


def _parts(raw: bytes, boundary: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Returns the headers and the content of each part."""
    for part in (b"\r\n" + raw).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        yield head, content

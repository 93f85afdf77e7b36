"""JSON as X sends it."""

import json
from typing import Any

import orjson


def parse(body: bytes) -> Any:
    """The document in `body`; raises ValueError when it is none.

    Names cut in the middle of an emoji make text that strict JSON forbids; one of them must not hide a page.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_mended(body)


def _parse_mended(body: bytes) -> Any:
    try:
        document = json.loads(body.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return orjson.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))

"""The one script that is not ours."""

from base64 import b64encode
from hashlib import sha384
from importlib.resources import files

#: Of dist/htmx.min.js in htmx.org 2.0.11 of the npm registry; CONTRIBUTING.md says how a new version is taken.
HTMX = "2OatzQy1H+Zd/IIrjr1TcuDGqLXeHhbooAyJY1KdQMKnr4LZ22k31GBLdYKHmVjg"


def test_htmx_is_the_file_that_was_published() -> None:
    content = (files("campaign.web.desk") / "static" / "htmx.min.js").read_bytes()
    assert b64encode(sha384(content).digest()).decode() == HTMX
    assert b'version:"2.0.11"' in content

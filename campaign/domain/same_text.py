"""Whether a post that X shows is one that was written here. Pure."""

import re
from unicodedata import normalize
from urllib.parse import unquote

# X completes and respells links: `Example.com` comes back as `http://example.com/`. Whatever may be one is compared
# without its scheme, the case of its host, a slash at its end and the way its characters are encoded.
_LINK = re.compile(
    r"(?:https?://|(?<![\w.-]))(?P<host>(?:[\w-]++\.)+[^\W\d_]{2,}+(?::\d+)?+)(?!@)(?P<path>[/?#]\S*+)?", re.IGNORECASE
)
_PATH_AND_END = re.compile(r"(.*\w)?(\W*)", re.DOTALL)
_SLASH_BEFORE_QUERY = re.compile(r"^/(?=[?#])")
_BREAK = re.compile(r"\r\n?|\n")


def is_same_text(written: str, shown: str) -> bool:
    """Whether X's `shown`, links expanded and escapes undone, is `written` as far as X keeps a text as it is.

    X stores texts in Unicode's NFC (docs.x.com/fundamentals/counting-characters) and without space around them.
    """
    return comparable(written) == comparable(shown)


def comparable(text: str) -> str:
    """What two texts have in common when they are the same in this sense, to look one up among many."""
    lines = "\n".join(line.rstrip() for line in _BREAK.split(normalize("NFC", text)))
    return _LINK.sub(_plain_link, lines.strip())


def _plain_link(found: re.Match[str]) -> str:
    path, end = _PATH_AND_END.fullmatch(unquote(found["path"] or "")).groups("")  # type: ignore[union-attr]
    return found["host"].lower() + _SLASH_BEFORE_QUERY.sub("", path) + end.replace("/", "")

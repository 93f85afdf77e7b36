"""A post's text as the person wrote it, made from what X shows. Pure."""

import re
from collections.abc import Collection, Mapping

# X escapes these three and nothing else; all others are what somebody wrote.
_ESCAPED = re.compile("&(amp|lt|gt);")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">"}


def as_written(shown: str, links: Mapping[str, str], media_links: Collection[str]) -> str:
    """`shown` with its short links replaced by what they stand for, and without the links to its own media.

    `links` maps short links to full ones: `expanded_url`, in which X completes `example.com` to
    `http://example.com`. X puts `media_links` at the end. Other text stays as it is.
    """
    text = _ESCAPED.sub(lambda found: _CHARACTERS[found[1]], shown)
    while link := next((each for each in media_links if each and text.endswith(each)), None):
        text = text.removesuffix(link).rstrip()
    # In one go, longest first: no link is looked for inside another, nor in what was put in already.
    short = "|".join(re.escape(each) for each in sorted(links, key=len, reverse=True) if each)
    return re.sub(short, lambda found: links[found[0]], text) if short else text

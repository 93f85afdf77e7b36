"""What a handle on X may look like."""

import re

from campaign.errors import WrongUsage

#: docs.x.com, `GET /2/users/by`: ^[A-Za-z0-9_]{1,15}$
_HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")


def check_handle(text: str) -> str:
    """Return the handle as given; raises WrongUsage in one sentence when X cannot know it."""
    if _HANDLE.fullmatch(text):
        return text
    if text.startswith("@") and _HANDLE.fullmatch(text[1:]):
        raise WrongUsage(f"Write the handle without the @: {text[1:]}.")
    if len(text) > 15:  # noqa: PLR2004
        raise WrongUsage(f"{text!r} is {len(text)} characters long; a handle on X has at most 15.")
    raise WrongUsage(
        f"{text!r} is not a handle on X; it has 1 to 15 letters, digits and underscores, and nothing else."
    )

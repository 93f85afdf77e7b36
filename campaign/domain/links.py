"""The links of a text whose clicks are counted, and the text with short ones in their place. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from campaign.domain.content import NamedLink
from campaign.domain.weight import links

SHORT_LINKS_LAST = timedelta(days=365)
"""Counted from the start of a delivery: a post is found and read for a year, and an old offer is nobody's any more."""

# X shows what its own addresses lead to: replaced, a quoted post would be a mere link.
_OF_X = re.compile(r"(?:.+\.)?(?:x\.com|twitter\.com|t\.co)", re.IGNORECASE)
_SERVICE_FIELD = re.compile(r"\{\{\s*service\.(\w+)\s*\}\}")
_OTHER_FIELD = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_CONDITION = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
#: In every address there is a dot between two characters; what knows more of addresses takes half a second to load.
_MAYBE = re.compile(r"[^\s.]\.[^\s.]")
#: No address has them in it, so that one ends where a field of a person or a condition begins.
_A_FIELD, _A_CONDITION = "\ue000", "\ue001"

TOKEN_LENGTH = 12
"""71 bits: to meet one of a billion tokens by trying, a thousand times a second, takes tens of thousands of years."""
_SHORT = re.compile(rf"https?://(?:(?!https?://)\S)+?/r/([A-Za-z0-9]{{{TOKEN_LENGTH}}})(?![A-Za-z0-9])")


def countable(
    text: str, named: Sequence[NamedLink], public_url: str, service: Mapping[str, str | None] | None = None
) -> dict[str, NamedLink]:
    """The links of a text that are the same for everybody who gets it, by their address as it is written.

    Those of X itself and our own are none of them, nor what was named and is not to be tracked.
    """
    fields = service or {}
    known = {filled(one.url, fields): one for one in named}
    found = _links(text, fields, public_url, personal=False)
    chosen = {url: known.get(url, NamedLink(url=url)) for url in found}
    return {url: one for url, one in chosen.items() if one.tracked}


def personal(text: str, public_url: str) -> list[str]:
    """The beginnings of links that fields of a person go on, so that each is another one."""
    return _links(_SERVICE_FIELD.sub("x", text), {}, public_url, personal=True)


def _links(text: str, service: Mapping[str, str | None], public_url: str, *, personal: bool) -> list[str]:
    whole = filled(text, service)
    if not _MAYBE.search(whole):
        return []
    found = (span.text for span in links(whole) if (whole[span.end : span.end + 1] == _A_FIELD) is personal)
    return [url for url in dict.fromkeys(found) if not _stays(url, public_url)]


def filled(text: str, service: Mapping[str, str | None]) -> str:
    """A text with the fields of a service, and a sign that no address has for every other field and condition."""
    with_service = _SERVICE_FIELD.sub(lambda found: service.get(found[1]) or _A_FIELD, text)
    return _CONDITION.sub(_A_CONDITION, _OTHER_FIELD.sub(_A_FIELD, with_service))


def shortened(text: str, short: Mapping[str, str]) -> str:
    """The text with the short address of each link in its place; links without one stay as they are."""
    return "".join(_pieces(text, short)) if any(url in text for url in short) else text


def _pieces(text: str, short: Mapping[str, str]) -> Iterator[str]:
    position = 0
    for span in links(text):
        if span.text in short:
            yield text[position : span.start]
            yield short[span.text]
            position = span.end
    yield text[position:]


def tokens_in(text: str) -> list[str]:
    """The tokens of the short links in a text, whatever address they had when they were written."""
    return _SHORT.findall(text)


def as_written(text: str, urls: Mapping[str, str]) -> str:
    """A text with the links back that short ones stand for, by their tokens; what is unknown stays."""
    return _SHORT.sub(lambda found: urls.get(found[1], found[0]), text)


def target_of(url: str) -> str:
    """Where a link leads: without a scheme X takes it for http, and so is it done here.

    A host with letters of all the world is written as the network knows it.
    """
    whole = url if url.lower().startswith(("http://", "https://")) else f"http://{url}"
    try:
        place = urlsplit(whole).netloc
        return whole if place.isascii() else whole.replace(place, place.encode("idna").decode(), 1)
    except ValueError:
        return whole


def _stays(url: str, public_url: str) -> bool:
    is_ours = bool(public_url) and f"{url}/".startswith(f"{public_url}/")
    return is_ours or bool(_OF_X.fullmatch(_host(url)))


def _host(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""

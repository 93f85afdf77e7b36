"""Links whose clicks are counted: found in a text, replaced by short ones, and saved."""

import re
import secrets
import string
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from unicodedata import normalize
from urllib.parse import urlsplit

from sqlalchemy import BigInteger, Text, bindparam, cast, insert, select
from sqlmodel import Session, col

from campaign.db.engine import among, as_rows, is_on_postgresql, rows_of
from campaign.deliveries import log as messages
from campaign.deliveries.draft import Draft, NamedLink, RenderedPart
from campaign.deliveries.templating import LONGEST_WITH_FILE, service_fields
from campaign.settings import load_settings
from campaign.x.text import ORDINARY_POST, ascii_host, links, weigh
from models import MAIN, Delivery, Link, Message, MessageState, Moment, Service, ShortLink

SHORT_LINKS_LAST = timedelta(days=365)
"""Counted from the start of a delivery: a post is found and read for a year, and after that its offer is over."""

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
_LETTERS = string.ascii_letters + string.digits
_PATH = re.compile(r"(?<![:/])[/?#]")
#: A link ends before a letter of another script, a picture or a bracket, or before signs that lead to one.
_CUT = re.compile(r"[-_.~+=&%/?#]*([^\W\x00-\x7f]|[\u2600-\u27bf\U0001f000-\U0001fbff]|\{(?![{%#])|[\\^`|](?=[^\W_]))")
_SHORT = re.compile(rf"https?://(?:(?!https?://)\S)+?/r/([A-Za-z0-9]{{{TOKEN_LENGTH}}})(?![A-Za-z0-9])")

Named = Mapping[str, NamedLink]
"""Links by their address as it is written."""
Tokens = Mapping[tuple[int, str], str]
"""The token of a message for a link, by the message's id and the address as it is written."""


def countable(
    text: str, named: Sequence[NamedLink], public_url: str, service: Mapping[str, str | None] | None = None
) -> dict[str, NamedLink]:
    """Returns the links of a text that are the same for every recipient, by their address as it is written.

    Those of X itself and our own are left out, and those that are named and not to be tracked.
    """
    fields = service or {}
    known = {filled(one.url, fields): one for one in named}
    found = _links(text, fields, public_url, personal=False)
    chosen = {url: known.get(url, NamedLink(url=url)) for url in found}
    return {url: one for url, one in chosen.items() if one.tracked}


def personal(text: str, public_url: str) -> list[str]:
    """Returns the beginnings of links that go on with fields of a person, so that each is another one."""
    return _links(_SERVICE_FIELD.sub("x", text), {}, public_url, personal=True)


def cut_links(text: str) -> list[tuple[str, str]]:
    """Returns the links with a path or a query that end at a sign that is not of an address, with that sign."""
    if not _MAYBE.search(text):
        return []
    written = normalize("NFC", text)
    found = ((span.text, _CUT.match(written, span.end)) for span in links(written))
    return [(url, cut[1]) for url, cut in found if cut and _PATH.search(url)]


def _links(text: str, service: Mapping[str, str | None], public_url: str, *, personal: bool) -> list[str]:
    whole = filled(text, service)
    if not _MAYBE.search(whole):
        return []
    found = (span.text for span in links(whole) if (whole[span.end : span.end + 1] == _A_FIELD) is personal)
    return [
        url
        for url in dict.fromkeys(found)
        if not _OF_X.fullmatch(_host_of(url)) and not (public_url and f"{url}/".startswith(f"{public_url}/"))
    ]


def _host_of(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""


def filled(text: str, service: Mapping[str, str | None]) -> str:
    """Fills in the fields of a service, and a sign that no address has for every other field and condition."""
    with_service = _SERVICE_FIELD.sub(lambda found: service.get(found[1]) or _A_FIELD, text)
    return _CONDITION.sub(_A_CONDITION, _OTHER_FIELD.sub(_A_FIELD, with_service))


def shortened(text: str, short: Mapping[str, str]) -> str:
    """Puts the short address of each link in its place; links without one stay as they are."""
    if not any(url in text for url in short):
        return text
    pieces, position = [], 0
    for span in links(text):
        if span.text in short:
            pieces += [text[position : span.start], short[span.text]]
            position = span.end
    return "".join([*pieces, text[position:]])


def restore_links(text: str, urls: Mapping[str, str]) -> str:
    """Puts back the links that short ones stand for, by their tokens; unknown ones stay."""
    return _SHORT.sub(lambda found: urls.get(found[1], found[0]), text)


def destination_of(url: str) -> str:
    """Returns where a link leads: without a scheme X takes it for http, and so does this.

    A host with letters of all the world is written as browsers write it for the network.
    """
    whole = url if url.lower().startswith(("http://", "https://")) else f"http://{url}"
    try:
        place = urlsplit(whole).netloc
    except ValueError:
        return whole
    user, at, host = place.rpartition("@")
    name, colon, port = host.partition(":")
    return whole if host.isascii() else whole.replace(place, f"{user}{at}{ascii_host(name)}{colon}{port}", 1)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a short link leads, whose click it is, and until when."""

    link_id: int
    message_id: int
    url: str
    expires_at: datetime


_TARGET = (
    select(col(ShortLink.link_id), col(ShortLink.message_id), col(Link.url), col(ShortLink.expires_at))
    .join(Link, col(Link.id) == col(ShortLink.link_id))
    .where(col(ShortLink.token) == bindparam("token"))
)


def target_of(session: Session, token: str) -> Target | None:
    """Returns where a token leads, expired or not; None for an unknown one."""
    found = session.execute(_TARGET, {"token": token}).one_or_none()
    return Target(*found) if found else None


def tokens_of(session: Session, message_ids: Sequence[int]) -> dict[tuple[int, str], str]:
    """Returns the short links that these messages have already."""
    known = select(col(ShortLink.message_id), col(Link.url), col(ShortLink.token)).join(
        Link, col(Link.id) == col(ShortLink.link_id)
    )
    rows = session.execute(known.where(among(session, col(ShortLink.message_id), message_ids, BigInteger())))
    return {(message_id, url): token for message_id, url, token in rows}


def as_written(session: Session, texts: Sequence[str]) -> list[str]:
    """Returns texts that went out, with the links in them that the short ones stand for."""
    tokens = sorted({token for text in texts for token in _SHORT.findall(text)})
    if not tokens:
        return list(texts)
    known = select(col(ShortLink.token), col(Link.url)).join(Link, col(Link.id) == col(ShortLink.link_id))
    urls = dict(session.execute(known.where(among(session, col(ShortLink.token), tokens, Text()))).tuples().all())
    return [restore_links(text, urls) for text in texts]


def text_of(session: Session, message: Message) -> str:
    """Returns the text of a message with the links as they were written; a short link of another message stays."""
    if not _SHORT.search(message.text):
        return message.text
    own = {token: url for (_, url), token in tokens_of(session, [message.id]).items()}
    return restore_links(message.text, own)


@dataclass(frozen=True, slots=True)
class Shortened:
    """Texts with short links in them, by message, and the tokens that are new."""

    texts: dict[int, str]
    tokens: dict[tuple[int, str], str]

    def tokens_of(self, message_ids: Container[int]) -> dict[tuple[int, str], str]:
        """Returns the new tokens of some of the messages."""
        return {pair: token for pair, token in self.tokens.items() if pair[0] in message_ids}


def links_in(draft: Draft, service: Service) -> dict[str, NamedLink]:
    """Returns the links of a broadcast that are replaced; none without tracking or a public address."""
    public_url = load_settings().public_url
    if not draft.tracking or not public_url:
        return {}
    return countable(draft.content.parts[0].text, draft.content.links, public_url, service_fields(service))


def shorten_messages(texts: Mapping[int, str], named: Named) -> Shortened:
    """Puts short links into direct messages; one that would be longer than X takes stays as it is."""
    return _shorten(texts, named, {}, len, LONGEST_WITH_FILE)


def shorten_posts(
    session: Session, delivery: Delivery, parts: Iterable[RenderedPart], now: datetime, proof_number: int = MAIN
) -> None:
    """Puts short links into the log of what is not out, where each post keeps those that it had."""
    by_place = {(part.service_id, part.part): {one.url: one for one in part.links} for part in parts}
    if not delivery.tracking or not load_settings().public_url or not any(by_place.values()):
        return
    log = messages.of_delivery(session, delivery, proof_number)
    waiting = [(one, by_place.get((one.service_id, one.part), {})) for one in log if one.state is MessageState.PENDING]
    known = tokens_of(session, [one.id for one, _ in waiting])
    for message, named in waiting:
        # X counts every link alike, but it takes a machine's own name, as in a demonstration, for no link.
        longest = max(weigh(message.text), ORDINARY_POST)
        short = _shorten({message.id: message.text}, named, known, weigh, longest)
        message.text = short.texts[message.id]
        save_links(session, delivery, named, short.tokens, now)


def _shorten(
    texts: Mapping[int, str], named: Named, known: Tokens, measure: Callable[[str], int], longest: int
) -> Shortened:
    made, beginning = Shortened(dict(texts), {}), f"{load_settings().public_url}/r/"
    for message_id, text in texts.items():
        tokens = {url: known.get((message_id, url)) or new_token() for url in named if url in text}
        short = shortened(text, {url: beginning + token for url, token in tokens.items()})
        if short != text and measure(short) <= longest:
            made.texts[message_id] = short
            pairs = {(message_id, url): token for url, token in tokens.items() if token in short}
            made.tokens.update({pair: token for pair, token in pairs.items() if pair not in known})
    return made


def new_token() -> str:
    """Returns letters and digits of the system's randomness."""
    return "".join(secrets.choice(_LETTERS) for _ in range(TOKEN_LENGTH))


def save_links(session: Session, delivery: Delivery, named: Named, tokens: Tokens, now: datetime) -> None:
    """Saves new short links of a delivery's messages, in one statement; `named` has their links by address."""
    if not tokens:
        return
    # New links get the next numbers, known ones their names.
    known = {one.url: one for one in session.scalars(select(Link).where(col(Link.delivery_id) == delivery.id))}
    for url in dict.fromkeys(url for _, url in tokens):
        if url not in known:
            known[url] = Link(delivery_id=delivery.id, number=len(known) + 1, url=url)
            session.add(known[url])
        known[url].label, known[url].category = named[url].label, named[url].category
    session.flush()
    ids = {url: link.id for url, link in known.items()}
    rows = rows_of(["message_id", "link_id", "token"], on_postgresql=is_on_postgresql(session))
    until = bindparam("expires_at", type_=Moment())
    columns = rows.c.token, cast(rows.c.link_id, BigInteger), rows.c.message_id, until
    names = ["token", "link_id", "message_id", "expires_at"]
    values = as_rows([[message_id, str(ids[url]), token] for (message_id, url), token in tokens.items()])
    statement = insert(ShortLink).from_select(names, select(*columns), include_defaults=False)
    expires_at = (delivery.started_at or now) + SHORT_LINKS_LAST
    session.connection().execute(statement, values | {"expires_at": expires_at})

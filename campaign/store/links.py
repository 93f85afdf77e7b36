"""Links of deliveries, and the short ones that stand in the texts for them."""

import secrets
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Text, bindparam, cast, insert, select
from sqlmodel import Session, col

from campaign.domain import links
from campaign.domain.content import NamedLink
from campaign.domain.links import TOKEN_LENGTH
from campaign.store.lists import among, as_rows, is_on_postgresql, rows_of
from models import Link, Message, ShortLink
from models.base import Moment

_LETTERS = string.ascii_letters + string.digits
_TARGET = (
    select(col(ShortLink.link_id), col(ShortLink.message_id), col(Link.url), col(ShortLink.expires_at))
    .join(Link, col(Link.id) == col(ShortLink.link_id))
    .where(col(ShortLink.token) == bindparam("token"))
)

Tokens = Mapping[tuple[int, str], str]
"""The token of a message for a link, by the message's id and the address as it is written."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a short link leads, whose click it is, and until when."""

    link_id: int
    message_id: int
    url: str
    expires_at: datetime


def new_token() -> str:
    """Letters and digits of the system's randomness."""
    return "".join(secrets.choice(_LETTERS) for _ in range(TOKEN_LENGTH))


def target_of(session: Session, token: str) -> Target | None:
    """Where a token leads, expired or not; None when it is none."""
    found = session.execute(_TARGET, {"token": token}).one_or_none()
    return Target(*found) if found else None


def tokens_of(session: Session, message_ids: Sequence[int]) -> dict[tuple[int, str], str]:
    """The short links that these messages have already."""
    known = select(col(ShortLink.message_id), col(Link.url), col(ShortLink.token)).join(
        Link, col(Link.id) == col(ShortLink.link_id)
    )
    rows = session.execute(known.where(among(session, col(ShortLink.message_id), message_ids, BigInteger())))
    return {(message_id, url): token for message_id, url, token in rows}


def write(
    session: Session, delivery_id: int, named: Mapping[str, NamedLink], tokens: Tokens, expires_at: datetime
) -> None:
    """Keep new short links of a delivery's messages, in one statement; `named` has their links by address."""
    if not tokens:
        return
    ids = _ids(session, delivery_id, {url: named[url] for _, url in tokens})
    given = rows_of(["message_id", "link_id", "token"], on_postgresql=is_on_postgresql(session))
    until = bindparam("expires_at", type_=Moment())
    columns = given.c.token, cast(given.c.link_id, BigInteger), given.c.message_id, until
    names = ["token", "link_id", "message_id", "expires_at"]
    rows = as_rows([[message_id, str(ids[url]), token] for (message_id, url), token in tokens.items()])
    statement = insert(ShortLink).from_select(names, select(*columns), include_defaults=False)
    session.connection().execute(statement, rows | {"expires_at": expires_at})


def _ids(session: Session, delivery_id: int, named: Mapping[str, NamedLink]) -> dict[str, int]:
    """The ids of links by their address; those that are new get the next numbers, those that are known their name."""
    known = {one.url: one for one in session.scalars(select(Link).where(col(Link.delivery_id) == delivery_id))}
    for url, one in named.items():
        if url not in known:
            known[url] = Link(delivery_id=delivery_id, number=len(known) + 1, url=url)
            session.add(known[url])
        known[url].label, known[url].category = one.label, one.category
    session.flush()
    return {url: link.id for url, link in known.items()}


def as_written(session: Session, texts: Sequence[str]) -> list[str]:
    """Texts that went out, with the links in them that the short ones stand for."""
    tokens = {token for text in texts for token in links.tokens_in(text)}
    urls = _urls(session, tokens) if tokens else {}
    return [links.as_written(text, urls) for text in texts]


def text_of(session: Session, message: Message) -> str:
    """The text of a message with the links as they were written; a short link of another message stays."""
    if not links.tokens_in(message.text):
        return message.text
    own = {token: url for (_, url), token in tokens_of(session, [message.id]).items()}
    return links.as_written(message.text, own)


def _urls(session: Session, tokens: Iterable[str]) -> dict[str, str]:
    known = select(col(ShortLink.token), col(Link.url)).join(Link, col(Link.id) == col(ShortLink.link_id))
    rows = session.execute(known.where(among(session, col(ShortLink.token), sorted(tokens), Text())))
    return dict(rows.tuples().all())
